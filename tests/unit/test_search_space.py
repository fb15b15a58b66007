"""Search spaces: what their files may say, what is wrong with them, and what lies in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces import (
    Choices,
    Conditional,
    Parameter,
    Range,
    SearchSpace,
    Value,
    contains,
    first,
    load,
    names,
    points,
)
from search_spaces.axes import Axis, axis
from search_spaces.space import Number
from trainables.errors import UserError

FIXED = "batch_size: {values: [8, 32], first: 32}, warmup: 0.1, weight_decay: 0.01"
RATES = """
      by: batch_size
      cases:
        8: {low: 1e-6, high: 1e-5, log: true, first: 5e-6}
        32: {low: 5e-6, high: 5e-5, log: true, first: 1e-5}"""


def write(folder: Path, rates: str = RATES, more: str = "", sampler: str = "tpe", fixed: str = FIXED) -> Path:
    """A file whose target section has these learning rates, from line 6 on."""
    path = folder / "space.yaml"
    path.write_text(
        f"sampler: {sampler}\n"
        "intermediate:\n  all: {learning_rate: {values: [1e-5, 2e-5]}, epochs: {values: [1, 2]}, batch_size: 8, "
        "warmup: 0.1, weight_decay: 0.01}\n"
        f"target:\n  all:\n    learning_rate: {rates}\n"
        f"    <<: {{epochs: {{values: [2, 3], first: 3}}, {fixed}}}\n{more}",
        encoding="utf-8",
    )
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(UserError) as caught:
        load(str(path))
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_hyper_parameter_may_depend_on_another_one(tmp_path: Path) -> None:
    space = load(str(write(tmp_path)))
    parameters = space.parameters("target", "mnli")
    small = Range(1e-6, 1e-5, log=True, integer=False, first=5e-6)
    large = Range(5e-6, 5e-5, log=True, integer=False, first=1e-5)
    assert parameters["learning_rate"] == Conditional("batch_size", ((8, small), (32, large)))
    assert list(parameters) == ["learning_rate", "epochs", "batch_size", "warmup", "weight_decay"]
    start = {"learning_rate": 1e-5, "epochs": 3, "batch_size": 32, "warmup": 0.1, "weight_decay": 0.01}
    assert first(parameters) == start
    assert contains(parameters, start)
    assert contains(parameters, {**start, "batch_size": 8})
    assert contains(parameters, {**start, "learning_rate": 4e-5, "parent": "another key does not matter"})
    assert not contains(parameters, {**start, "learning_rate": 4e-5, "batch_size": 8})
    assert not contains(parameters, {**start, "batch_size": 16})
    assert not contains(parameters, {**start, "learning_rate": None})
    assert not contains(parameters, {"learning_rate": 1e-5})
    assert not space.is_finite


def test_a_training_set_overrides_what_others_depend_on(tmp_path: Path) -> None:
    space = load(
        str(write(tmp_path, more="  squad: {batch_size: 8}\n  udpos: {learning_rate: {values: [1e-3, 2e-3]}}\n"))
    )
    assert first(space.parameters("target", "squad"))["learning_rate"] == 5e-6
    assert first(space.parameters("target", "mnli"))["learning_rate"] == 1e-5
    assert first(space.parameters("target", "udpos"))["learning_rate"] == 1e-3


def test_epochs_may_depend_on_the_learning_rate(tmp_path: Path) -> None:
    cases = "{by: learning_rate, cases: {1e-5: {values: [5, 10], first: 10}, 2e-5: 2}}"
    path = write(tmp_path, "{values: [1e-5, 2e-5]}", f"  udpos: {{epochs: {cases}}}\n", sampler="grid")
    space = load(str(path))
    assert space.is_finite
    found = [
        (one["learning_rate"], one["epochs"], one["batch_size"]) for one in points(space.parameters("target", "udpos"))
    ]
    assert sorted(found) == [
        (1e-5, 5, 8), (1e-5, 5, 32), (1e-5, 10, 8), (1e-5, 10, 32), (2e-5, 2, 8), (2e-5, 2, 32),
    ]  # fmt: skip


BY = "{{by: {}, cases: {{8: {{values: [1e-5, 2e-5]}}, 32: {{values: [3e-5]}}}}}}"


@pytest.mark.parametrize(
    ("rates", "more", "expected"),
    [
        (BY.format("batch_sise"), "", ["6: 'learning_rate' depends on 'batch_sise', which is no hyper-parameter\n"
                                       "    did you mean 'batch_size'?"]),
        (BY.format("learning_rate"), "", ["6: 'learning_rate' depends on 'learning_rate', which has cases itself"]),
        (RATES.replace("        32:", "        16:"), "", [
            "10: 'learning_rate' has a case for 'batch_size' 16, which it never is\n    its values are 8, 32",
            "6: 'learning_rate' has no case for 'batch_size' 32\n    it has cases for 8, 16",
        ]),
        (RATES, "  squad: {batch_size: 4}\n", ["12: 'learning_rate' has no case for 'batch_size' 4"]),
        (RATES, "  squad: {batch_size: {low: 4, high: 8}}\n", [
            "12: 'learning_rate' depends on 'batch_size', which has a range"]),
        (RATES, "  squad: {batch_size: {by: epochs, cases: {2: 8, 3: 32}}}\n", [
            "12: 'learning_rate' depends on 'batch_size', which has cases itself"]),
        (RATES.replace("low: 1e-6", "low: 1e-4"), "", ["9: 'learning_rate' is {'low': 0.0001"]),
        (RATES.replace("low: 1e-6", "low: -.inf"), "", ["9: 'learning_rate' is {'low': -inf"]),
        (RATES.replace("high: 1e-5", "high: 1e999"), "", ["9: 'learning_rate' is {'low': 1e-06, 'high': inf"]),
        (RATES.replace("log: true", "log: no", 1), "", ["9: 'learning_rate' is {'low': 1e-06"]),
        ("{values: [1e-5, .nan]}", "", ["6: 'learning_rate' is {'values': [1e-05, nan]}\n    give a number from"]),
        ("{values: [1e-5, 2e-5]}", "  squad: {warmup: 2}\n", ["8: 'warmup' is 2\n    give a number from 0 to 1,"]),
        ("{values: [1e-5, 2e-5]}", "  squad: {batch_size: 1e30}\n", ["8: 'batch_size' is 1e+30"]),
        ("{values: [1e-5, 2e-5]}", f"  squad: {{batch_size: {10**30}}}\n", ["8: 'batch_size' is 1000"]),
        ("{values: [1e-5, 2e-5]}", "  squad: {epochs: [[1]]}\n", ["8: 'epochs' is [[1]]"]),
        (RATES.replace("first: 5e-6", "first: 5e-4"), "", ["9: 'first' of 'learning_rate' is 0.0005"]),
        (RATES.replace("first: 5e-6", "frist: 5e-6"), "", ["9: 'learning_rate' is {"]),
        ("{by: batch_size, cases: {8: 1e-5, 32: 1e-5}}", "", ["6: 'learning_rate' has one value, but"]),
        ("{by: batch_size}", "", ["6: 'learning_rate' is {'by': 'batch_size'}\n    give {by: another"]),
        ("{by: batch_size, cases: []}", "", ["6: 'learning_rate' is {"]),
        ("{by: batch_size, cases: {8: 1e-5, 32: 2e-5}, first: 8}", "", ["6: 'learning_rate' is {"]),
        (RATES, "  mnlii: {}\n  squad: 3\n", ["12: unknown training set 'mnlii'", "13: 'squad' is 3"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(tmp_path: Path, rates: str, more: str, expected: list[str]) -> None:
    found = problems(write(tmp_path, rates, more))
    assert len(found) == len(expected), found
    for text in expected:
        assert any(one.startswith(text) for one in found), (text, found)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    rates = RATES.replace("        32:", "        16:").replace("low: 1e-6", "low: no")
    more = "  squad: {batch_size: 4}\n  udpos: {epochs: {by: warmup, cases: {0.2: {values: [1, 2]}}}}\n"
    found = problems(write(tmp_path, rates, more, sampler="tpee"))
    for words in ("unknown sampler 'tpee'", "9: 'learning_rate' is", "13: 'epochs' has no case for 'warmup' 0.1"):
        assert any(words in text for text in found), (words, found)


def test_values_that_are_named_twice_are_told_with_their_lines(tmp_path: Path) -> None:
    """Where a value stands twice, another one was meant."""
    rates = "\n      values:\n      - 1e-5\n      - 2e-5\n      - 0.00001"
    fixed = "batch_size: {values: [8, 16, 8], first: 8}, warmup: 0.1, weight_decay: 0.01"
    found = problems(write(tmp_path, rates, fixed=fixed, more="  udpos:\n    epochs: {values: [2, 2]}\n"))
    assert found == [
        "5: batch_size '8' stands here twice\n    remove one",  # a merged value is at home elsewhere
        "10: learning_rate '1e-05' stands here twice\n    remove one",
        "13: epochs '2' stands here twice\n    remove one",
        "13: 'epochs' has one value, but is always searched\n    give two values or a range",
    ]


def test_a_grid_needs_values_in_every_case(tmp_path: Path) -> None:
    assert problems(write(tmp_path, sampler="grid")) == [
        "6: sampler grid needs values for 'learning_rate', not a range"
    ]


def test_what_is_wrong_with_a_case_is_found_under_keys_such_as_1e_5(tmp_path: Path) -> None:
    more = "  udpos:\n    epochs:\n      by: learning_rate\n      cases:\n        1e-5: 2\n        2e-5: 2.5\n"
    assert [text[:13] for text in problems(write(tmp_path, "{values: [1e-5, 2e-5]}", more))] == ["13: 'epochs' i"[:13]]


@pytest.mark.parametrize("name", names())
def test_shipped_spaces_contain_their_first_values(name: str) -> None:
    space = load(name)
    for phase, section in space.sections.items():
        for training_set in section:
            parameters = space.parameters(phase, training_set)
            assert contains(parameters, first(parameters))


@pytest.mark.parametrize("sampler", ["gp", "cmaes"])
def test_a_file_may_name_every_sampler(tmp_path: Path, sampler: str) -> None:
    space = load(str(write(tmp_path, sampler=sampler)))
    assert isinstance(space, SearchSpace)
    assert space.sampler == sampler


@pytest.mark.parametrize(
    "parameter",
    [
        Range(1e-6, 1e-3, log=True, integer=False, first=1e-5),
        Range(0, 0.2, log=False, integer=False, first=0.1),
        Range(1, 10, log=False, integer=True, first=3),
        Range(1, 64, log=True, integer=True, first=8),
        Choices((3, 1, 2), 1),
    ],
)
def test_positions_go_there_and_back(parameter: Choices | Range) -> None:
    values = [parameter.at(step / 40) for step in range(41)]
    assert all(parameter.contains(value) for value in values)
    for value in values:
        assert isinstance(value, (int, float))
        position = parameter.position(value)
        assert 0 <= position <= 1
        assert parameter.at(position) == pytest.approx(value, rel=1e-5)
    if isinstance(parameter, Range):
        numbers: list[Number] = [value for value in values if not isinstance(value, str)]
        assert numbers == sorted(numbers)
        assert (numbers[0], numbers[-1]) == (parameter.low, parameter.high)
    else:
        assert set(values) == set(parameter.values)


def test_whole_numbers_have_equal_shares() -> None:
    epochs = Range(1, 4, log=False, integer=True, first=1)
    assert [epochs.at((step + 0.5) / 8) for step in range(8)] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_a_range_holds_what_it_may_be_and_nothing_else() -> None:
    epochs = Range(1, 10, log=False, integer=True, first=3)
    assert epochs.contains(10)
    assert not any(epochs.contains(value) for value in (0, 11, 2.5, None, "3"))
    assert Range(0, 0.2, log=False, integer=False, first=0.1).nearest(0.123456789) == 0.123457


CASES = Conditional("batch_size", ((8, Choices((3e-5, 1e-5), 1e-5)), (32, Range(1e-5, 1e-3, True, False, 1e-4))))
SPACE: dict[str, Parameter] = {
    "learning_rate": CASES,
    "batch_size": Choices((32, 8), 8),
    "parent": Choices(("b", "a"), "b"),
    "warmup": Choices((0.1,), 0.1),
}


def axis_of(name: str, on_scales: bool, **chosen: Value) -> Axis:
    found = axis(SPACE, name, chosen, on_scales)
    assert found is not None
    return found


def test_each_case_has_an_axis_of_its_own_or_all_have_one() -> None:
    small, large = (axis_of("learning_rate", False, batch_size=size) for size in (8, 32))
    assert (small.name, large.name) == ("learning_rate[batch_size=8]", "learning_rate[batch_size=32]")
    assert small.distribution != large.distribution
    assert large.decode(1.23456789e-4) == 1.23457e-4
    small, large = (axis_of("learning_rate", True, batch_size=size) for size in (8, 32))
    assert small.name == large.name == "learning_rate"
    assert small.distribution == large.distribution
    assert (small.decode(0.3), large.decode(0.5)) == (1e-5, 1e-4)
    assert large.decode(large.encode(1.5e-5)) == pytest.approx(1.5e-5)


def test_numbers_are_steps_of_a_scale_where_that_is_needed_and_names_never() -> None:
    assert [axis_of("batch_size", True).encode(size) for size in (8, 32)] == [0, 1]
    assert [axis_of("batch_size", True).decode(step) for step in (0, 1)] == [8, 32]
    assert axis_of("batch_size", False).encode(32) == 32
    assert axis_of("parent", True).distribution == axis_of("parent", False).distribution
    assert axis(SPACE, "warmup", {}, on_scales=True) is None


def test_reading_a_space_needs_no_optuna() -> None:
    code = "import sys, search_spaces; search_spaces.load('paper'); print('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
