"""A search space as Optuna's samplers see it: an axis for each thing that there is to choose.

Under TPE and random search a conditional hyper-parameter has an axis per case, named `learning_rate[batch_size=8]`, so
that distributions never clash, and choices are categories. A Gaussian process and CMA-ES need the same axes in every
trial, and an order. For them the numbers of a choice are steps of a scale, and a conditional hyper-parameter is one
axis: the position between the ends of the case that is in force.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from search_spaces.space import Choices, Conditional, Parameter, Range, by_dependence, in_force


@dataclass(frozen=True)
class Axis:
    """What Optuna chooses from, under its name, and the way from a hyper-parameter's value to that and back."""

    name: str
    distribution: BaseDistribution
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]

    def ask(self, trial: Trial) -> Any:
        """The hyper-parameter's value that the trial's sampler suggests."""
        its = self.distribution
        if isinstance(its, CategoricalDistribution):
            return self.decode(trial.suggest_categorical(self.name, its.choices))
        if isinstance(its, IntDistribution):
            return self.decode(trial.suggest_int(self.name, its.low, its.high, log=its.log))
        assert isinstance(its, FloatDistribution)
        return self.decode(trial.suggest_float(self.name, its.low, its.high, log=its.log))


def axis(space: Mapping[str, Parameter], name: str, chosen: Mapping[str, Any], on_scales: bool) -> Axis | None:
    """The axis of a hyper-parameter, once that which it depends on is chosen; None where there is nothing to choose.

    Args:
        on_scales: for a sampler that needs the same, ordered axes in every trial.
    """
    parameter, case = space[name], in_force(space, name, chosen)
    assert case is not None, f"'{name}' has no case for {chosen}"
    if isinstance(parameter, Conditional):
        if on_scales:
            return None if all(one.is_fixed for _, one in parameter.cases) else _position(name, case)
        name = f"{name}[{parameter.by}={chosen[parameter.by]}]"
    return None if case.is_fixed else _axis(name, case, on_scales)


def encode(
    space: Mapping[str, Parameter], hyperparameters: Mapping[str, Any], on_scales: bool
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """A trial's hyper-parameters, which lie in the space, as values on the axes and the axes' distributions."""
    values, distributions = {}, {}
    for name in by_dependence(space):
        found = axis(space, name, hyperparameters, on_scales)
        if found is not None:
            values[found.name] = found.encode(hyperparameters[name])
            distributions[found.name] = found.distribution
    return values, distributions


# Pure, and asked for again for every trial that a sampler is told.
@functools.lru_cache(maxsize=4096)
def _axis(name: str, parameter: Choices | Range, on_scales: bool) -> Axis:
    if isinstance(parameter, Range):
        low, high = parameter.low, parameter.high
        if parameter.integer:
            return Axis(name, IntDistribution(int(low), int(high), log=parameter.log), _same, _same)
        return Axis(name, FloatDistribution(low, high, log=parameter.log), _same, parameter.nearest)
    values = parameter.scale
    if on_scales and not any(isinstance(value, str) for value in values):
        return Axis(name, IntDistribution(0, len(values) - 1), values.index, values.__getitem__)
    return Axis(name, CategoricalDistribution(values), _same, _same)


@functools.lru_cache(maxsize=4096)
def _position(name: str, case: Choices | Range) -> Axis:
    return Axis(name, FloatDistribution(0, 1), case.position, case.at)


def _same(value: Any) -> Any:
    return value
