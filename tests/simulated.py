"""A store whose results come from a known truth: what each condition adds, and how languages, seeds and examples vary.

Plan, search, driver and ledger are the real ones; trials end at once. A trial's predictions are drawn example by
example, scores are what the tasks' own metrics make of them.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sweep.console import Console
from sweep.experiment import BASELINE, Experiment
from sweep.ledger import Ledger, runs
from sweep.planning import history
from sweep.planning.plan import Study
from sweep.planning.planner import make_plan
from sweep.running.driver import Driver
from sweep.running.progress import Progress
from sweep.search import Search
from tests.conftest import experiment_values
from tests.forms import MOST, Form
from tests.truth import PLAIN, Split, Truth
from trainables import sealed
from trainables.data import kept
from trainables.metrics import METRICS
from trainables.reports import ERROR_RATE, Predicted, Report, Score, Trained
from trainables.spec import TrialSpec, content_hash
from trainables.store import Store
from trainables.tasks import CHOOSES_LAST, Task
from trainables.workers.messages import Message

End = Literal["well", "failed", "collapsed", "missing"]
"""How a trial ends; one that is missing has started and never does."""

PROVENANCE = {
    "started_at": "2026-01-01T00:00:00+00:00",
    "host": "simulated",
    "command": "sweep run simulated.yaml",
    "file": "name: simulated\n",
    "git_commit": "0" * 40,
    "git_dirty": False,
    "python": "3.11",
}
"""Of all simulated runs."""

UNKNOWN_SIZE = 1000
"""Examples of a split of which no task file says how many the release has."""


class Simulation:
    """An experiment whose trials end as the truth has it.

    Args:
        examples: how many a split has in each language; None: as many as the release, as far as task files say.
        ends: how a trial ends, asked for each.

    Attributes:
        rows: how many predictions were written.
    """

    def __init__(
        self,
        experiment: Experiment,
        truth: Truth = PLAIN,
        examples: int | None = 60,
        ends: Callable[[Study, TrialSpec], End] = lambda study, spec: "well",
    ) -> None:
        self.experiment, self.truth, self.ends, self.rows = experiment, truth, ends, 0
        self.store, self.plan = Store(experiment.store), make_plan(experiment)
        self.search = Search(self.plan, Ledger(self.store).outcomes())
        self._examples = examples
        self._splits: dict[tuple[str, str, str], Split] = {}
        self._keys: dict[str, str] = {}

    def run(self) -> Simulation:
        """Runs, or goes on, until nothing is left that can end."""
        history.keep(self.store, self.plan)
        progress = Progress(Console(file=io.StringIO(), width=200))
        driver = Driver(self.experiment, self.search, Ledger(self.store), progress)
        progress._plan, progress._search = self.plan, self.search
        driver.run = runs.record(self.store, {"experiment": self.plan.experiment, **PROVENANCE})
        while (found := driver.next()) is not None:
            spec = TrialSpec.from_dict(found[1]["spec"])
            study = self.search.running[spec.trial_id][0]
            end = self.ends(study, spec)
            if end == "missing":
                continue
            report = self._report(study, spec, end == "collapsed")
            seconds = 60.0 * (spec.epochs or 1) * len(spec.tasks)
            driver.report({"trial": spec.trial_id, "group": "g", "progress": 0.0, "started": time.time() - seconds})
            said = (
                Message(spec.trial_id, error="the loss is nan") if end == "failed" else Message(spec.trial_id, report)
            )
            driver.finish(spec.trial_id, {"group": "g"}, said)
        return self

    def _report(self, study: Study, spec: TrialSpec, collapses: bool) -> Report:
        return self._evaluation(study, spec) if spec.phase == "evaluate" else self._training(study, spec, collapses)

    def _training(self, study: Study, spec: TrialSpec, collapses: bool) -> Report:
        """A trial on its English development sets."""
        objectives, blocks, scores = [], [], []
        tasks = [self.experiment.catalogue[name] for name in spec.tasks]
        first = min(CHOOSES_LAST.get(task.kind, 0) for task in tasks)
        for task in tasks:
            level = self.truth.of_baseline(task, task.source_language) + self._in_development(study, spec)
            found = self._predict(study, spec, task, "dev", task.source_language, None if collapses else level)
            blocks.append(found[0])
            scores += found[1]
            chosen = [one.value for one in found[1] if one.metric in task.chosen_by and one.value is not None]
            objectives += [sum(chosen) / len(chosen)] if CHOOSES_LAST.get(task.kind, 0) == first else []
        objective, epochs = sum(objectives) / len(objectives), spec.epochs or 1
        share = [1 - 0.3 * 0.5 ** (epoch + 1) for epoch in range(epochs)]
        curve = tuple(objective * one / share[-1] for one in share)
        sentences = 10_000
        return Report(
            1.0,
            epoch=epochs,
            objective=objective,
            curve=curve,
            losses=tuple(1.2 * 0.6**epoch for epoch in range(epochs)),
            collapsed=collapses,
            scores=tuple(scores),
            predictions=tuple(blocks),
            trained=tuple(
                Trained(task, language, epochs * 100, epochs * sentences, epochs * sentences * 30)
                for task in spec.tasks
                for language in spec.languages
            ),
            features=sentences,
            tokens=sentences * 30,
            steps=epochs * sentences // (spec.batch_size or 1),
            examples_per_second=150.0,
            startup_seconds=2.0,
            device="simulated",
            host="simulated",
            peak_memory=2 * 10**9,
        )

    def _evaluation(self, study: Study, spec: TrialSpec) -> Report:
        """A trial that was trained, or nothing, on the targets."""
        found = self._parent(study, spec)
        fallen = found is not None and self.ends(*found) == "collapsed"
        by_chance, drawn = (self._carried(*found), self._key(*found)) if found is not None else (0.0, "")
        blocks: list[Predicted] = []
        scores: list[Score] = []
        for target in self.experiment.target_tasks:
            if target.name not in spec.tasks:
                continue
            apart = self.truth.apart * self.truth.normal("apart", drawn, target.name) if drawn else 0.0
            for split in target.evaluated:
                there = [one for one in self.experiment.source.languages(target, split) if one in spec.languages]
                uneven = self._uneven(study.condition, target, there)
                for language in there:
                    level = self.truth.of_baseline(target, language) + self.truth.gain(study.condition, target.name)
                    level += uneven[language] + by_chance + apart
                    block, of_split = self._predict(study, spec, target, split, language, None if fallen else level)
                    blocks.append(block)
                    scores += of_split
        tokens = sum(len(block.predictions) for block in blocks) * 30
        return Report(
            1.0,
            scores=tuple(scores),
            predictions=tuple(blocks),
            features=tokens // 30,
            tokens=tokens,
            examples_per_second=600.0,
            startup_seconds=2.0,
            device="simulated",
            host="simulated",
            peak_memory=10**9,
        )

    def _uneven(self, condition: str, target: Task, languages: list[str]) -> dict[str, float]:
        """What a condition adds in each language beside its gain: nothing on average, and nothing of the baseline."""
        if condition == BASELINE or not self.truth.uneven:
            return dict.fromkeys(languages, 0.0)
        drawn = np.array([self.truth.normal("uneven", condition, target.name, one) for one in languages])
        return dict(zip(languages, (self.truth.uneven * (drawn - drawn.mean())).tolist(), strict=True))

    def _carried(self, study: Study, spec: TrialSpec) -> float:
        """What a trial and those that it started from add to the scores of all targets by chance and hyper-parameters.

        Of an intermediate training that is by chance alone, and another chance than the one by which it was chosen:
        else conditions would be better than the baseline for having been chosen.
        """
        if spec.phase == "intermediate":
            return self.truth.intermediate * self.truth.normal("training", self._key(study, spec))
        own = self.truth.seeds * self.truth.normal("training", self._key(study, spec)) - self._missed_rate(study, spec)
        parent = self._parent(study, spec)
        return own + (self._carried(*parent) if parent is not None else 0.0)

    def _in_development(self, study: Study, spec: TrialSpec) -> float:
        """What the trial has more on its English development set."""
        apart = self.truth.normal("development", self._key(study, spec))
        if spec.phase == "intermediate":
            return self.truth.intermediate * apart - self._missed_rate(study, spec)
        return self.truth.apart * apart + self._carried(study, spec)

    def _missed_rate(self, study: Study, spec: TrialSpec) -> float:
        published = getattr(study.parameters.get("learning_rate"), "first", None)
        if not published or not spec.learning_rate:
            return 0.0
        return self.truth.rates * abs(math.log2(spec.learning_rate / published))

    def _parent(self, study: Study, spec: TrialSpec) -> tuple[Study, TrialSpec] | None:
        if study.parent is None or spec.parent is None:
            return None
        return self.plan.study(study.parent), self.search.outcomes[spec.parent].spec

    def _key(self, study: Study, spec: TrialSpec) -> str:
        """What a trial is drawn by: not its id, which changes with the version of data and code."""
        if spec.trial_id not in self._keys:
            parent = self._parent(study, spec)
            before = self._key(*parent) if parent is not None else None
            self._keys[spec.trial_id] = content_hash([study.name, spec.seed, spec.hyperparameters, before])
        return self._keys[spec.trial_id]

    def _predict(
        self, study: Study, spec: TrialSpec, task: Task, split: str, language: str, level: float | None
    ) -> tuple[Predicted, list[Score]]:
        """Predictions of a split, and their scores. `level` is the expected one, None: chance."""
        found = self._split(task, split, language)
        form, truth = found.form, self.truth
        score = form.chance if level is None else 100 - level if task.metric == ERROR_RATE else level
        rng = truth.generator("noise", self._key(study, spec), task.name, split, language)
        own = 1 - truth.groups - truth.items - truth.by_language - truth.by_condition
        easy = found.easy + np.sqrt(truth.by_condition) * self._of_condition(study.condition, found)
        noise = rng.standard_normal((len(found.easy), form.parts), np.float32)
        easy = easy[:, None] + np.float32(np.sqrt(own)) * noise
        outcomes = form.answer(found.sorts, easy, float(np.clip(score / 100, 0.005, MOST)))
        predictions = found.predictions(outcomes)
        self.rows += len(outcomes)
        is_hidden = task.name in truth.hidden and split == "test"
        values = (
            {}
            if is_hidden
            else _scores(task, form, np.bincount(outcomes, minlength=len(form.statistics)) @ form.statistics)
        )
        told: Mapping[str, float | None] = values or {task.main_metric: None}
        scores = [
            Score(
                target=task.name,
                training_set=task.training_set,
                language=language,
                split=split,
                metric=name,
                main=name == task.main_metric and split == task.score_on,
                value=value,
                chance=None if is_hidden else form.chance,
                n=len(outcomes),
            )
            for name, value in told.items()
        ]
        block: Any = Predicted  # lists do as well, and are made faster
        kept_rows = () if is_hidden else form.told[outcomes].tolist()
        confidences = form.sure[outcomes].tolist()
        return block(task.name, language, split, found.fingerprint, predictions, kept_rows, confidences), scores

    def _of_condition(self, condition: str, split: Split) -> np.ndarray:
        names = [condition, split.task.name, split.name, *split.drawn_with]
        return self.truth.generator("condition", *names).standard_normal(len(split.easy), np.float32)

    def _split(self, task: Task, split: str, language: str) -> Split:
        key = (task.name, split, language)
        if key not in self._splits:
            size = self._examples or task.size(split, language) or UNKNOWN_SIZE
            self._splits[key] = Split(self.truth, task, split, language, size)
            self.store.write(kept.name(self._splits[key].fingerprint), sealed.write(self._splits[key].table()))
        return self._splits[key]


def _scores(task: Task, form: Form, sums: np.ndarray) -> dict[str, float]:
    metric = METRICS[task.metric]
    found = {name: float(value) for name, value in metric.formula(sums).items()}
    for name, own in zip(form.names, np.split(sums, len(form.names) or 1), strict=False):
        found |= {f"{score}/{name}": float(value) for score, value in metric.formula(own).items()}
    return found


def simulated(folder: Path, truth: Truth = PLAIN, examples: int | None = 60, **changes: Any) -> Simulation:
    """A small experiment on the embedded benchmark with its store in a folder, run to its end.

    Args:
        changes: of the experiment's values; `ends` as in Simulation.
    """
    ends = changes.pop("ends", lambda study, spec: "well")
    values = experiment_values(folder / "store", **{"sampler": "random", **changes})
    return Simulation(Experiment.model_validate(values), truth, examples, ends).run()
