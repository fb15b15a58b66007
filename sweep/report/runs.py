"""What it took, and what went wrong: trials, time, cost, provenance, failures, collapses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sweep.planning.pricing import GpuTable, load_gpus
from sweep.report.blocks import Block, Cell, Prose, Row, Section, Table, columns, number, text
from sweep.report.source import RUNS, Source, anchor
from sweep.report.trials import short

PHASES = ("intermediate", "target", "evaluate")


def section(source: Source) -> Section:
    """Sums, then each failure and collapse, then which code made it."""
    trials = [*{row["trial_id"]: row for row in source.trials}.values()]
    failed = [row for row in trials if row["status"] == "failed"]
    fallen = [row for row in trials if row["collapsed"]]
    table = load_gpus()
    blocks: list[Block] = [_phases(trials, table), Prose((_prices(trials, table),))]
    blocks += [_failures(failed)] if failed else []
    blocks += [_collapses(fallen)] if fallen else []
    if not failed and not fallen:
        blocks.append(Prose(("No trial failed, and none ended at chance.",)))
    blocks.append(
        _provenance(source) if source.provenance else Prose(("The ledger does not say which code ran.",), "note")
    )
    return Section("runs", "What it took", tuple(blocks))


def _phases(trials: Sequence[Row], table: GpuTable) -> Table:
    rows = [(name, [row for row in trials if row["phase"] == name]) for name in PHASES]
    return Table(
        name="phases",
        caption="Trials, time and cost by phase",
        columns=columns(
            "phase", "#trials", "#finished", "#pruned", "#failed", "#at chance", "#hours", "#GPU-hours", "#dollars",
            "#optimizer steps", "#peak memory, GB", "devices",
        ),
        rows=tuple(_sums(name, of, table) for name, of in (*[row for row in rows if row[1]], ("all", trials))),
        source="select phase, status, count(*), sum(seconds) / 3600, sum(gpu_hours) from trials group by all",
    )  # fmt: skip


def _sums(name: str, trials: Sequence[Row], table: GpuTable) -> tuple[Cell, ...]:
    ends = Counter(row["status"] for row in trials)
    devices = Counter(row["device"] for row in trials if row["device"])
    costs = [_dollars(row, table) for row in trials if row["gpu_hours"]]
    return (
        text(name),
        number(len(trials), 0),
        *(number(ends[end], 0) for end in ("finished", "pruned", "failed")),
        number(sum(bool(row["collapsed"]) for row in trials), 0),
        number(_sum(row["seconds"] for row in trials) / 3600, 2),
        number(_sum(row["gpu_hours"] for row in trials), 2),
        number(_sum(costs) if costs and None not in costs else None, 2, missing="not known"),
        number(_sum(row["steps"] for row in trials), 0),
        number(max((row["peak_memory"] or 0 for row in trials), default=0) / 1e9 or None, 1),
        text(", ".join(f"{device} ({count})" for device, count in devices.most_common())),
    )


def _dollars(row: Row, table: GpuTable) -> float | None:
    gpu = table.of_device(row["device"])
    price = None if gpu is None else gpu.on_demand
    return None if price is None else price * float(row["gpu_hours"])


def _prices(trials: Sequence[Row], table: GpuTable) -> str:
    """Where the dollars come from."""
    used = dict.fromkeys(row["device"] for row in trials if row["gpu_hours"])
    found = [gpu for device in used if (gpu := table.of_device(device)) is not None and gpu.on_demand is not None]
    if not used:
        return "Nothing ran on a GPU, and what a CPU costs is not known."
    told = [f"${gpu.on_demand:g} an hour of {gpu.name} ({gpu.priced})" for gpu in found]
    hours = "Hours are those of trials, however they ended; idle machines are not in them."
    return f"{hours} Prices: {', '.join(told)}." if told else f"{hours} The price of these devices is not known."


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


def _provenance(source: Source) -> Table:
    libraries = ("python", "sweep", "torch", "cuda", "ray", "transformers", "datasets")
    return Table(
        name="provenance",
        caption="Which code made the trials",
        columns=columns("started", "#trials", "host", "commit", *libraries, "command"),
        rows=tuple(
            (
                text(f"{row['started_at']:%Y-%m-%d %H:%M}" if row["started_at"] else None),
                number(row["trials"], 0),
                text(row["host"]),
                text(_commit(row)),
                *(text(row[name]) for name in libraries),
                text(row["command"]),
            )
            for row in source.provenance
        ),
        source=RUNS.strip(),
    )


def _commit(row: Row) -> str:
    commit = (row["git_commit"] or "")[:12]
    return f"{commit}, with changes" if commit and row["git_dirty"] else commit
