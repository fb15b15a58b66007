"""A submission folder in the official layout, made of the predictions of a condition's winners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sweep.experiment.regimes import ZERO_SHOT
from sweep.results.query import query
from sweep.scoring import benchmark
from sweep.scoring.benchmark import BenchmarkTask
from sweep.scoring.submission import FORMATS
from trainables.data import kept
from trainables.errors import Problem, UserError, nearest
from trainables.store import Store

Row = Mapping[str, Any]
"""A row of the view `predictions`."""

_PREDICTED: Mapping[str, Callable[[Sequence[Row]], Any]] = {
    "labels": lambda rows: [row["prediction"] for row in rows],
    "choices": lambda rows: [row["prediction"] for row in rows],
    "tags": lambda rows: [row["prediction"].split(" ") for row in rows],
    "pairs": lambda rows: [(row["example"], id) for row in rows for id in row["prediction"].split()],
    "answers": lambda rows: {row["example"]: row["prediction"] for row in rows},
    "rankings": lambda rows: {row["example"]: row["prediction"].split(" ") for row in rows},
}
_GOLD: Mapping[str, Callable[[Sequence[Row]], Any]] = {
    "labels": lambda rows: [row["gold"][0] for row in rows],
    "choices": lambda rows: [row["gold"][0] for row in rows],
    "tags": lambda rows: [row["gold"] for row in rows],
    "pairs": lambda rows: [(row["example"], id) for row in rows for id in row["gold"]],
    "answers": lambda rows: {row["example"]: row["gold"] for row in rows},
    "rankings": lambda rows: {row["example"]: row["gold"] for row in rows},
}
"""From the rows of a task and language to what a file of each format holds."""


@dataclass(frozen=True)
class Exported:
    """What was written, and what was not.

    Attributes:
        seed: whose predictions these are.
        predictions, labels: the files, in order.
        hidden: predictions whose labels the release hides, so that there is no file of labels.
        elsewhere: targets that no benchmark has, and that therefore have no official layout.
        unfinished: targets whose winner on that seed has not been evaluated, or failed.
        capped: whether the experiment's limits left only the first examples of each file.
    """

    seed: int
    predictions: tuple[Path, ...]
    labels: tuple[Path, ...]
    hidden: tuple[str, ...]
    elsewhere: tuple[str, ...]
    unfinished: tuple[str, ...]
    capped: bool


def export(
    store: Store,
    condition: str,
    output: Path,
    labels: Path | None = None,
    seed: int | None = None,
    experiment: str | None = None,
    regime: str = ZERO_SHOT,
) -> Exported:
    """Writes the test predictions of a condition's winners, for every task and language that was evaluated.

    Args:
        experiment: which of the store's (see `sweep.planning.history.current`); None: its only one.
        output: a folder that is not there yet, or empty: nothing is mixed into another submission.
        labels: another such folder, for the right answers to the same examples.
        seed: of the winners; None: the lowest.
        regime: in which languages they were trained.

    Raises:
        UserError: the store has no such evaluation, a folder is not empty, or one of them lies in the other.
    """
    if labels is not None:
        refuse_nested(output, labels)
    refuse_full([folder for folder in (output, labels) if folder])
    experiments = [experiment] if experiment else []
    fates = _fates(store, condition, regime, experiments)
    seed = _seed(condition, fates, seed)
    # What nothing was trained for knows no seed: it belongs to the submission of every one.
    rows = query(
        store,
        """
        select target, language, example, prediction, gold, examples, eval_examples is not null as capped
        from predictions join ledger using (trial_id)
        where winner and split = 'test' and condition = $condition and (predictions.seed = $seed or chosen is null)
              and regime = $regime
        order by target, language, position
        """,
        {"condition": condition, "seed": seed, "regime": regime},
        experiments,
    ).to_pylist()
    if lost := sorted({row["examples"] for row in rows if row["example"] is None}):
        hint = "`sweep doctor` tells of files that are not as they should be"
        message = "is not there, and predictions are of its examples"
        raise UserError([Problem(message, store.path(kept.name(one)), hint=hint) for one in lost])
    known = official_tasks()
    written: dict[str, list[Path]] = {"predictions": [], "labels": []}
    hidden = []
    for (target, language), group in groupby(rows, key=lambda row: (row["target"], row["language"])):
        task, own = known.get(target), list(group)
        if task is None:
            continue
        form = FORMATS[task.format]
        file = task.file(language)
        form.write(output / file, _PREDICTED[task.format](own))
        written["predictions"].append(output / file)
        if any(row["gold"] is None for row in own):
            hidden.append(file)
        elif labels is not None:
            form.write_gold(labels / file, _GOLD[task.format](own))
            written["labels"].append(labels / file)
    return Exported(
        seed=seed,
        predictions=tuple(written["predictions"]),
        labels=tuple(written["labels"]),
        hidden=tuple(hidden),
        elsewhere=tuple(sorted({row["target"] for row in rows} - set(known))),
        unfinished=tuple(target for target, of in fates.items() if of.get(seed, next(iter(of.values()))) != "finished"),
        capped=any(row["capped"] for row in rows),
    )


def official_tasks() -> dict[str, BenchmarkTask]:
    """The tasks of all benchmarks by name: a task's files are the same in each."""
    return {task.name: task for name in benchmark.names() for task in benchmark.load(name).tasks}


def refuse_full(folders: Sequence[Path]) -> None:
    """Raises UserError for folders that hold something."""
    full = [folder for folder in folders if folder.exists() and (folder.is_file() or any(folder.iterdir()))]
    hint = "give a new folder, so that files of different exports are never mixed"
    if full:
        raise UserError([Problem(f"'{folder}' is not empty", hint=hint) for folder in full])


def refuse_nested(output: Path, labels: Path) -> None:
    """Raises UserError where the right answers would be part of the submission, or it of them; links are followed."""
    one, other = output.resolve(), labels.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        message = f"labels in '{labels}' and predictions in '{output}' would lie in one folder"
        raise UserError(Problem(message, hint="give two folders side by side: a submission holds no right answers"))


def _fates(store: Store, condition: str, regime: str, experiments: Sequence[str]) -> dict[str, dict[int, str]]:
    """By target and seed what became of a condition's winner. A target that nothing is trained for has one seed.

    Where each language has a training of its own, that which is furthest from having finished.
    """
    rows = query(store, "from internal.seeds order by target, seed", experiments=experiments).to_pylist()
    conditions = sorted({row["condition"] for row in rows})
    if condition not in conditions:
        (name,) = {row["experiment"] for row in rows}
        message = f"experiment '{name}' has no condition '{condition}'"
        raise UserError(Problem(message, hint=nearest(condition, conditions)))
    regimes = sorted({row["regime"] for row in rows})
    if regime not in regimes:
        raise UserError(Problem(f"nothing was trained {regime}", hint=nearest(regime, regimes)))
    found: dict[str, dict[int, str]] = {}
    for row in rows:
        if (row["condition"], row["regime"]) == (condition, regime):
            of_target = found.setdefault(row["target"], {})
            if of_target.get(row["seed"], "finished") == "finished":
                of_target[row["seed"]] = row["fate"]
    return found


def _seed(condition: str, fates: Mapping[str, Mapping[int, str]], wanted: int | None) -> int:
    finished = sorted({seed for of in fates.values() for seed, fate in of.items() if fate == "finished"})
    if not finished:
        raise UserError(Problem(f"no evaluation of condition '{condition}' has finished", hint="has it been run?"))
    if wanted is not None and wanted not in finished:
        message = f"condition '{condition}' has no winners with seed {wanted}"
        raise UserError(Problem(message, hint=f"known: {', '.join(map(str, finished))}"))
    return finished[0] if wanted is None else wanted
