"""Suggestions: a pure function of the seed, the study and its finished trials, with Optuna's samplers behind it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces import Choices, Parameter
from trainables.spec import content_hash

STARTUP_TRIALS = 4
"""Random trials before TPE models the space; Optuna's own 10 would be more than most studies have in all."""

ATTEMPTS = 20
"""How often a sampler is asked for hyper-parameters that were not tried before."""

Parameters = dict[str, Any]


def suggest(
    study: str,
    space: Mapping[str, Parameter],
    sampler: str,
    seed: int,
    finished: Sequence[tuple[Parameters, float | None]],
    running: Sequence[Parameters],
) -> Parameters | None:
    """The next hyper-parameters of a study, or None where the sampler finds none that were not tried.

    Args:
        study: its name, so that studies differ under one seed.
        finished: hyper-parameters and objective (None: failed) of its finished trials, in an order that does not depend
            on time.
        running: hyper-parameters of the trials that are not finished; TPE takes them for bad ones, to look elsewhere.
    """
    tried = [parameters for parameters, _ in finished] + list(running)
    first = {name: parameter.first for name, parameter in space.items()}
    if first not in tried:
        return first
    if sampler == "grid":
        return _next_of_grid(study, space, seed, tried)
    for attempt in range(ATTEMPTS):
        state = content_hash([study, seed, [list(one) for one in finished], list(running), attempt])
        found = _ask(space, _sampler(sampler, int(state, 16) % 2**32), finished, running)
        if found not in tried:
            return found
    return None


def _next_of_grid(
    study: str, space: Mapping[str, Parameter], seed: int, tried: Sequence[Parameters]
) -> Parameters | None:
    """The grid's points in an order that is shuffled once, so that a few trials are spread over it."""
    values = [parameter.values for parameter in space.values() if isinstance(parameter, Choices)]
    points = [dict(zip(space, point, strict=True)) for point in itertools.product(*values)]
    random.Random(f"{study} {seed}").shuffle(points)
    return next((point for point in points if point not in tried), None)


def _sampler(name: str, seed: int) -> BaseSampler:
    if name == "random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, constant_liar=True)


def _ask(
    space: Mapping[str, Parameter],
    sampler: BaseSampler,
    finished: Sequence[tuple[Parameters, float | None]],
    running: Sequence[Parameters],
) -> Parameters:
    distributions = {name: parameter.distribution() for name, parameter in space.items()}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([_told(parameters, distributions, value) for parameters, value in finished])
    for parameters in running:
        study.enqueue_trial(parameters)
        study.ask(distributions)
    return dict(study.ask(distributions).params)


def _told(parameters: Parameters, distributions: dict[str, BaseDistribution], value: float | None) -> FrozenTrial:
    state = TrialState.COMPLETE if value is not None else TrialState.FAIL
    return create_trial(params=parameters, distributions=distributions, value=value, state=state)
