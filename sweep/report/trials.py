"""What stands behind the numbers: which trials each score comes from, and every trial."""

from __future__ import annotations

from sweep.report.blocks import Cell, Prose, Section, Table, columns, number, significant, text
from sweep.report.source import BEHIND, TRIALS, Source, anchor

FATES = {"finished": "finished", "failed": "failed", "missing": "not run yet"}


def section(source: Source) -> Section:
    """Two tables, one leading to the other."""
    words = "A score leads to its evaluation here, an evaluation to the trial that trained the model, and so on."
    return Section("trials", "Behind the numbers", (Prose((words,)), _behind(source), _trials(source)))


def _behind(source: Source) -> Table:
    known = {row["trial_id"] for row in source.trials}

    def lead(trial_id: str | None) -> Cell:
        return text(short(trial_id), anchor(trial_id) if trial_id in known else None)

    rows = tuple(
        (
            text(row["condition"]),
            text(row["target"]),
            text(row["regime"]),
            number(row["seed"], 0),
            text(FATES[row["fate"]] + (", training ended at chance" if row["collapsed"] else "")),
            number(row["score"], 2),
            number(row["languages"], 0),
            lead(row["evaluated"]),
            lead(row["trained"]),
            lead(row["started_from"]),
        )
        for row in source.behind
    )
    return Table(
        name="behind",
        caption="The trials that each score comes from, a row for each seed",
        columns=columns(
            "condition", "target", "trained", "#seed", "what became of it", "#mean over languages", "#languages",
            "evaluation", "training", "started from",
        ),
        rows=rows,
        anchors=tuple(f"behind-{place}" for place in range(len(rows))),
        source=BEHIND.strip(),
        long=True,
    )  # fmt: skip


def _trials(source: Source) -> Table:
    once = {row["trial_id"]: row for row in reversed(source.trials)}
    rows = [once[trial_id] for trial_id in dict.fromkeys(row["trial_id"] for row in source.trials)]
    return Table(
        name="all-trials",
        caption="Every trial that the experiment asks for and that has ended",
        columns=columns(
            "trial", "study", "role", "winner", "#seed", "status", "#score", "at chance", "#learning rate", "#epochs",
            "#batch size", "#seconds", "device", "starts from", "error",
        ),
        rows=tuple(
            (
                text(short(row["trial_id"])),
                text(row["study"]),
                text(row["role"]),
                text("winner" if row["winner"] and row["role"] != "evaluation" else ""),
                number(row["seed"], 0),
                text(row["status"]),
                number(row["objective"], 2, missing=""),
                text("yes" if row["collapsed"] else ""),
                significant(row["learning_rate"], missing=""),
                number(row["epochs"], 0, missing=""),
                number(row["batch_size"], 0, missing=""),
                number(row["seconds"], 1),
                text(row["device"]),
                text(short(row["parent"]), anchor(row["parent"]) if row["parent"] in once else None),
                text(row["error"], foreign=True),
            )
            for row in rows
        ),
        anchors=tuple(str(anchor(row["trial_id"])) for row in rows),
        source=TRIALS,
        long=True,
    )  # fmt: skip


def short(trial_id: str | None) -> str:
    """Enough of an id to tell trials apart by eye; the row's anchor has all of it."""
    return "" if trial_id is None else trial_id[:10]
