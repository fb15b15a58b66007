"""What benchmarks make of what they measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.limits import Limits, Work
from benchmarks.rounds import ratio, take_turns
from benchmarks.standings import standings


def test_ratios_are_those_of_the_same_round() -> None:
    ours, theirs = [1.0, 100.0, 3.0], [1.0, 10.0, 30.0]

    assert ratio(ours, theirs) == (1.0, 0.1, 10.0)  # that of their medians, 3 and 10, says nothing


def test_another_contestant_begins_each_round() -> None:
    order: list[tuple[str, int]] = []

    def contestant(name: str, number: int) -> float:
        order.append((name, number))
        return float(number)

    names = ("a", "b", "c")
    found = take_turns({name: lambda number, one=name: contestant(one, number) for name in names}, 2)

    assert order == [("a", 0), ("b", 0), ("c", 0), ("b", 1), ("c", 1), ("a", 1)]
    assert found == {name: [0.0, 1.0] for name in names}


def test_a_contestant_is_measured_by_the_limit_of_its_precision() -> None:
    limits = Limits(fp32=100.0, bf16=400.0, bytes=10.0)
    rates = {"ours": [40.0], "ours bf16": [80.0], "trainer": [20.0]}

    rows = standings(rates, tokens=5.0, size=8, work=Work(operations=40.0, bytes=1.0), limits=limits, ours=["ours"])

    fp32, bf16, trainer = rows
    assert fp32["milliseconds"] == 1000.0  # 40 tokens at 40 a second
    assert fp32["examples_per_second"] == 8.0
    assert (fp32["share"], fp32["products_share"]) == pytest.approx((0.5, 0.4))
    assert (bf16["share"], bf16["products_share"]) == pytest.approx((0.4, 0.2))
    assert trainer["over"]["ours"]["median"] == 2.0


def test_benchmarks_are_run_as_modules() -> None:
    """As scripts they would find benchmarks/sweep.py where they import the package."""
    root = Path(__file__).parents[2]
    files = [*root.glob("benchmarks/*.py"), *root.glob("docs/*.md"), root / "README.md", root / "CONTRIBUTING.md"]
    assert [file.name for file in files if "python benchmarks/" in file.read_text(encoding="utf-8")] == []
