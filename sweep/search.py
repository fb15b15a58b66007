"""Which trial comes next: the plan less what is finished. No Ray here, no files: values in, specs out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sweep.plan import Plan, Study
from sweep.studies import Parameters, suggest
from trainables.spec import TrialSpec


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: its English development score, or None where it failed."""

    spec: TrialSpec
    status: Literal["finished", "failed"]
    objective: float | None


class Search:
    """The state of a plan: what is finished, what is running, and what that opens.

    Args:
        plan: the studies.
        outcomes: what the ledger has. Trials that belong to none of the plan's studies are ignored.
    """

    def __init__(self, plan: Plan, outcomes: Iterable[Outcome] = ()) -> None:
        self.plan = plan
        self.outcomes: dict[str, Outcome] = {}
        self.running: dict[str, tuple[Study, TrialSpec]] = {}
        self._suggested: dict[str, tuple[object, Parameters | None]] = {}
        self._by_question: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            self._add(outcome)

    def _add(self, outcome: Outcome) -> None:
        self.outcomes[outcome.spec.trial_id] = outcome
        self._by_question[outcome.spec.question].append(outcome)

    def next(self) -> tuple[Study, TrialSpec] | None:
        """The next trial to start, now marked as running; None if nothing can start before another trial ends.

        Evaluations go first: they are short, and show something. Then what others wait for.
        """
        order = ("evaluate", "intermediate", "target")
        for study in sorted(self.plan.studies, key=lambda study: order.index(study.phase)):
            spec = self._next_of(study)
            if spec is not None:
                self.running[spec.trial_id] = study, spec
                return study, spec
        return None

    def finish(self, outcome: Outcome) -> None:
        """Takes note of how a running trial ended."""
        self.running.pop(outcome.spec.trial_id, None)
        self._add(outcome)

    @property
    def is_over(self) -> bool:
        """Whether nothing runs and nothing can start: all is done, or what is left waits for a study that failed."""
        return not self.running and all(self._next_of(study) is None for study in self.plan.studies)

    def is_reachable(self, study: Study) -> bool:
        """Whether the study can run: the one before it has a winner for the first seed, or there is none before it."""
        return self._spec(study, study.seeds[0], {}) is not None

    def winner(self, study: Study, seed: int) -> Outcome | None:
        """The study's best trial, run with a seed; None while it is not known, or if every trial failed.

        On the first seed that is the trial with the best objective once the search is over, of equal ones that which
        moved the weights least; on another seed the trial with the same hyper-parameters.
        """
        if not self._is_searched(study):
            return None
        finished = [one for one in self._searched(study) if one.objective is not None]
        if not finished:
            return None
        best = max(finished, key=_merit)
        if seed == study.seeds[0]:
            return best
        spec = self._spec(study, seed, best.spec.hyperparameters)
        outcome = self.outcomes.get(spec.trial_id) if spec else None
        return outcome if outcome and outcome.status == "finished" else None

    def losers(self, study: Study) -> list[TrialSpec]:
        """The finished trials of a search that did not win; empty while the search goes on."""
        best = self.winner(study, study.seeds[0])
        return [one.spec for one in self._searched(study) if best and one is not best]

    def ended(self, study: Study) -> list[Outcome]:
        """How the study's trials ended so far: those of the search, the winner's other seeds, or evaluations."""
        specs: list[TrialSpec | None]
        if study.phase == "evaluate":
            specs = [self._spec(study, seed, {}) for seed in study.seeds]
        else:
            specs = [one.spec for one in self._searched(study)]
            specs += [self._replica(study, seed) for seed in study.seeds[1:]]
        return [self.outcomes[spec.trial_id] for spec in specs if spec and spec.trial_id in self.outcomes]

    def _next_of(self, study: Study) -> TrialSpec | None:
        if study.phase == "evaluate":
            specs = (self._spec(study, seed, {}) for seed in study.seeds)
            return next((spec for spec in specs if spec and self._is_new(spec)), None)
        if not self.is_reachable(study):
            return None
        finished, running = self._searched(study), self._searching(study)
        if len(finished) + len(running) < study.trials:
            parameters = self._suggest(study, finished, running)
            return self._spec(study, study.seeds[0], parameters) if parameters else None
        replicas = (self._replica(study, seed) for seed in study.seeds[1:])
        return next((spec for spec in replicas if spec and self._is_new(spec)), None)

    def _replica(self, study: Study, seed: int) -> TrialSpec | None:
        best = self.winner(study, study.seeds[0])
        return self._spec(study, seed, best.spec.hyperparameters) if best else None

    def _spec(self, study: Study, seed: int, parameters: dict[str, object]) -> TrialSpec | None:
        """A trial of the study, or None while the trial that it starts from is not there."""
        if study.parent is None:
            return study.spec(seed, None, parameters)
        parent = self.winner(self.plan.study(study.parent), seed)
        return study.spec(seed, parent.spec.trial_id, parameters) if parent else None

    def _searched(self, study: Study) -> list[Outcome]:
        """The outcomes of the search, in the order of their ids: the order in time must not matter."""
        base = self._spec(study, study.seeds[0], {})
        if base is None:
            return []
        outcomes = (
            one
            for one in self._by_question[base.question]
            if all(space.contains(one.spec.hyperparameters[name]) for name, space in study.parameters.items())
        )
        return sorted(outcomes, key=lambda one: one.spec.trial_id)

    def _searching(self, study: Study) -> list[TrialSpec]:
        """The running trials of the search, whichever of the studies with its question started them."""
        base = self._spec(study, study.seeds[0], {})
        return [spec for _, spec in self.running.values() if base and spec.question == base.question]

    def _is_searched(self, study: Study) -> bool:
        """Whether the study's search is over: it has its trials, or its sampler finds no other ones."""
        if self._searching(study):
            return False
        finished = self._searched(study)
        if not finished or len(finished) >= study.trials:
            return bool(finished)
        return self._suggest(study, finished, []) is None

    def _suggest(self, study: Study, finished: list[Outcome], running: list[TrialSpec]) -> Parameters | None:
        """The sampler's suggestion, which is asked for once in each state of a study."""
        state = [one.spec.trial_id for one in finished], [spec.trial_id for spec in running]
        if self._suggested.get(study.name, (None,))[0] != state:
            told = [(one.spec.hyperparameters, one.objective) for one in finished]
            pending = [spec.hyperparameters for spec in running]
            found = suggest(study.name, study.parameters, study.sampler, study.seeds[0], told, pending)
            self._suggested[study.name] = state, found
        return self._suggested[study.name][1]

    def _is_new(self, spec: TrialSpec) -> bool:
        return spec.trial_id not in self.outcomes and spec.trial_id not in self.running


def _merit(outcome: Outcome) -> tuple[float, float, int, str]:
    spec = outcome.spec
    return outcome.objective or 0.0, -(spec.learning_rate or 0), -(spec.epochs or 0), spec.trial_id
