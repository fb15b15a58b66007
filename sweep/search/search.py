"""Which trial comes next: the plan less what is finished. No Ray here, no files: values in, specs out.

Every study's search is a sequence. Its n-th suggestion is a function of the suggestions before it and of the results of
all but the last few of them (`Study.parallel`), whenever those arrive. So neither the number of slots nor the order in
which trials end changes what is tried, and after a crash the sequence is found again from the ledger alone.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from search_spaces import Choices, Parameter
from sweep.planning.kin import kin
from sweep.planning.plan import Plan, Study
from sweep.search.outcome import Fate, Member, Outcome, fate
from sweep.search.studies import Parameters, Told, depends_on_results, suggest
from trainables.spec import TrialSpec, content_hash

PARENT = "parent"
"""The parameter of a joint search that stands for the trial to start from."""


@dataclass
class _Sequence:
    """The suggestions of a study so far, as trials on its first seed.

    Attributes:
        ends: whether the sampler knows no further one.
        is_over: whether all of its trials have ended, and `ranking` is known.
        ranking: those that finished, the best first.
    """

    space: dict[str, Parameter] = field(default_factory=dict)
    trials: list[TrialSpec] = field(default_factory=list)
    ends: bool = False
    is_over: bool = False
    ranking: list[Outcome] = field(default_factory=list)


class Search:
    """The state of a plan: what is finished, what is running, and what that opens.

    Args:
        plan: the studies.
        outcomes: what the ledger has. Trials that none of the plan's studies asks for are ignored.
    """

    def __init__(self, plan: Plan, outcomes: Iterable[Outcome] = ()) -> None:
        self.plan = plan
        self.outcomes: dict[str, Outcome] = {}
        self.running: dict[str, tuple[Study, TrialSpec]] = {}
        self.suggestions: dict[str, str] = {}  # by trial: the hash of what it was suggested from
        self._made: dict[tuple[str, int, str | None], TrialSpec] = {}  # specs are asked for often, and ids are hashes
        self._lost: dict[str, tuple[Study, TrialSpec]] = {}
        self._sequences: dict[str, _Sequence] = defaultdict(_Sequence)
        self._suggested: dict[str, Parameters | None] = {}
        order = ("evaluate", "intermediate", "target")
        # Evaluations go first: they are short, and show something. Then what others wait for.
        self._order = {
            study.name: place
            for place, study in enumerate(sorted(plan.studies, key=lambda study: order.index(study.phase)))
        }
        self._kin = kin(plan)
        self._fresh = {study.name for study in plan.studies}  # studies in which something may start
        prunes = any(study.pruner for study in plan.studies)
        for outcome in outcomes:
            if outcome.status == "pruned" and not prunes:
                continue  # this plan wants to see how it ends
            self.outcomes[outcome.spec.trial_id] = outcome
            if outcome.suggestion is not None:
                self._suggested[outcome.suggestion] = _parameters(outcome.spec)

    def next(self) -> tuple[Study, TrialSpec] | None:
        """The next trial to start, now marked as running; None if nothing can start before another trial ends."""
        for trial_id, (study, spec) in self._lost.items():
            if trial_id not in self.running and not self._waits(study, spec):
                return self._start(study, spec)
        for name in sorted(self._fresh, key=self._order.__getitem__):
            study = self.plan.study(name)
            found = self._next_of(study)
            if found is not None:
                return self._start(study, found)
            self._fresh.discard(name)
        return None

    def _start(self, study: Study, spec: TrialSpec) -> tuple[Study, TrialSpec]:
        self.running[spec.trial_id] = study, spec
        return study, spec

    def finish(self, outcome: Outcome) -> None:
        """Takes note of how a running trial ended. One that was run again for its weights keeps its first outcome."""
        trial_id = outcome.spec.trial_id
        study, _ = self.running.pop(trial_id)
        again = self._lost.pop(trial_id, None) is not None
        if again and outcome.status != "finished":  # what was suggested after its first outcome is void
            self._sequences.clear()
            self._fresh = {study.name for study in self.plan.studies}
        if not again or outcome.status != "finished":
            self.outcomes[trial_id] = outcome
        self._refresh(study)

    def release(self, trial_id: str) -> None:
        """Takes a running trial back: it did not end, and will be handed out again."""
        study, _ = self.running.pop(trial_id)
        self._refresh(study)

    def lose(self, study: Study, trial_id: str) -> None:
        """The weights of a finished trial of the study are gone, and somebody needs them: it runs again."""
        self._lost[trial_id] = study, self.outcomes[trial_id].spec
        self._refresh(study)

    def sources(self, study: Study, spec: TrialSpec) -> list[tuple[Study, str]]:
        """The trials whose weights one of the study's needs, each with its study: its parent, and of a parent with LoRA
        also the one that this started from.
        """
        found: list[tuple[Study, str]] = []
        while spec.parent is not None and study.parent is not None:
            study = self.plan.study(study.parent)
            found.append((study, spec.parent))
            spec = self.outcomes[spec.parent].spec
            if spec.lora is None:
                break
        return found

    def _waits(self, study: Study, spec: TrialSpec) -> bool:
        return bool(self._lost) and any(trial_id in self._lost for _, trial_id in self.sources(study, spec))

    def is_lost(self, trial_id: str) -> bool:
        """Whether a trial is to run again for its weights."""
        return trial_id in self._lost

    def _refresh(self, study: Study) -> None:
        self._fresh |= self._kin[study.name].family

    @property
    def is_over(self) -> bool:
        """Whether nothing runs and nothing can start: all is done, or what is left waits for a study that failed."""
        if self.running or self._lost:
            return False
        self._fresh = {name for name in self._fresh if self._next_of(self.plan.study(name)) is not None}
        return not self._fresh

    def is_reachable(self, study: Study) -> bool:
        """Whether the study can run: the one before it has a winner, or there is none before it.

        A search has one on its first seed, if on any; what goes on from it may have failed on that one alone.
        """
        parent = self.plan.study(study.parent) if study.parent is not None else None
        return parent is None or any(self.winner(parent, seed) is not None for seed in parent.seeds)

    def is_closed(self, study: Study) -> bool:
        """Whether nothing of the study is left to do, or nothing of it can be done any more."""
        if study.parent is not None and not self.is_closed(self.plan.study(study.parent)):
            return False
        return len(self.ended(study)) >= self.planned(study) or not self.is_reachable(study)

    def winner(self, study: Study, seed: int) -> Outcome | None:
        """The study's best trial, run with a seed; None while it is not known, or if every trial failed.

        On the first seed that is the trial with the best objective once the search is over, of equal ones that which
        moved the weights least; on another seed the trial with the same hyper-parameters.
        """
        if study.goes_on:
            spec = self._after(study, seed)
        else:
            best = self._best(study)
            if best is None or seed == study.seeds[0]:
                return best
            spec = self._at_seed(study, best.spec, seed)
        outcome = self.outcomes.get(spec.trial_id) if spec else None
        return outcome if outcome and outcome.status == "finished" else None

    def winners(self, study: Study) -> list[Outcome]:
        """The study's winner on every seed on which it has finished."""
        return [one for one in (self.winner(study, seed) for seed in study.seeds) if one is not None]

    def ended(self, study: Study) -> list[Outcome]:
        """How the study's trials ended so far: those of the search, the winner's other seeds, or evaluations."""
        specs = self._known(study)
        return [self.outcomes[spec.trial_id] for spec in specs if spec.trial_id in self.outcomes]

    def known(self) -> set[str]:
        """All trials that the plan asks for, as far as is known now, ended or not."""
        return {spec.trial_id for study in self.plan.studies for spec in self._known(study)}

    def members(self, study: Study) -> list[Member]:
        """The same with what each of them is for."""
        if study.goes_on:
            return [Member(one, "sequel", winner=True) for one in self.ended(study)]
        if study.phase == "evaluate":
            ranking = self._ranking(self.plan.study(study.parent)) if study.parent is not None else []
            ranks = {one.spec.trial_id: place for place, one in enumerate(ranking, start=1)}
            of_winners = [self._after(study, seed) for seed in study.seeds]
            return [
                Member(one, "evaluation", one.spec in of_winners, ranks.get(one.spec.parent or ""))
                for one in self.ended(study)
            ]
        searched = {spec.trial_id for spec in self._sequence(study).trials}
        winners = {one.spec.trial_id for one in self.winners(study)}

        def member(one: Outcome) -> Member:
            trial_id = one.spec.trial_id
            return Member(one, "search" if trial_id in searched else "seed", trial_id in winners)

        return [member(one) for one in self.ended(study)]

    def fate(self, study: Study, seed: int) -> Fate:
        """What became of a trial on a seed where nothing is searched: an evaluation, or one that goes on."""
        if study.parent is not None:
            of_parent = self._fate_of_winner(self.plan.study(study.parent), seed)
            if of_parent != "finished":
                return of_parent
        spec = self._after(study, seed)
        assert spec is not None  # as its parent has finished
        return fate(self.outcomes.get(spec.trial_id))

    def _after(self, study: Study, seed: int) -> TrialSpec | None:
        """The trial of a study without a search on a seed; None while the winner that it starts from is not there."""
        winner = self.winner(self.plan.study(study.parent), seed) if study.parent is not None else None
        if winner is None and study.parent is not None:
            return None
        key = (study.name, seed, winner.spec.trial_id if winner else None)
        if key not in self._made:
            self._made[key] = study.after(seed, winner.spec if winner else None)
        return self._made[key]

    def _fate_of_winner(self, study: Study, seed: int) -> Fate:
        if study.goes_on:
            return self.fate(study, seed)
        best = self._best(study)
        if best is not None:
            return self._fate_at_seed(study, best.spec, seed)
        return "failed" if self.is_closed(study) else "missing"

    def _fate_at_seed(self, study: Study, spec: TrialSpec, seed: int) -> Fate:
        """What became of one of a study's trials on another seed."""
        there = self._at_seed(study, spec, seed)
        if there is not None:
            return fate(self.outcomes.get(there.trial_id))
        assert study.parent is not None and spec.parent is not None  # which is not there on that seed
        of_parent = self._fate_at_seed(self.plan.study(study.parent), self.outcomes[spec.parent].spec, seed)
        return "failed" if of_parent == "failed" else "missing"

    def planned(self, study: Study) -> int:
        """How many trials the study has, as far as is known now: less those that cannot run any more."""
        if not _is_search(study):
            blocked = sum(
                study.parent is not None and self._fate_of_winner(self.plan.study(study.parent), seed) == "failed"
                for seed in study.seeds
            )
            return len(study.seeds) - blocked + self._planned_runners_up(study)
        if not self.is_searched(study):
            return study.runs
        again = ((one.spec, seed) for one in self._repeated(study) for seed in study.seeds[1:])
        return len(self._sequence(study).trials) + sum(
            self._at_seed(study, spec, seed) is not None or self._fate_at_seed(study, spec, seed) != "failed"
            for spec, seed in again
        )

    def _planned_runners_up(self, study: Study) -> int:
        if study.parent is None:
            return 0
        parent = self.plan.study(study.parent)
        is_known = self.is_searched(parent) or self.is_closed(parent)
        return len(self._runners_up(study)) if is_known else study.top - 1

    def family(self, study: Study) -> frozenset[str]:
        """The studies for which it may make a difference how a trial of this one ends: their names, its own too."""
        return self._kin[study.name].family

    def left(self, study: Study) -> int:
        """How many of them are still to run, as far as is known now."""
        return 0 if self.is_closed(study) else self.planned(study) - len(self.ended(study))

    def unneeded(self, study: Study) -> list[str]:
        """The finished trials whose weights nothing starts from any more: of a search that is over all but the winner.

        The winner of a condition stays for good, that of a pair until it is scored and what comes after it is trained;
        other trials that are scored as well until they are.
        """
        dropped = [self._unneeded(self.plan.study(name)) for name in self._kin[study.name].twins]
        return sorted(set.intersection(*dropped))

    def needed(self) -> set[str]:
        """The finished trials whose weights something starts from, now or for good."""
        trained = [study for study in self.plan.studies if study.phase != "evaluate"]
        finished = {one.spec.trial_id for study in trained for one in self.ended(study) if one.status == "finished"}
        return finished - {trial_id for study in trained for trial_id in self.unneeded(study)}

    def _unneeded(self, study: Study) -> set[str]:
        if study.phase == "evaluate" or not (study.goes_on or self.is_searched(study)):
            return set()
        children = self.plan.children(study)
        over = all(self._is_done_with(child) for child in children)
        if not over and any(child.joint for child in children):
            return set()
        kept = (
            {one.spec.trial_id for one in self.winners(study)} if study.phase == "intermediate" or not over else set()
        )
        for child in children:
            scored = ((one.spec.trial_id, child.after(child.seeds[0], one.spec)) for one in self._runners_up(child))
            kept |= {trial_id for trial_id, spec in scored if spec.trial_id not in self.outcomes}
        return {one.spec.trial_id for one in self.ended(study) if one.status == "finished"} - kept

    def _is_done_with(self, child: Study) -> bool:
        """Whether the child needs its parent's weights no more: with LoRA as long as something needs its own."""
        if not self.is_closed(child):
            return False
        return child.question.lora is None or all(self._is_done_with(one) for one in self.plan.children(child))

    def rivals(self, study: Study, spec: TrialSpec) -> list[tuple[float, ...]]:
        """The curves that a running trial of the search may be pruned by.

        Those of trials with the same schedule, that is as many epochs of as many steps: under another one the learning
        rate is elsewhere after the same epoch. And of trials that its suggestion waited for: time plays no part.
        """
        trials = self._sequence(study).trials if _is_search(study) else []
        if spec not in trials:
            return []
        seen = trials[: max(0, trials.index(spec) - study.parallel + 1)]
        alike = [one for one in seen if (one.epochs, one.batch_size) == (spec.epochs, spec.batch_size)]
        found = [self.outcomes.get(one.trial_id) for one in alike]
        return [one.curve for one in found if one is not None and one.curve]

    def is_searched(self, study: Study) -> bool:
        """Whether the study's search is over: it has its trials, or its sampler finds no other ones."""
        sequence = self._sequence(study)
        if not sequence.is_over and (sequence.ends or len(sequence.trials) >= study.trials):
            sequence.is_over = self._have_ended(sequence.trials)
            if sequence.is_over:
                results = (self.outcomes[spec.trial_id] for spec in sequence.trials)
                finished = [one for one in results if one.objective is not None]
                sequence.ranking = sorted(finished, key=_merit, reverse=True)
        return sequence.is_over

    def _have_ended(self, trials: Sequence[TrialSpec]) -> bool:
        return all(spec.trial_id in self.outcomes for spec in reversed(trials))  # the last ones are most likely not

    def _next_of(self, study: Study) -> TrialSpec | None:
        return next((spec for spec in self._known(study) if self._can_start(study, spec)), None)

    def _can_start(self, study: Study, spec: TrialSpec) -> bool:
        new = spec.trial_id not in self.outcomes and spec.trial_id not in self.running
        return new and not self._waits(study, spec)

    def _known(self, study: Study) -> Iterator[TrialSpec]:
        """The study's trials, as far as it is known which they are, in the order in which they start."""
        if not _is_search(study):
            yield from (spec for seed in study.seeds if (spec := self._after(study, seed)) is not None)
            yield from (study.after(study.seeds[0], one.spec) for one in self._runners_up(study))
            return
        yield from self._sequence(study).trials
        for one in self._repeated(study):
            for seed in study.seeds[1:]:
                spec = self._at_seed(study, one.spec, seed)
                if spec is not None:
                    yield spec

    def _repeated(self, study: Study) -> list[Outcome]:
        """The trials that run again on the other seeds: the winner, and what the winners of joint searches chose."""
        best = self._best(study)
        if best is None:
            return []
        chosen = [self._best(child) for child in self.plan.children(study) if child.joint]
        parents = [one.spec.parent for one in chosen if one is not None]
        return [best, *(self.outcomes[one] for one in dict.fromkeys(parents) if one and one != best.spec.trial_id)]

    def _at_seed(self, study: Study, spec: TrialSpec, seed: int) -> TrialSpec | None:
        """The same trial on another seed, from its parent on that seed; None while that one is not there."""
        parent = None
        if study.parent is not None:
            assert spec.parent is not None
            parent = self._at_seed(self.plan.study(study.parent), self.outcomes[spec.parent].spec, seed)
            outcome = self.outcomes.get(parent.trial_id) if parent else None
            if outcome is None or outcome.status != "finished":
                return None
        key = (spec.trial_id, seed, parent.trial_id if parent else None)
        if key not in self._made:
            self._made[key] = dataclasses.replace(spec, seed=seed, parent=key[2])
        return self._made[key]

    def _best(self, study: Study) -> Outcome | None:
        ranking = self._ranking(study)
        return ranking[0] if ranking else None

    def _ranking(self, study: Study) -> list[Outcome]:
        """The trials of a search that finished, the best first; none while it is not over, or where there is none."""
        if not _is_search(study) or not self.is_searched(study):
            return []
        return self._sequences[study.name].ranking

    def _runners_up(self, study: Study) -> list[Outcome]:
        """The trials that an evaluation scores beside the winners, the best first."""
        if study.top == 1 or study.parent is None:
            return []
        return self._ranking(self.plan.study(study.parent))[1 : study.top]

    def _results(self, study: Study) -> list[Outcome]:
        """The outcomes of the search, in the order of its suggestions."""
        specs = self._sequence(study).trials
        return [self.outcomes[spec.trial_id] for spec in specs if spec.trial_id in self.outcomes]

    def _sequence(self, study: Study) -> _Sequence:
        """The study's suggestions, as many as its trials and their results allow for now."""
        sequence = self._sequences[study.name]
        if sequence.ends or len(sequence.trials) >= study.trials:
            return sequence
        if not sequence.space and not self._open(study, sequence):
            return sequence
        while not sequence.ends and len(sequence.trials) < study.trials:
            number = len(sequence.trials)
            looks = study.pruner is not None or depends_on_results(study.sampler, number)
            seen = sequence.trials[: max(0, number - study.parallel + 1)] if looks else []
            if not self._have_ended(seen):
                return sequence
            prior: list[Told] = []
            if study.prior is not None and number:
                baseline = self.plan.study(study.prior)
                if not self.is_searched(baseline):
                    return sequence
                prior = [_told(one, sequence.space) for one in self._results(baseline)]
            told = [_told(self.outcomes[spec.trial_id], sequence.space) for spec in seen]
            pending = [_within(_parameters(spec), sequence.space) for spec in sequence.trials[len(seen) :]]
            state, parameters = self._suggestion(study, sequence.space, told, pending, prior)
            if parameters is None:
                sequence.ends = True
                break
            spec = self._first_seed(study, parameters)
            self.suggestions[spec.trial_id] = state
            sequence.trials.append(spec)
        return sequence

    def _open(self, study: Study, sequence: _Sequence) -> bool:
        """Sets the study's space, if what it starts from is known."""
        if not self.is_reachable(study):
            return False
        sequence.space = dict(study.parameters)
        if study.joint and study.parent is not None:
            finished = [one for one in self._results(self.plan.study(study.parent)) if one.status == "finished"]
            names = tuple(one.spec.trial_id for one in sorted(finished, key=_merit, reverse=True))
            sequence.space[PARENT] = Choices(names, names[0])
        return True

    def _first_seed(self, study: Study, parameters: Parameters) -> TrialSpec:
        seed, searched = study.seeds[0], dict(parameters)
        if study.parent is None:
            return study.spec(seed, None, searched)
        winner = self.winner(self.plan.study(study.parent), seed)
        assert winner is not None  # else the study would not be open
        return study.spec(seed, searched.pop(PARENT, winner.spec.trial_id), searched)

    def _suggestion(
        self,
        study: Study,
        space: dict[str, Parameter],
        told: Sequence[Told],
        pending: Sequence[Parameters],
        prior: Sequence[Told],
    ) -> tuple[str, Parameters | None]:
        """The sampler's suggestion, and the hash of all that it comes from: known ones are not asked for again."""
        past = [[dataclasses.astuple(one) for one in ones] for ones in (told, prior)]
        state = content_hash([study.key, study.seeds[0], study.sampler, repr(space), past, list(pending)])
        if state not in self._suggested:
            self._suggested[state] = suggest(study.key, space, study.sampler, study.seeds[0], told, pending, prior)
        found = self._suggested[state]
        return state, found and _within(found, space)


def _is_search(study: Study) -> bool:
    return study.phase != "evaluate" and not study.goes_on


def _parameters(spec: TrialSpec) -> Parameters:
    """Everything that a search may choose of a trial."""
    return {**spec.hyperparameters, PARENT: spec.parent}


def _within(parameters: Parameters, space: Mapping[str, Parameter]) -> Parameters:
    """What a space searches of them. The baseline has no parent to choose: its trials stand for the winner's there."""
    found = {name: parameters[name] for name in space}
    parents = space.get(PARENT)
    if isinstance(parents, Choices) and found[PARENT] not in parents.values:
        found[PARENT] = parents.first
    return found


def _told(outcome: Outcome, space: Mapping[str, Parameter]) -> Told:
    return Told(_within(_parameters(outcome.spec), space), outcome.status, outcome.curve, outcome.objective)


def _merit(outcome: Outcome) -> tuple[float, float, int, str]:
    spec = outcome.spec
    return outcome.objective or 0.0, -(spec.learning_rate or 0), -(spec.epochs or 0), spec.trial_id
