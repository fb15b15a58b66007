"""Suggestions of hyper-parameters."""

from __future__ import annotations

from typing import Any

import pytest

from search_spaces import Choices, Parameter, Range
from sweep.studies import suggest

SPACE: dict[str, Parameter] = {
    "learning_rate": Range(1e-6, 1e-3, log=True, integer=False, first=1e-5),
    "epochs": Range(1, 10, log=False, integer=True, first=3),
    "batch_size": Choices((16, 32), 32),
}


def surface(parameters: dict[str, Any]) -> float:
    """Best at a learning rate of 1e-4 and 5 epochs."""
    from math import log10

    return 80 - 10 * abs(log10(parameters["learning_rate"]) + 4) - abs(parameters["epochs"] - 5)


def run(sampler: str, trials: int, seed: int = 1) -> list[tuple[dict[str, Any], float | None]]:
    finished: list[tuple[dict[str, Any], float | None]] = []
    for _ in range(trials):
        parameters = suggest("study", SPACE, sampler, seed, finished, [])
        assert parameters is not None
        finished.append((parameters, surface(parameters)))
    return finished


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_suggestions_stay_in_the_space_and_are_reproducible(sampler: str) -> None:
    one, two = run(sampler, 12), run(sampler, 12)
    assert one == two
    assert one[0][0] == {"learning_rate": 1e-5, "epochs": 3, "batch_size": 32}
    assert all(SPACE[name].contains(value) for parameters, _ in one for name, value in parameters.items())
    assert run(sampler, 12, seed=2)[1:] != one[1:]


def test_tpe_learns_what_random_does_not() -> None:
    """Over ten seeds, trials 11 to 25 of TPE are better on average than those of a random search."""
    means = {
        sampler: sum(value or 0 for seed in range(10) for _, value in run(sampler, 25, seed)[10:]) / 150
        for sampler in ("tpe", "random")
    }
    assert means["tpe"] > means["random"] + 2, means


def test_trials_that_run_are_not_suggested_again() -> None:
    small: dict[str, Parameter] = {"epochs": Choices((1, 2, 3), 1), "learning_rate": Choices((1e-4, 2e-4), 1e-4)}
    for sampler in ("tpe", "random", "grid"):
        running: list[dict[str, Any]] = []
        while (found := suggest("study", small, sampler, 1, [], running)) is not None:
            assert found not in running
            running.append(found)
        assert len(running) <= 6
        assert sampler != "grid" or len(running) == 6


def test_failed_trials_are_no_obstacle() -> None:
    finished: list[tuple[dict[str, Any], float | None]] = [(dict(run("random", 8)[n][0]), None) for n in range(8)]
    assert suggest("study", SPACE, "tpe", 1, finished, []) is not None
