"""Features in files: the same for everybody, made once, and never those of other content."""

from __future__ import annotations

import dataclasses
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.toy import tokenizer
from tests.unit.reading import json_lines
from trainables import tasks
from trainables.data import open_source
from trainables.features import Feature, FeatureCache, Features, as_batch
from trainables.models.base import Base
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.training.fine_tune import training_features
from trainables.training.shares import Part
from trainables.training.workbench import Workbench

SPEC = TrialSpec("target", "m", ("udpos",), ("en",), "d")

rows = st.lists(
    st.builds(
        Feature,
        rows=st.lists(st.lists(st.integers(0, 300_000), min_size=1, max_size=5), min_size=1, max_size=4),
        example=st.integers(0, 99),
        target=st.lists(st.integers(-100, 20), min_size=1, max_size=5),
        weight=st.integers(0, 3),
        origin=st.lists(st.tuples(st.integers(-1, 50), st.integers(-1, 50)), max_size=4),
    ),
    max_size=6,
)


def plain(features: object) -> list[object]:
    assert isinstance(features, Features | list)
    return [
        ([list(row) for row in one.rows], one.example, list(one.target), one.weight, list(map(tuple, one.origin)))
        for one in features
    ]


@given(rows, rows)
def test_tables_give_back_what_was_put_in(one: list[Feature], two: list[Feature]) -> None:
    parts = [Features.of([as_batch(features)]) for features in (one, two)]
    whole = Features.joined(parts)
    assert plain(whole) == plain([*one, *two])
    assert plain(whole.that_count()) == plain([feature for feature in (*one, *two) if feature.weight])
    assert plain(Features.joined([whole.that_count(), parts[0]])) == plain(
        [*(feature for feature in (*one, *two) if feature.weight), *one]
    )
    counted = whole.that_count()
    assert list(zip(*(column.tolist() for column in counted.rows()), strict=True)) == [
        (number, place, len(row)) for number, feature in enumerate(counted) for place, row in enumerate(feature.rows)
    ]
    assert set(whole.token_ids()) == {token for feature in (*one, *two) for row in feature.rows for token in row}
    assert whole[: len(whole)] == [] or plain(whole[:2]) == plain([*one, *two][:2])


def _get(folder: str, log: str) -> list[int]:
    def make() -> list[list[Feature]]:
        with Path(log).open("a") as file:
            file.write("made\n")
        return [
            [Feature([[number] * 50], number) for number in range(start, start + 1000)] for start in (0, 1000, 2000)
        ]

    return [int(feature.rows[0][0]) for feature in FeatureCache(Store(folder)).get("key", make)]


def test_processes_that_ask_at_once_make_it_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ProcessPoolExecutor(3, get_context("fork")) as pool:
        found = list(pool.map(_get, [str(tmp_path / "store")] * 6, [str(log)] * 6))
    assert found == [list(range(3000))] * 6
    assert log.read_text() == "made\n"
    assert [path.name for path in (tmp_path / "store" / "features").iterdir()] == ["key.arrow"]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A workbench over a folder with one file of UD, with a tokenizer of characters."""
    (tmp_path / "udpos").mkdir()
    (tmp_path / "udpos" / "dev-en.tsv").write_text("He\tPRON\nsang\tVERB\n")
    return workbench(tmp_path, monkeypatch)


def workbench(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    monkeypatch.setattr("trainables.training.workbench.load_base", lambda *model: Base(None, tokenizer()))  # type: ignore[arg-type]
    return Workbench(Store(str(folder / "store")), open_source({"files": str(folder)}))


def test_examples_keep_their_places_when_they_are_tokenised_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "udpos").mkdir()
    (tmp_path / "udpos" / "dev-en.tsv").write_text("He\tPRON\nsang\tVERB\n\n" * 7)
    task = tasks.load("udpos")
    whole = workbench(tmp_path, monkeypatch).features(task, "dev", "en", SPEC, Part())
    monkeypatch.setattr("trainables.training.workbench.TOKENISED_AT_ONCE", 3)
    (tmp_path / "store").rename(tmp_path / "other")
    parts = workbench(tmp_path, monkeypatch).features(task, "dev", "en", SPEC, Part())
    assert plain(parts) == plain(whole)
    assert [one.example for one in parts] == list(range(7))


def test_content_decides_which_file_is_met(bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, everything = tasks.load("udpos"), Part()

    def files() -> set[str]:
        return {path.name for path in (tmp_path / "store" / "features").iterdir()}

    first = bench.features(task, "dev", "en", SPEC, everything)
    known = files()
    assert len(known) == 1
    again = workbench(tmp_path, monkeypatch).features(task, "dev", "en", SPEC, everything)
    assert plain(again) == plain(first)
    assert files() == known

    shorter = dataclasses.replace(task, max_length=8)
    assert len(workbench(tmp_path, monkeypatch).features(shorter, "dev", "en", SPEC, everything)) == 2
    assert len(files()) == 2
    (tmp_path / "udpos" / "dev-en.tsv").write_text("She\tPRON\nsang\tVERB\n")
    changed = workbench(tmp_path, monkeypatch).features(task, "dev", "en", SPEC, everything)
    assert plain(changed) != plain(first)
    assert len(files()) == 3
    other = workbench(tmp_path, monkeypatch)
    other.base(SPEC).tokenizer.backend_tokenizer.add_tokens(["sang"])
    try:
        with_word = other.features(task, "dev", "en", SPEC, everything)
    finally:
        tokenizer.cache_clear()
    assert plain(with_word) != plain(changed)
    assert len(files()) == 4


def test_features_are_views_of_the_file(tmp_path: Path) -> None:
    cache = FeatureCache(Store(str(tmp_path)))
    found = cache.get("key", lambda: [[Feature([[1, 2, 3]], 0)]])
    row = found[0].rows[0]
    assert isinstance(row, np.ndarray)
    assert not row.flags.owndata
    assert not row.flags.writeable


def trained_on(bench: Workbench, name: str, limit: int, *languages: str) -> Counter[str]:
    """How often each first word is met in the features of a limited training."""
    spec = TrialSpec("target", "m", (name,), languages, "d", train_examples=limit)
    rows = Features.joined([*training_features(spec, bench, bench.task(name)).values()])
    return Counter(tokenizer().decode(row.rows[0][1:3]).strip() for row in rows)


def test_a_limit_is_used_up_where_a_language_runs_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "udpos").mkdir()
    for language, sentences in {"en": 12, "de": 3, "fr": 9}.items():
        (tmp_path / "udpos" / f"train-{language}.tsv").write_text(f"{language[0]}\tX\n\n" * sentences)
    bench = workbench(tmp_path, monkeypatch)
    assert trained_on(bench, "udpos", 12, "en") == {"e": 12}
    assert trained_on(bench, "udpos", 12, "en", "de", "fr") == {"e": 5, "d": 3, "f": 4}
    assert trained_on(bench, "udpos", 99, "en", "de", "fr") == {"e": 12, "d": 3, "f": 9}


def test_a_limit_takes_of_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"anli_v1.0/R{number}/train.jsonl": 1 for number in (1, 2, 3)}
    files |= {"mnli/multinli_1.0_train.jsonl": 9, "snli_1.0/snli_1.0_train.jsonl": 9}
    for name, count in files.items():
        line = {"sentence1": name[0], "sentence2": "b", "gold_label": "neutral"}
        line = {"context": "a", "hypothesis": "b", "label": "n"} if name.startswith("anli") else line
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json_lines(*[{**line, "uid": number, "pairID": number} for number in range(count)]))
    bench = workbench(tmp_path, monkeypatch)
    assert trained_on(bench, "anli+", 6, "en") == {"a": 2, "m": 2, "s": 2}
    assert trained_on(bench, "anli+", 15, "en") == {"a": 3, "m": 6, "s": 6}


def test_features_that_are_there_are_trained_on_without_their_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "udpos").mkdir()
    (tmp_path / "udpos" / "train-en.tsv").write_text("e\tX\n\n" * 5)
    spec = TrialSpec("target", "m", ("udpos",), ("en",), "d")
    first, again = (workbench(tmp_path, monkeypatch) for _ in range(2))  # whose tokenizer has cut texts by then
    made = training_features(spec, first, first.task("udpos"))["en"]

    def examples(*place: object) -> list[object]:
        raise AssertionError(f"read again: {place}")

    monkeypatch.setattr(again, "examples", examples)
    assert len(training_features(spec, again, again.task("udpos"))["en"]) == len(made) == 5
