"""Folders of release files: which layout counts, what is joined or held back; and every real file that we have."""

from __future__ import annotations

import dataclasses
import gzip
import json
import tracemalloc
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.reading import json_lines, task
from trainables import tasks
from trainables.data import Source, open_source
from trainables.data.examples import Example, MultipleChoice, Passage, Query, Question, TaggedSentence, TextPair
from trainables.errors import UserError
from trainables.tasks import FileLayout, Task
from trainables.training.shares import Part

PAIR = {"text_a": 0, "text_b": 1, "label": 2}


def write(folder: Path, **files: str) -> Source:
    """A folder of files; `__` in a name stands for / and `_` for a dot."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return open_source({"files": str(folder)})


def nli(*layouts: FileLayout, **changes: Any) -> Task:
    return task("xnli", files=layouts, languages=("en", "de", "sw"), **changes)


def layout(format: str = "tsv", languages: tuple[str, ...] = ("en", "de", "sw"), **splits: Any) -> FileLayout:
    options = splits.pop("options", {"columns": PAIR} if format == "tsv" else {})
    codes = splits.pop("codes", {})
    return FileLayout(format, {name: tuple(one) for name, one in splits.items()}, languages, codes, options)


def texts(examples: list[Example]) -> list[str]:
    return [one.text_a for one in examples if isinstance(one, TextPair)]


def test_the_first_layout_with_the_split_and_language_counts(tmp_path: Path) -> None:
    source = write(tmp_path, a__dev_en="x\ty\tneutral\n", b__dev_en="z\ty\tneutral\n", b__dev_deu="d\ty\tneutral\n")
    own = nli(layout(dev=["a/dev.{lang}"]), layout(dev=["b/dev.{lang}"], codes={"de": "deu"}))
    assert source.languages(own, "dev") == ("en", "de")
    assert source.languages(own, "test") == ()
    assert texts(source.examples(own, "dev", "en")) == ["x"]
    assert texts(source.examples(own, "dev", "de")) == ["d"]


def test_all_files_of_a_split_stand_behind_one_another(tmp_path: Path) -> None:
    source = write(tmp_path, r1="a\tb\tneutral\n", r2="c\td\tneutral\n", r10="e\tf\tneutral\n")
    named = nli(layout(train=["r2", "r1"], languages=("en",)))
    globbed = nli(layout(train=["r*"], languages=("en",)))
    lacking = nli(layout(train=["r1", "r3"], languages=("en",)))
    assert texts(source.examples(named, "train", "en")) == ["c", "a"]
    assert texts(source.examples(globbed, "train", "en")) == ["a", "e", "c"]  # by name
    assert source.languages(lacking, "train") == ()


def test_a_file_without_language_in_its_name_is_of_english_or_of_the_only_one(tmp_path: Path) -> None:
    source = write(tmp_path, one="a\tb\tneutral\n")
    assert source.languages(nli(layout(dev=["one"])), "dev") == ("en",)
    assert source.languages(nli(layout(dev=["one"], languages=("sw",))), "dev") == ("sw",)


def test_a_file_may_say_the_language_of_its_rows(tmp_path: Path) -> None:
    source = write(tmp_path, all="l\ta\tb\ty\nde\tx\ty\tneutral\nen\tz\ty\tneutral\n")
    columns = {"language": "l", "text_a": "a", "text_b": "b", "label": "y"}
    own = nli(layout(dev=["all"], options={"columns": columns, "header": True}))
    assert source.languages(own, "dev") == ("en", "de", "sw")
    assert texts(source.examples(own, "dev", "de")) == ["x"]
    assert source.fingerprint(own, "dev", "de") != source.fingerprint(own, "dev", "en")


def test_what_is_held_back_is_the_end_of_the_training_examples(tmp_path: Path) -> None:
    rows = "".join(f"{number}\tb\tneutral\n" for number in range(14))
    source = write(tmp_path, train_en=rows, train_de=rows, dev_de="d\tb\tneutral\n", train_sw="0\tb\tneutral\n" * 2)
    own = nli(layout(train=["train.{lang}"], dev=["dev.{lang}"]), holdout=0.1)
    assert source.languages(own, "dev") == ("en", "de", "sw")
    assert texts(source.examples(own, "train", "en")) == [str(number) for number in range(13)]
    assert texts(source.examples(own, "dev", "en")) == ["13"]
    assert len(source.examples(own, "train", "de")) == 14  # it has its own development set
    assert len(source.examples(own, "dev", "sw")) == 1  # at least one
    assert source.fingerprint(own, "dev", "en") != source.fingerprint(own, "train", "en")


def squad(passages: Mapping[str, str]) -> str:
    """A file with a question on each passage, by the question's id."""
    paragraphs = [
        {"context": text, "qas": [{"id": one, "question": "?", "answers": [{"text": text[0], "answer_start": 0}]}]}
        for one, text in passages.items()
    ]
    return json.dumps({"data": [{"paragraphs": paragraphs}]})


@pytest.mark.parametrize(
    ("passages", "holdout", "expected"),
    [
        ("abcdefghij", 0.2, "ij"),
        ("aaaaabbbcc", 0.1, "cc"),  # at least one passage
        ("aaaaabbbcc", 0.3, "cc"),  # 2 are nearer to 3 than 5
        ("aaaaabbbcc", 0.4, "bbbcc"),
        ("aaaaaaaaab", 0.9, "b"),  # never all of them
        ("cabbbbbbca", 0.2, "bbbbbb"),  # the last to come up, not the last to be asked about
    ],
)
def test_what_is_held_back_is_cut_between_passages(
    tmp_path: Path, passages: str, holdout: float, expected: str
) -> None:
    source = write(tmp_path, qa=squad(dict(zip(map(str, range(len(passages))), passages, strict=True))))
    own = task("squad", holdout=holdout, files=(layout("squad", ("en",), train=["qa"]),))
    kept, held_back = (
        [one for one in source.examples(own, split, "en") if isinstance(one, Question)] for split in ("train", "dev")
    )
    assert "".join(one.context for one in held_back) == expected
    assert {one.context for one in kept}.isdisjoint(expected)
    assert sorted(int(one.id) for one in [*kept, *held_back]) == list(range(len(passages)))


def test_several_choices_on_a_passage_stay_together(tmp_path: Path) -> None:
    source = write(tmp_path, choices="".join(f"{context}\tx\ty\t0\n" for context in "abcddd"))
    options = {"columns": {"context": 0, "choices": [1, 2], "label": 3}}
    own = task("copa", holdout=0.2, files=(layout("tsv", ("en",), train=["choices"], options=options),))
    assert len(source.examples(own, "train", "en")) == len(source.examples(own, "dev", "en")) == 3


def test_one_passage_cannot_be_held_back(tmp_path: Path) -> None:
    source = write(tmp_path, qa=squad({"0": "a", "1": "a", "2": "a"}))
    own = task("squad", holdout=0.1, files=(layout("squad", ("en",), train=["qa"]),))
    assert len(source.examples(own, "train", "en")) == 3
    with pytest.raises(UserError, match="'squad' in 'en' have one passage: none can be held back\n    give the task"):
        source.examples(own, "dev", "en")


def test_parts_are_joined_where_all_have_the_split(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        anli="a\tb\tneutral\n", mnli="c\td\tneutral\n", snli="e\tf\tneutral\n", dev="g\th\tneutral\n",
    )  # fmt: skip
    parts = {
        name: task("mnli", name=name, files=(layout(train=[name], dev=[dev], languages=("en",)),))
        for name, dev in (("anli", "dev"), ("mnli", "dev"), ("snli", "none"))
    }
    own, source = tasks.load("anli+"), open_source({"files": str(tmp_path)}, parts)
    assert source.languages(own, "train") == ("en",)
    assert source.languages(own, "dev") == ()
    joined = source.examples(own, "train", "en")
    assert sorted(texts(joined)) == ["a", "c", "e"]
    before = source.fingerprint(own, "train", "en")
    (tmp_path / "snli").write_text("x\tf\tneutral\n")
    assert source.fingerprint(own, "train", "en") != before
    assert "no dev files of 'snli' in 'en'" in source.missing(own, "dev", "en").message


@pytest.mark.parametrize("languages", [1, 2, 3, 6])
def test_a_limit_takes_as_many_of_each_part_in_each_language(tmp_path: Path, languages: int) -> None:
    lines = {"one": 300, "two": 300, "three": 20}
    source = write(tmp_path, **{name: f"{name}\tb\tneutral\n" * count for name, count in lines.items()})
    parts = {name: task("mnli", name=name, files=(layout(train=[name], languages=("en",)),)) for name in lines}
    own, source = task("anli+", parts=tuple(lines)), open_source({"files": str(tmp_path)}, parts)
    joined = source.examples(own, "train", "en")
    assert len(joined) == 620
    counts = Counter(texts(Part(60).of(joined)))
    assert counts == {"one": 20, "two": 20, "three": 20}
    counts = Counter(texts(Part(200).of(joined)))
    assert (counts["one"], counts["two"], counts["three"]) == (90, 90, 20)  # what is short is made up for
    for position in range(languages):
        counts = Counter(texts(Part(100, position, languages).of(joined)))
        assert abs(counts["one"] - counts["two"]) < 30, "a language must not give one part alone"


def test_a_compressed_file_is_the_same_examples(tmp_path: Path) -> None:
    contents = {"dev.tsv": "a\tb\tneutral\n", "qa.json": squad({"q": "Ulm."}), "pos.tsv": "Ulm\tPROPN\n"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    source = open_source({"files": str(tmp_path)})

    def read(end: str) -> list[Example]:
        tasks_of = (
            nli(layout(dev=[f"dev.tsv{end}"])),
            task("squad", files=(layout("squad", ("en",), dev=[f"qa.json{end}"]),)),
            task("udpos", files=(layout("conll", ("en",), dev=[f"pos.tsv{end}"]),)),
        )
        return [example for own in tasks_of for example in source.examples(own, "dev", "en")]

    assert read(".gz") == read("")
    assert [one.id for one in read(".gz")] == ["dev-0", "q", "pos-0"]


@pytest.mark.parametrize("format", ["jsonl", "tsv", "csv"])
def test_a_large_table_is_never_in_memory(tmp_path: Path, format: str) -> None:
    rows = [{"a": f"one {n}", "b": f"two {n}", "y": "neutral", "parse": "( word ) " * 100} for n in range(2000)]
    separator = "," if format == "csv" else "\t"
    lines = [separator.join(rows[0]), *(separator.join(row.values()) for row in rows)]
    source = write(tmp_path, t=json_lines(*rows) if format == "jsonl" else "".join(f"{line}\n" for line in lines))
    options = {"columns": {"text_a": "a", "text_b": "b", "label": "y"}, "header": True}
    own = nli(layout(format, train=["t"], options=options))
    tracemalloc.start()
    try:
        examples = source.examples(own, "train", "en")
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(examples) == 2000
    assert peak < 1.6 * kept, "beside the examples there is no more than what their ids need"


def test_repeated_ids_become_unique(tmp_path: Path) -> None:
    source = write(tmp_path, a="7\ta\tb\n8\tc\td\n7\te\tf\n7\tg\th\n")
    own = nli(layout(dev=["a"], options={"columns": {"id": 0, "text_a": 1, "text_b": 2}}))
    assert [one.id for one in source.examples(own, "dev", "en")] == ["7", "8", "7#2", "7#3"]
    (tmp_path / "a").write_text("x\ta\tb\nx\tc\td\nx#2\te\tf\nx\tg\th\nx#2\ti\tj\n")
    assert [one.id for one in source.examples(own, "dev", "en")] == ["x", "x#3", "x#2", "x#4", "x#2#2"]


def test_the_fingerprint_follows_content_and_reading(tmp_path: Path) -> None:
    source = write(tmp_path, a="x\ty\tneutral\n", b="x\ty\tneutral\n")
    own, moved = nli(layout(dev=["a"])), nli(layout(dev=["b"]))
    before = source.fingerprint(own, "dev", "en")
    assert source.fingerprint(moved, "dev", "en") == before
    otherwise = nli(layout(dev=["a"], options={"columns": {**PAIR, "text_a": 1}}))
    assert source.fingerprint(otherwise, "dev", "en") != before
    assert source.fingerprint(dataclasses.replace(own, max_length=64), "dev", "en") != before
    (tmp_path / "a").write_text("z\ty\tneutral\n")
    assert source.fingerprint(own, "dev", "en") != before


def test_missing_files_are_named_with_what_to_do(tmp_path: Path) -> None:
    source = open_source({"files": str(tmp_path)})
    found = source.missing(tasks.load("ccg"), "dev", "en")
    assert f"looked in '{tmp_path}' for ccgbank_1_1/data/AUTO/00/*.auto, or ccg/dev.tsv" in found.message
    assert found.hint is not None
    assert "LDC2005T13" in found.hint
    with pytest.raises(UserError, match=r"tatoeba\.deu-eng\.deu and tatoeba/tatoeba\.deu-eng\.eng"):
        source.examples(tasks.load("tatoeba"), "test", "de")
    assert "has no train split in 'de'" in source.missing(tasks.load("xnli"), "train", "de").message
    with pytest.raises(UserError, match="does not exist"):
        open_source({"files": str(tmp_path / "none")})


def test_candidates_are_the_sentences_of_the_same_file(tmp_path: Path) -> None:
    text = squad({"q": "Ulm. Bonn."})
    source = write(tmp_path, **{"lareqa__xquad-r__de_json": text, "lareqa__xquad-r__en_json": text})
    own = tasks.load("lareqa")
    assert source.languages(own, "test-candidates") == ("de", "en")
    (query,) = source.examples(own, "test", "de")
    pool = source.examples(own, "test-candidates", "de")
    assert isinstance(query, Query)
    assert [one.text for one in pool if isinstance(one, Passage)] == ["Ulm.", "Bonn."]
    assert query.passage == pool[0]
    assert source.languages(tasks.load("squad"), "dev-candidates") == ()


def test_one_file_of_candidates_is_there_once(tmp_path: Path) -> None:
    entity = {"entity_id": "Q1", "description": "A.", "sentence_spans": [{"start": 0, "end": 2}]}
    source = write(
        tmp_path, **{"pool": json_lines(entity, {**entity, "entity_id": "Q1"}), "mentions": json_lines({"context": {}})}
    )
    own = task("mewslix", files=(layout("mewslix", ("en", "ar", "de"), test=["mentions"], candidates=["pool"]),))
    assert source.languages(own, "test") == ("ar", "de", "en")
    assert source.languages(own, "test-candidates") == ("en",)
    assert [one.id for one in source.examples(own, "test-candidates", "en")] == ["Q1", "Q1"]


def test_tydiqa_s_release_is_taken_apart_by_language(tmp_path: Path) -> None:
    text = squad({"english-1-0": "Ulm.", "korean-2-0": "Ulm.", "english-3-0": "Bonn."})
    source = write(tmp_path, **{"tydiqa__tydiqa-goldp-v1_1-train_json": text})
    own = tasks.load("tydiqa")
    assert len(source.languages(own, "train")) == 9
    assert [one.id for one in source.examples(own, "train", "en")] == ["english-1-0"]
    assert [one.id for one in source.examples(own, "dev", "en")] == ["english-3-0"]


def test_bucc_s_release_is_read_with_gold(tmp_path: Path) -> None:
    names = {"de": "de-1\teins\n", "en": "en-1\tone\n", "gold": "de-1\ten-1\n"}
    source = write(tmp_path, **{f"bucc2018__de-en__de-en_sample_{name}": one for name, one in names.items()})
    assert source.languages(tasks.load("bucc2018"), "dev") == ("de",)
    assert len(source.examples(tasks.load("bucc2018"), "dev", "de")) == 2


def test_ccgbank_s_sections_are_put_together(tmp_path: Path) -> None:
    line = "ID=wsj PARSER=GOLD NUMPARSE=1\n(<L N NN NN {} N>)\n"
    for number in range(25):
        path = tmp_path / "ccgbank_1_1" / "data" / "AUTO" / f"{number:02}" / f"wsj_{number:02}01.auto"
        path.parent.mkdir(parents=True)
        path.write_text(line.format(number), encoding="utf-8")
    source, own = open_source({"files": str(tmp_path)}), tasks.load("ccg")
    counts = [len(source.examples(own, split, "en")) for split in ("train", "dev", "test")]
    assert counts == [20, 1, 1]


# Real files, with the counts of their README

COUNTS = {
    ("commonsenseqa", "train"): {"en": 6000},
    ("commonsenseqa", "dev"): {"en": 1000},
    ("copa", "train"): {"en": 400},
    ("copa", "dev"): {"en": 100},
    ("cosmosqa", "train"): {"en": 1985},
    ("cosmosqa", "dev"): {"en": 1000},
    ("hellaswag", "train"): {"en": 6000},
    ("hellaswag", "dev"): {"en": 1000},
    ("lareqa", "train"): {"en": 6000},
    ("lareqa", "test"): {"de": 996, "en": 996, "zh": 996},
    ("mlqa", "dev"): {"de": 512, "en": 1000, "es": 500, "zh": 504},
    ("mnli", "train"): {"en": 2344},
    ("mnli", "dev"): {"en": 1000},
    ("ntrex", "test"): dict.fromkeys(["ar", "de", "es", "fi", "fr", "hi", "ja", "sw", "zh"], 1000),
    ("panx", "train"): {"de": 2000, "en": 6000, "sw": 1000, "zh": 2000},
    ("panx", "dev"): dict.fromkeys(["ar", "de", "en", "es", "fi", "hi", "ja", "sw", "zh"], 1000),
    ("panx", "test"): {**dict.fromkeys(["ar", "de", "en", "es", "fi", "hi", "ja", "sw", "zh"], 500), "th": 200},
    ("pawsx", "train"): {"en": 998},
    ("pawsx", "dev"): dict.fromkeys(["de", "en", "es", "ja", "zh"], 1000),
    ("pawsx", "test"): {"de": 1000, "en": 500, "es": 500, "ja": 500, "zh": 1000},  # de and zh from the release
    ("qqp", "train"): {"en": 1},
    ("qqp", "dev"): {"en": 9},
    ("siqa", "train"): {"en": 2224},
    ("siqa", "dev"): {"en": 1000},
    ("snli", "train"): {"en": 100},
    ("snli", "dev"): {"en": 100},
    ("squad", "train"): {"en": 6000},
    ("squad", "dev"): {"en": 1000},
    ("squad2", "train"): {"en": 3000},
    ("squad2", "dev"): {"en": 1000},
    ("tatoeba", "test"): {
        **dict.fromkeys(["ar", "bn", "de", "es", "et", "fi", "fr", "hi", "id", "it", "ja", "zh"], 1000),
        **{"ka": 746, "sw": 390, "th": 548},
    },
    ("tydiqa", "train"): {"en": 2700, "sw": 1350},
    ("tydiqa", "dev"): {"en": 300, "sw": 150},
    ("tydiqa", "test"): {"en": 200, "fi": 200, "sw": 200},
    ("udpos", "train"): {"en": 3000},
    ("udpos", "dev"): {**dict.fromkeys(["de", "en", "es", "fi", "hi", "zh"], 1000), "ar": 909, "ja": 511},
    ("xcopa", "dev"): dict.fromkeys(["et", "ht", "id", "it", "sw", "zh"], 100),
    ("xcopa", "test"): dict.fromkeys(["et", "ht", "id", "it", "sw", "zh"], 500),
    ("xnli", "dev"): dict.fromkeys(["ar", "de", "en", "es", "fr", "hi", "sw", "zh"], 1000),
    ("xnli", "test"): dict.fromkeys(["ar", "de", "en", "es", "fr", "hi", "sw", "zh"], 1000),
    ("xquad", "test"): dict.fromkeys(["ar", "de", "en", "es", "hi", "zh"], 996),
}
HIDDEN = {("panx", "test"), ("pawsx", "test"), ("tydiqa", "test"), ("xnli", "test")}
TOLD = {("pawsx", "test", "de"), ("pawsx", "test", "zh")}


def gold(example: Example) -> object:
    match example:
        case TextPair() | MultipleChoice():
            return example.label
        case TaggedSentence():
            return example.tags
        case Question():
            return example.answers
        case Query():
            return example.key
    return True


OTHERS = {  # below the folder multilingual_train
    ("jaquad", "train"): {"ja": 2028},
    ("jaquad", "dev"): {"ja": 497},
    ("parsinlu-choice", "train"): {"fa": 1271},
    ("parsinlu-choice", "dev"): {"fa": 139},
    ("parsinlu-entailment", "train"): {"fa": 754},  # of 755: an odd label
    ("parsinlu-entailment", "dev"): {"fa": 270},
    ("parsinlu-entailment", "test"): {"fa": 1673},
    ("parsinlu-qa", "train"): {"fa": 400},
    ("parsinlu-qa", "dev"): {"fa": 125},
    ("parsinlu-qqp", "train"): {"fa": 1830},
    ("parsinlu-qqp", "dev"): {"fa": 898},
    ("squad-es", "dev"): {"es": 1998},
}


@pytest.mark.parametrize(("name", "split"), [*COUNTS, *OTHERS])
def test_real_files(shared_data: Path, name: str, split: str) -> None:
    folder = shared_data if (name, split) in COUNTS else shared_data / "multilingual_train"
    source, own = open_source({"files": str(folder)}), tasks.load(name)
    read = {language: source.examples(own, split, language) for language in source.languages(own, split)}
    assert {language: len(examples) for language, examples in read.items()} == {**COUNTS, **OTHERS}[name, split]
    for language, examples in read.items():
        assert len({example.id for example in examples}) == len(examples)
        hidden = (name, split) in HIDDEN and (name, split, language) not in TOLD
        assert {gold(example) is None for example in examples} == {hidden}


def test_real_windows_line_ends_are_no_text(shared_data: Path) -> None:
    assert b"\r\n" in (shared_data / "xcopa" / "data" / "et" / "val.et.jsonl").read_bytes()
    source = open_source({"files": str(shared_data)})
    first = source.examples(tasks.load("xcopa"), "dev", "et")[0]
    question = "Mees keeras kraani lahti. What was the effect?"
    assert first == MultipleChoice("0", question, ("Tualett täitus veega.", "Tilast voolas vett."), "1")
    assert not any(
        "\r" in one.text_b for one in source.examples(tasks.load("snli"), "dev", "en") if isinstance(one, TextPair)
    )


def test_real_paws_x_of_the_release_has_the_labels_that_xtreme_hides(shared_data: Path) -> None:
    source, own = open_source({"files": str(shared_data)}), tasks.load("pawsx")
    copy = dataclasses.replace(own, files=own.files[2:])
    hidden, told = source.examples(copy, "test", "de"), source.examples(own, "test", "de")
    assert {gold(one) for one in hidden} == {None}
    assert len(told) == 1000
    # This copy of the release was written with quotes as in csv; the release itself has none.
    release_texts = [one.replace('"', "") for one in texts(told[:500])]
    assert [one.replace('"', "") for one in texts(hidden)] == release_texts
    assert {gold(one) for one in told} == {"0", "1"}
