"""What it took, and what went wrong: trials, failures, collapses, time, cost, provenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sweep.report.blocks import Block, Cell, Row, Section, Table, Text, columns, number, text
from sweep.report.source import Source, anchor
from sweep.report.trials import short

PHASES = ("intermediate", "target", "evaluate")


def section(source: Source) -> Section:
    """Counts and sums, then each failure and collapse."""
    trials = [*{row["trial_id"]: row for row in source.trials}.values()]
    failed = [row for row in trials if row["status"] == "failed"]
    fallen = [row for row in trials if row["collapsed"]]
    blocks: list[Block] = [_phases(trials)]
    if failed:
        blocks.append(_failures(failed))
    if fallen:
        blocks.append(_collapses(fallen))
    if not failed and not fallen:
        blocks.append(Text(("No trial failed, and none ended at chance.",)))
    return Section("runs", "What it took", tuple(blocks))


def _phases(trials: Sequence[Row]) -> Table:
    rows = [(name, [row for row in trials if row["phase"] == name]) for name in PHASES]
    return Table(
        name="phases",
        caption="Trials, time and cost by phase",
        columns=columns(
            "phase", "#trials", "#finished", "#pruned", "#failed", "#at chance", "#hours", "#optimizer steps", "devices"
        ),
        rows=tuple(_sums(name, of) for name, of in (*[row for row in rows if row[1]], ("all", trials))),
        source="select phase, status, count(*), sum(seconds) / 3600 from trials group by all",
    )


def _sums(name: str, trials: Sequence[Row]) -> tuple[Cell, ...]:
    ends = Counter(row["status"] for row in trials)
    devices = Counter(row["device"] for row in trials if row["device"])
    return (
        text(name),
        number(len(trials), 0),
        *(number(ends[end], 0) for end in ("finished", "pruned", "failed")),
        number(sum(bool(row["collapsed"]) for row in trials), 0),
        number(_sum(row["seconds"] for row in trials) / 3600, 2),
        number(_sum(row["steps"] for row in trials), 0),
        text(", ".join(f"{device} ({count})" for device, count in devices.most_common())),
    )


def _sum(values: Iterable[float | None]) -> float:
    return sum(value for value in values if value is not None)


def _failures(trials: Sequence[Row]) -> Table:
    return Table(
        name="failures",
        caption="Trials that failed",
        columns=columns("trial", "study", "#seed", "#attempts", "error"),
        rows=tuple(
            (
                text(short(row["trial_id"]), anchor(row["trial_id"])),
                text(row["study"]),
                number(row["seed"], 0),
                number(row["attempts"], 0),
                text(row["error"], foreign=True),
            )
            for row in trials
        ),
        source="select trial_id, study, seed, attempts, error from trials where status = 'failed'",
    )


def _collapses(trials: Sequence[Row]) -> Table:
    return Table(
        name="collapses",
        caption="Trials that ended at chance, or with one answer to everything",
        columns=columns("trial", "study", "#seed", "winner", "#score"),
        rows=tuple(
            (
                text(short(row["trial_id"]), anchor(row["trial_id"])),
                text(row["study"]),
                number(row["seed"], 0),
                text("winner" if row["winner"] else ""),
                number(row["objective"], 2),
            )
            for row in trials
        ),
        source="select trial_id, study, seed, winner, objective from trials where collapsed",
    )
