"""Translations: line-aligned files in the order of a submission, and the pools of BUCC."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.reading import problem
from trainables.data.examples import Sentence, Translation
from trainables.data.parallel import in_submission_order, read_bucc, read_parallel


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "tatoeba.deu-eng.deu", tmp_path / "tatoeba.deu-eng.eng"


def test_rows_keep_their_numbers_in_the_order_of_english(both: tuple[Path, Path]) -> None:
    both[0].write_bytes("Ja.\r\nNein.\u2028Doch.\r\nAch.\r\nJawohl.\r\n".encode())
    both[1].write_bytes(b"Yes.\n No. Yes.\nAh.\nYes.\n")
    assert in_submission_order(read_parallel(both, {})) == [
        Translation("2", "Ach.", "Ah."),
        Translation("1", "Nein.\u2028Doch.", " No. Yes."),
        Translation("0", "Ja.", "Yes."),
        Translation("3", "Jawohl.", "Yes."),
    ]


def test_different_line_counts_are_a_problem(both: tuple[Path, Path]) -> None:
    both[0].write_text("Ja.\nNein.\nDoch.\n", encoding="utf-8")
    both[1].write_text("Yes.\nNo.\n", encoding="utf-8")
    found = problem(lambda: read_parallel(both, {}))
    assert (found.message, found.line) == ("has 3 lines but tatoeba.deu-eng.eng has 2: they are not line-aligned", 3)


def test_empty_line_is_a_problem_of_its_own_file(both: tuple[Path, Path]) -> None:
    both[0].write_text("Ja.\nNein.\nDoch.\n", encoding="utf-8")
    both[1].write_text("Yes.\n \nYes.\n", encoding="utf-8")
    found = problem(lambda: read_parallel(both, {}))
    assert (found.message, found.file, found.line) == ("empty line", str(both[1]), 2)


def test_real_tatoeba_is_sorted(shared_data: Path) -> None:
    stem = shared_data / "tatoeba" / "tatoeba.deu-eng"
    read = in_submission_order(read_parallel((Path(f"{stem}.deu"), Path(f"{stem}.eng")), {}))
    english = Path(f"{stem}.eng").read_text(encoding="utf-8").splitlines()
    assert [one.english.strip() for one in read] == sorted(line.strip() for line in english)
    assert sorted(int(one.id) for one in read) == list(range(1000))


@pytest.fixture
def pools(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two pools: de-2 and en-5 are translations; so are de-4 and en-1; de-1 and de-5 are one text."""
    contents = {
        "de": "de-1\tdoppelt\nde-2\tzwei\nde-3\tdrei\nde-4\tvier\nde-5\tdoppelt\n",
        "en": "en-1\tfour\nen-2\tother\nen-5\ttwo\n",
        "gold": "de-4\ten-1\nde-2\ten-5\n",
    }
    for name, content in contents.items():
        (tmp_path / f"de-en.sample.{name}").write_text(content, encoding="utf-8")
    first, second, third = (tmp_path / f"de-en.sample.{name}" for name in contents)
    return first, second, third


def test_gold_pairs_come_first_then_both_pools_in_turn(pools: tuple[Path, Path, Path]) -> None:
    assert read_bucc(pools, {}) == [
        Sentence("de-4", "vier", False, ("en-1",)),
        Sentence("en-1", "four", True),
        Sentence("de-2", "zwei", False, ("en-5",)),
        Sentence("en-5", "two", True),
        Sentence("en-2", "other", True),
        Sentence("de-3", "drei", False, ()),
    ]


def test_without_gold_translations_are_hidden(pools: tuple[Path, Path, Path]) -> None:
    read = read_bucc(pools[:2], {})
    assert {one.translations for one in read} == {None}
    assert [one.id for one in read] == ["en-1", "de-2", "en-2", "de-3", "en-5", "de-4"]


def test_a_gold_pair_of_another_release_is_a_problem(pools: tuple[Path, Path, Path]) -> None:
    pools[2].write_text("de-4\ten-1\nde-4\ten-9\n", encoding="utf-8")
    found = problem(lambda: read_bucc(pools, {}))
    assert (found.message, found.file, found.line) == ("no sentence has the id 'en-9'", str(pools[2]), 2)


@pytest.mark.parametrize("line", ["de-2 zwei", "\tzwei", "de-2\t "])
def test_a_line_that_is_not_an_id_and_a_text_is_a_problem(pools: tuple[Path, Path, Path], line: str) -> None:
    pools[0].write_text(f"de-1\teins\n{line}\nde-3\tdrei\n", encoding="utf-8")
    assert problem(lambda: read_bucc(pools[:2], {})).line == 2


def test_an_id_stands_for_one_sentence(pools: tuple[Path, Path, Path]) -> None:
    pools[0].write_text("de-1\teins\nde-2\tzwei\nde-1\tdrei\n", encoding="utf-8")
    found = problem(lambda: read_bucc(pools[:2], {}))
    assert (found.message, found.file, found.line) == ("the id 'de-1' stands here again", str(pools[0]), 3)
    assert found.hint == "first in line 1"
    pools[0].write_text("de-1\teins\nen-5\tzwei\n", encoding="utf-8")
    found = problem(lambda: read_bucc(pools[:2], {}))
    assert (found.message, found.file, found.line) == ("the id 'en-5' is one of de-en.sample.de, too", str(pools[1]), 3)
