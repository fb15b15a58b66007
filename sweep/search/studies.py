"""Suggestions: a pure function of the seed, the study and its trials, with Optuna's samplers and pruners behind it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import fmean
from typing import Any, Literal

import optuna
from optuna.pruners import BasePruner, MedianPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from search_spaces import Parameter, contains, first, points
from search_spaces.axes import axis, encode
from search_spaces.space import by_dependence, in_force
from trainables.spec import content_hash

STARTUP_TRIALS = 4
"""Random trials before a sampler models the space; Optuna's own 10 would be more than most studies have in all."""

ATTEMPTS = 10
"""How often a sampler is asked for hyper-parameters that were not tried before, and then chance, as often."""

POPULATION = 5
"""Trials of a generation of CMA-ES: small, as a study of 20 trials should see several generations."""

ON_SCALES = ("gp", "cmaes")
"""Samplers that need ordered axes, the same in every trial (search_spaces/axes.py). They ignore pruned trials, too."""

PRUNERS = ("median", "successive_halving")

COMPARED_TRIALS = 3
"""No trial is pruned before there are so many to compare it with: the middle of two says little."""

REDUCTION = 2
"""Of the trials that reach 1, 2, 4, 8 ... epochs, successive halving lets one in so many go on."""

Parameters = dict[str, Any]

optuna.logging.set_verbosity(optuna.logging.ERROR)  # else it says a line for each of the studies that are made here


@dataclass(frozen=True)
class Told:
    """A trial of the past as the sampler sees it.

    Attributes:
        curve: the development score (0-100) after each epoch.
        objective: the last score of a finished trial; None: it did not finish.
    """

    parameters: Parameters
    status: Literal["finished", "failed", "pruned"]
    curve: tuple[float, ...] = ()
    objective: float | None = None


def depends_on_results(sampler: str, number: int) -> bool:
    """Whether a study's suggestion looks at the study's results at all; the first one's number is 0."""
    return sampler not in ("random", "grid") and number >= STARTUP_TRIALS


def suggest(
    key: str,
    space: Mapping[str, Parameter],
    sampler: str,
    seed: int,
    told: Sequence[Told],
    pending: Sequence[Parameters],
    prior: Sequence[Told] = (),
) -> Parameters | None:
    """The next hyper-parameters of a study, or None where there are none that were not tried.

    The first suggestion is the published values. Random numbers depend on the key, the seed and how many trials there
    are, never on results: those come in through the sampler. Equal studies thus get equal random trials.

    Args:
        key: names the study, so that studies differ under one seed.
        sampler: one of `search_spaces.SAMPLERS`.
        told: the trials that ended, in an order that does not depend on time.
        pending: hyper-parameters of trials whose results must not be used: the sampler looks elsewhere.
        prior: trials of another study of the same space. The best of them is suggested second; the others inform the
            sampler, with their scores moved to where this study's are. They do not count as tried.
    """
    tried = [*(one.parameters for one in told), *pending]
    start = first(space)
    if start not in tried:
        return start
    prior = [one for one in prior if contains(space, one.parameters)]
    best = max((one for one in prior if one.objective is not None), key=lambda one: one.objective or 0.0, default=None)
    if best is not None and best.parameters not in tried:
        return dict(best.parameters)
    is_finite = all(one.is_finite for one in space.values())
    if is_finite and all(point in tried for point in points(space)):
        return None
    if sampler == "grid":
        return _untried_point(key, space, seed, tried)
    if depends_on_results(sampler, len(tried)):
        results = [*shifted(prior, told), *(one for one in told if contains(space, one.parameters))]
    else:
        results, pending = prior, tried
    if sampler == "random" or len(results) < STARTUP_TRIALS or all(one.objective is None for one in results):
        sampler, results, pending = "random", [], []
    study = _study(sampler, space, results, [one for one in pending if contains(space, one)])
    for attempt in range(2 * ATTEMPTS):
        state = int(content_hash([key, seed, len(tried), attempt]), 16) % 2**32
        study.sampler = _sampler(sampler if attempt < ATTEMPTS else "random", state)
        # An answer that was tried before goes on as a running trial of the study: that drives the sampler away from it.
        found = _ask(study, space, on_scales=sampler in ON_SCALES)
        if found not in tried:
            return found
    return _untried_point(key, space, seed, tried) if is_finite else None


def _untried_point(
    key: str, space: Mapping[str, Parameter], seed: int, tried: Sequence[Parameters]
) -> Parameters | None:
    """The next of a grid's points, in an order that is shuffled once, so that a few trials are spread over it."""
    grid = list(points(space))
    random.Random(f"{key} {seed}").shuffle(grid)
    return next((point for point in grid if point not in tried), None)


def shifted(prior: Sequence[Told], told: Sequence[Told]) -> list[Told]:
    """Another study's trials with their scores moved by what this study's differ from them.

    That is the mean difference over the hyper-parameters that were tried in both, as far as there are any.
    """
    own = [(one.parameters, one.objective) for one in told if one.objective is not None]
    others = [(one.parameters, one.objective) for one in prior if one.objective is not None]
    differences = [mine - other for mine_of, mine in own for other_of, other in others if mine_of == other_of]
    if not differences and own and others:
        differences = [fmean(mine for _, mine in own) - fmean(other for _, other in others)]
    offset = fmean(differences) if differences else 0.0
    return [
        replace(
            one,
            curve=tuple(score + offset for score in one.curve),
            objective=None if one.objective is None else one.objective + offset,
        )
        for one in prior
    ]


def _sampler(name: str, seed: int) -> BaseSampler:
    if name == "random":
        return RandomSampler(seed=seed)
    tpe = TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, constant_liar=True)
    if name == "gp":
        return GPSampler(seed=seed, n_startup_trials=STARTUP_TRIALS, independent_sampler=tpe)
    if name == "cmaes":  # knows no categories, such as names: these are TPE's
        return CmaEsSampler(seed=seed, popsize=POPULATION, independent_sampler=tpe, warn_independent_sampling=False)
    return tpe


def _study(
    sampler: str, space: Mapping[str, Parameter], results: Sequence[Told], pending: Sequence[Parameters]
) -> optuna.Study:
    """An Optuna study that has these trials."""
    study = optuna.create_study(direction="maximize", sampler=_sampler(sampler, 0))
    on_scales = sampler in ON_SCALES
    ended = _ended(results, space, on_scales)
    if sampler == "cmaes":
        # Its state is what it asked for itself, generation after generation; trials that are only added it ignores, and
        # running ones it needs not know: those of a generation do not depend on each other.
        for trial in ended:
            _replay(study, trial)
        return study
    for trial in (*ended, *(_given(one, space, on_scales, TrialState.RUNNING) for one in pending)):
        study.add_trial(trial)
    return study


def _ended(results: Sequence[Told], space: Mapping[str, Parameter], on_scales: bool) -> list[FrozenTrial]:
    """The trials as Optuna should see them.

    Optuna's samplers ignore failed trials and would go on suggesting, say, a learning rate at which the loss diverges:
    they are told as worse than all others. So are, to samplers that ignore pruned trials, the pruned ones.
    """
    worst = min((one.objective for one in results if one.objective is not None), default=0.0) - 1.0
    trials = []
    for one in results:
        if one.status == "pruned" and one.curve and not on_scales:
            trials.append(_given(one.parameters, space, on_scales, TrialState.PRUNED, None, one.curve))
        else:
            value = worst if one.objective is None else one.objective
            trials.append(_given(one.parameters, space, on_scales, TrialState.COMPLETE, value, one.curve))
    return trials


class _Given(FrozenTrial):
    """A trial that is made for one question: no need for a storage to copy it."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Given:
        return self


def _given(
    parameters: Parameters,
    space: Mapping[str, Parameter],
    on_scales: bool,
    state: TrialState,
    value: float | None = None,
    curve: Sequence[float] = (),
) -> FrozenTrial:
    values, distributions = encode(space, parameters, on_scales)
    return _Given(
        number=-1,
        trial_id=-1,
        state=state,
        value=value,
        params=values,
        distributions=distributions,
        intermediate_values=dict(enumerate(curve, start=1)),
        user_attrs={},
        system_attrs={},
        datetime_start=datetime.min,
        datetime_complete=datetime.min if state.is_finished() else None,
    )


def _replay(study: optuna.Study, ended: FrozenTrial) -> None:
    """Asks the study's sampler, takes the given trial instead of its answer, and tells how that ended."""
    study.enqueue_trial(ended.params)
    trial = study.ask(ended.distributions)
    _ = trial.relative_params  # the sampler's own answer: with it the trial is one of its generation
    study.tell(trial, ended.value)


def _ask(study: optuna.Study, space: Mapping[str, Parameter], on_scales: bool) -> Parameters:
    """One more trial of the study, each hyper-parameter after that which it depends on."""
    trial = study.ask()
    chosen: Parameters = {}
    for name in by_dependence(space):
        found, case = axis(space, name, chosen, on_scales), in_force(space, name, chosen)
        assert case is not None  # as `axis` would have said
        chosen[name] = case.first if found is None else found.ask(trial)
    return {name: chosen[name] for name in space}


def should_prune(pruner: str, curve: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """Whether a running trial should end after its last epoch.

    Args:
        pruner: one of `PRUNERS`.
        curve: its development score (0-100) after each epoch so far.
        others: the curves of earlier trials of the same schedule, finished or pruned, in their order. Under another
            schedule the learning rate decays otherwise, and scores after the same epoch cannot be compared.
    """
    others = [other for other in others if other]
    if not curve or len(others) < COMPARED_TRIALS:
        return False
    study = optuna.create_study(direction="maximize", pruner=_pruner(pruner))
    for other in others:
        trial = study.ask()
        _report(trial, other)
        study.tell(trial, other[-1])
    return _report(study.ask(), curve)


def _report(trial: Trial, curve: Sequence[float]) -> bool:
    """Reports a curve epoch by epoch, as successive halving takes note of who reached what; the last answer."""
    decisions = []
    for epoch, score in enumerate(curve, start=1):
        trial.report(score, epoch)
        decisions.append(trial.should_prune())
    return decisions[-1]


def _pruner(name: str) -> BasePruner:
    if name == "median":
        return MedianPruner(n_startup_trials=COMPARED_TRIALS, n_min_trials=COMPARED_TRIALS)
    return SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION)
