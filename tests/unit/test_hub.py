"""The hub as a source: a mirror in its layout gives the examples that the same release files give."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from tests import hub_mirror
from tests.hub_mirror import NLI, SIZE, write
from trainables import tasks
from trainables.data import open_source
from trainables.data.examples import Answer, Example, PlainText, Question, TextPair, Translation
from trainables.data.hub import Hub
from trainables.data.hub_dataset import HubDataset
from trainables.data.released import ReleasedSource
from trainables.errors import UserError
from trainables.tasks import HubLayout, Task


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        datasets.disable_progress_bars()
        yield


def without_ids(examples: Sequence[Example]) -> list[Example]:
    return [dataclasses.replace(example, id="") for example in examples]


def stripped(example: Any) -> Any:
    """A question as it is when its texts are stripped, with the starts that then are right."""
    if not isinstance(example, Question):
        return example
    moved = len(example.context) - len(example.context.lstrip())
    answers = [Answer(one.text.strip(), max(-1, one.start - moved)) for one in example.answers or ()]
    texts = {"question": example.question.strip(), "context": example.context.strip()}
    return dataclasses.replace(example, **texts, answers=tuple(answers))


CASES = [
    ("xnli", "dev", "sw"), ("pawsx", "dev", "de"), ("panx", "dev", "sw"), ("udpos", "test", "hi"),
    ("xquad", "test", "zh"), ("mlqa", "dev", "es"), ("tydiqa", "train", "sw"), ("tydiqa", "dev", "sw"),
    ("squad", "dev", "en"), ("squad2", "dev", "en"), ("tatoeba", "test", "sw"), ("mnli", "dev", "en"),
    ("qqp", "dev", "en"), ("snli", "dev", "en"), ("hellaswag", "dev", "en"), ("cosmosqa", "dev", "en"),
    ("commonsenseqa", "dev", "en"), ("siqa", "dev", "en"), ("copa", "dev", "en"), ("xcopa", "test", "sw"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "split", "language"), CASES)
def test_the_hub_gives_what_the_release_gives(
    tmp_path: Path, shared_data: Path, name: str, split: str, language: str
) -> None:
    task, files = tasks.load(name), open_source({"files": str(shared_data)})

    def released(of: str = language) -> list[Example]:
        return files.examples(task, split, of)

    getattr(hub_mirror, name)(tmp_path, shared_data, released)
    source = open_source({"hub": str(tmp_path)})
    assert language in source.languages(task, split)
    found = source.examples(task, split, language)
    expected = [stripped(example) for example in released()[: len(found)]]
    assert without_ids(found) == without_ids(expected)
    assert len(found) >= min(SIZE, len(released()))
    assert source.fingerprint(task, split, language) == open_source({"hub": str(tmp_path)}).fingerprint(
        task, split, language
    )


def test_parts_are_joined_as_in_release_files(tmp_path: Path) -> None:
    mirror, release = tmp_path / "mirror", tmp_path / "release"
    parts = {name: tasks.load(name) for name in ("anli", "snli")}
    task = dataclasses.replace(tasks.load("anli+"), parts=tuple(parts))
    for number in (1, 2, 3):
        rows = [{"uid": "a", "context": f"c{number}", "hypothesis": "h", "label": "n"}] * number
        path = release / "anli_v1.0" / f"R{number}" / "dev.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(map(json.dumps, rows)))
        columns = {"uid": ["a"], "premise": [f"c{number}"], "hypothesis": ["h"], "label": [1]}
        columns = {name: values * number for name, values in columns.items()}
        write(mirror, "facebook/anli", "plain_text", f"dev_r{number}", columns, label=ClassLabel(names=list(NLI)))
    pair = {"sentence1": "p", "sentence2": "q", "gold_label": "contradiction", "pairID": "s"}
    path = release / "snli_1.0" / "snli_1.0_dev.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(pair))
    columns = {"premise": ["p"], "hypothesis": ["q"], "label": [2]}
    write(mirror, "stanfordnlp/snli", "plain_text", "validation", columns, label=ClassLabel(names=list(NLI)))
    found = open_source({"hub": str(mirror)}, parts).examples(task, "dev", "en")
    assert without_ids(found) == without_ids(open_source({"files": str(release)}, parts).examples(task, "dev", "en"))
    assert sorted(example.id for example in found) == ["a", "a#2", "a#3", "a#4", "a#5", "a#6", "validation-0"]
    assert open_source({"hub": str(mirror)}, parts).languages(task, "dev") == ("en",)
    assert len(open_source({"hub": str(mirror)}, parts).fingerprint(task, "dev", "en")) == 16


def test_translations_stand_under_the_codes_of_their_languages(tmp_path: Path) -> None:
    """OPUS-100's pairs are named in the order of the alphabet, and its one column holds both sides."""
    for config, pairs in {
        "de-en": [("Er lief.", "He ran.")],
        "en-zh": [("中国", "China"), ("北京", "Beijing")],
    }.items():
        other = config.replace("en", "").strip("-")
        column = [{other: text, "en": english} for text, english in pairs]
        write(tmp_path, "Helsinki-NLP/opus-100", config, "train", {"translation": column})
    source, task = open_source({"hub": str(tmp_path)}), dataclasses.replace(tasks.load("opus100"), without=())
    found = {one: source.examples(task, "train", one) for one in ("de", "zh")}
    assert found == {
        "de": [Translation("0", "Er lief.", "He ran.")],
        "zh": [Translation("0", "中国", "China"), Translation("1", "北京", "Beijing")],
    }


def test_an_article_is_a_text(tmp_path: Path) -> None:
    columns = {name: ["7", "8", "9"] for name in ("id", "url", "title")} | {
        "text": ["Ulm is\na city.", " ", "It is old."]
    }
    write(tmp_path, "wikimedia/wikipedia", "20231101.sw", "train", columns)
    source, task = open_source({"hub": str(tmp_path)}), tasks.load("wiki_mlm")
    assert source.examples(task, "train", "sw") == [PlainText("7", "Ulm is\na city.")]
    assert source.examples(task, "dev", "sw") == [PlainText("9", "It is old.")]  # held back, and blank ones are none


def test_every_shipped_layout_names_languages_once() -> None:
    for name in tasks.names():
        task = tasks.load(name)
        for split in ("train", "dev", "test"):
            named = [language for layout in task.hub if split in layout.splits for language in layout.languages]
            assert len(named) == len(set(named)), (name, split)


def test_what_the_hub_has_is_known_without_asking_it() -> None:
    source = open_source("hub")
    counts = {name: len(source.languages(tasks.load(name), "test")) for name in ("udpos", "panx", "tatoeba", "xquad")}
    assert counts == {"udpos": 38, "panx": 48, "tatoeba": 41, "xquad": 12}
    assert source.languages(tasks.load("xnli"), "train") == ()
    assert source.languages(tasks.load("tydiqa"), "dev") == tasks.load("tydiqa").languages  # held back of train
    xnli, mnli = tasks.load("xnli"), tasks.load("mnli")
    assert source.fingerprint(xnli, "dev", "sw") != source.fingerprint(xnli, "dev", "de")
    assert source.fingerprint(mnli, "dev", "en") == open_source("hub").fingerprint(mnli, "dev", "en")


def test_hidden_labels_are_none(tmp_path: Path) -> None:
    columns = {"premise": ["a", "b"], "hypothesis": ["c", "d"], "label": [-1, -1], "idx": [0, 1]}
    write(tmp_path, "nyu-mll/glue", "mnli", "test_matched", columns, label=ClassLabel(names=list(NLI)))
    found = open_source({"hub": str(tmp_path)}).examples(tasks.load("mnli"), "test", "en")
    assert [pair.label for pair in found if hasattr(pair, "label")] == [None, None]


README = """---
configs:
- config_name: de
  data_files:
  - split: validation
    path: de/valid.parquet
- config_name: sw
  data_files:
  - split: validation
    path: sw/valid.parquet
---
"""


@pytest.fixture
def own_task() -> Task:
    columns = {"text_a": "one", "text_b": "two", "label": "same"}
    layout = HubLayout("me/mine", None, "{lang}", {"dev": ("validation",)}, ("de", "sw"), options={"columns": columns})
    return dataclasses.replace(tasks.load("pawsx"), hub=(layout,), note="")


def with_readme(mirror: Path, config: str) -> None:
    path = mirror / "me" / "mine" / config / "valid.parquet"
    path.parent.mkdir(parents=True)
    rows = {"one": [f"a {config}"], "two": ["b"], "same": [1]}
    features = Features({"one": Value("string"), "two": Value("string"), "same": ClassLabel(names=["0", "1"])})
    Dataset.from_dict(rows, features=features).to_parquet(path)
    (mirror / "me" / "mine" / "README.md").write_text(README)


def test_translations_are_one_column_of_all_languages(tmp_path: Path) -> None:
    """Those of OPUS-100, whose configurations are two languages in the order of the alphabet."""
    layouts = [
        HubLayout("Helsinki-NLP/opus-100", None, config, {"test": ("test",)}, languages, {"no": "nb"}, {"columns": {
            "text": "{translation[{lang}]}", "english": "{translation[en]}",
        }})
        for config, languages in (("{lang}-en", ("de",)), ("en-{lang}", ("no",)))
    ]  # fmt: skip
    task = dataclasses.replace(tasks.load("tatoeba"), languages=("de", "no"), files=(), hub=tuple(layouts))
    for config, own, pair in (("de-en", "de", ["Ja.", "Yes."]), ("en-nb", "nb", ["Nei.", "No."])):
        columns = {"translation": [dict(zip((own, "en"), pair, strict=True))]}
        feature = datasets.Translation(languages=[own, "en"])
        write(tmp_path, "Helsinki-NLP/opus-100", config, "test", columns, translation=feature)
    source = open_source({"hub": str(tmp_path)})
    assert source.examples(task, "test", "de") == [Translation("0", "Ja.", "Yes.")]
    assert source.examples(task, "test", "no") == [Translation("0", "Nei.", "No.")]


def test_a_readme_says_which_files(tmp_path: Path, own_task: Task) -> None:
    with_readme(tmp_path, "de")
    with_readme(tmp_path, "sw")
    source = open_source({"hub": str(tmp_path)})
    (pair,) = source.examples(own_task, "dev", "sw")
    assert pair == dataclasses.replace(pair, text_a="a sw", text_b="b", label="1")
    before = source.fingerprint(own_task, "dev", "sw")
    file = tmp_path / "me" / "mine" / "sw" / "valid.parquet"
    Dataset.from_dict({"one": ["x"], "two": ["y"], "same": ["0"]}).to_parquet(file)
    assert source.fingerprint(own_task, "dev", "sw") != before
    assert source.fingerprint(own_task, "dev", "de") == source.fingerprint(own_task, "dev", "de")


PAIRS = {"one": ["a", "b"], "two": ["c", "d"], "same": [1, 0]}
READ = [TextPair("validation-0", "a", "c", "1"), TextPair("validation-1", "b", "d", "0")]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The folder of me/mine in a mirror."""
    folder = tmp_path / "me" / "mine"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def one_config(own_task: Task) -> Task:
    return dataclasses.replace(own_task, hub=(dataclasses.replace(own_task.hub[0], config=None),))


def test_what_save_to_disk_wrote_is_read(mine: Path, one_config: Task) -> None:
    source = open_source({"hub": str(mine.parents[1])})
    features = Features({"one": Value("string"), "two": Value("string"), "same": ClassLabel(names=["0", "1"])})
    rows = Dataset.from_dict(PAIRS, features=features)
    datasets.DatasetDict({"validation": rows}).save_to_disk(mine)
    assert source.examples(one_config, "dev", "de") == READ
    before = source.fingerprint(one_config, "dev", "de")
    datasets.DatasetDict({"validation": rows.select([1])}).save_to_disk(mine)
    assert source.fingerprint(one_config, "dev", "de") != before
    text = answer(HubDataset("me/mine", None, None, mine.parents[1]), "validatoin")
    assert "did you mean 'validation'?" in text or "known: validation" in text
    (mine / "validation" / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(UserError, match=r"has no data-00000-of-00001\.arrow\n    was it copied as a whole\?"):
        source.examples(one_config, "dev", "de")
    (mine / "validation" / "state.json").write_text("{}")
    with pytest.raises(UserError, match="is not what save_to_disk writes: KeyError '_data_files'"):
        source.examples(one_config, "dev", "de")


def test_one_split_that_was_saved_alone_is_read_by_its_name(mine: Path, one_config: Task) -> None:
    source = open_source({"hub": str(mine.parents[1])})
    Dataset.from_dict(PAIRS, split="validation").save_to_disk(mine)
    assert source.examples(one_config, "dev", "de") == READ
    Dataset.from_dict(PAIRS).save_to_disk(mine)
    with pytest.raises(UserError, match="which is the split 'train', not 'validation'"):
        source.examples(one_config, "dev", "de")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("validation.csv", "one,two,same\na,c,1.0\nb,d,0.0\n"),
        ("validation.tsv", "one\ttwo\tsame\na\tc\t1\nb\td\t0\n"),
        ("validation.jsonl", '{"one": "a", "two": "c", "same": 1}\n{"one": "b", "two": "d", "same": 0}\n'),
        ("validation.json", '[{"one": "a", "two": "c", "same": 1}, {"one": "b", "two": "d", "same": 0}]'),
    ],
)
def test_files_of_text_need_no_readme(mine: Path, one_config: Task, name: str, content: str) -> None:
    source = open_source({"hub": str(mine.parents[1])})
    (mine / name).write_text(content)
    assert source.examples(one_config, "dev", "de") == READ
    before = source.fingerprint(one_config, "dev", "de")
    (mine / name).unlink()
    (mine / "data").mkdir()
    (mine / "data" / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    assert source.examples(one_config, "dev", "de") == READ
    assert source.fingerprint(one_config, "dev", "de") != before
    (mine / "data" / "validation.csv").write_text("one,two,same\na,c\n")
    if name != "validation.csv":
        with pytest.raises(UserError, match="has 'validation' in two formats"):
            source.examples(one_config, "dev", "de")


def test_files_of_text_tell_their_lines(mine: Path, one_config: Task) -> None:
    (mine / "validation.csv").write_text("one,two,same\na,c,1\nb,d,2\n")
    with pytest.raises(UserError, match=r"validation\.csv:3: unknown label '2'"):
        open_source({"hub": str(mine.parents[1])}).examples(one_config, "dev", "de")


def test_text_that_is_no_text_is_said(mine: Path, one_config: Task) -> None:
    wrong = pa.array([b"a", b"caf\xe9"]).view(pa.string())
    pq.write_table(pa.table({**PAIRS, "two": wrong}), mine / "validation.parquet")
    with pytest.raises(UserError, match=r"is not UTF-8: b'caf\\xe9', in this row or one of the next 1000"):
        open_source({"hub": str(mine.parents[1])}).examples(one_config, "dev", "de")


def test_an_empty_folder_is_said(mine: Path) -> None:
    text = answer(HubDataset("me/mine", None, None, mine.parents[1]), "train")
    assert text.endswith("no README.md that names other files\n    is the download complete?")


def answer(dataset: HubDataset, split: str) -> str:
    with pytest.raises(UserError) as caught:
        [list(table) for _, table in dataset.tables(split)]
    return str(caught.value)


def test_a_wrong_configuration_or_split_is_answered(tmp_path: Path) -> None:
    with_readme(tmp_path, "de")
    with_readme(tmp_path, "sw")
    text = answer(HubDataset("me/mine", "dee", None, tmp_path), "validation")
    assert "there is no 'dee'\n    did you mean 'de'?" in text
    text = answer(HubDataset("me/mine", "de", None, tmp_path), "validatoin")
    assert "there is no 'validatoin'\n    did you mean 'validation'?" in text
    columns = {"premise": ["a"], "hypothesis": ["c"], "label": [0], "idx": [0]}
    write(tmp_path, "nyu-mll/glue", "mnli", "validation_matched", columns)
    text = answer(HubDataset("nyu-mll/glue", "mnli", None, tmp_path), "validation")
    assert "has no 'mnli/validation-00000-of-00001.parquet'" in text
    assert "did you mean 'mnli/validation_matched-00000-of-00001.parquet'?" in text
    text = answer(HubDataset("nyu-mll/gleu", "mnli", "f" * 40, tmp_path), "validation")
    assert f"hf download nyu-mll/gleu --repo-type dataset --revision {'f' * 40} --local-dir {tmp_path}" in text


def test_a_part_of_the_files_is_not_the_split(tmp_path: Path) -> None:
    write(tmp_path, "nyu-mll/glue", "mnli", "train", {"premise": ["a"]})
    path = tmp_path / "nyu-mll" / "glue" / "mnli" / "train-00000-of-00001.parquet"
    path.rename(path.with_name("train-00000-of-00003.parquet"))
    assert "has 1 of 3 files of 'train'" in answer(HubDataset("nyu-mll/glue", "mnli", None, tmp_path), "train")


def test_what_is_not_there_is_said() -> None:
    source = open_source("hub")
    bucc = source.missing(tasks.load("bucc2018"), "test", "de")
    assert bucc.message == "no test split of 'bucc2018' in 'de' on the hub"
    assert "only the gold pairs" in str(bucc)
    assert "data: {files: DIR}" in str(source.missing(tasks.load("xnli"), "train", "en"))
    looked = str(ReleasedSource([Hub(Path("/nowhere"))], {}).missing(tasks.load("xnli"), "dev", "sw"))
    assert "looked for dataset /nowhere/google/xtreme, config 'XNLI', split validation" in looked
    assert "hf download google/xtreme --repo-type dataset --revision ec5f1f46" in looked
    with pytest.raises(UserError, match="no test split of 'bucc2018'"):
        source.examples(tasks.load("bucc2018"), "test", "de")


def cached(folder: Path, commit: str) -> None:
    """The cache of `datasets` as it is after google/xtreme's XNLI was loaded at a commit."""
    columns = {"language": ["sw"], "sentence1": ["a"], "sentence2": ["b"], "gold_label": ["neutral"]}
    write(folder, "one", "two", "validation", columns)
    files = {"validation": str(folder / "one" / "two" / "validation-00000-of-00001.parquet")}
    (file,) = datasets.load_dataset("parquet", data_files=files, split="validation").cache_files
    place = Path(datasets.config.HF_DATASETS_CACHE) / "google___xtreme" / "XNLI" / "0.0.0" / commit
    place.mkdir(parents=True)
    (place / "xtreme-validation.arrow").write_bytes(Path(file["filename"]).read_bytes())
    info = json.loads(Path(file["filename"]).with_name("dataset_info.json").read_text())
    info |= {"config_name": "XNLI", "dataset_name": "xtreme"}
    (place / "dataset_info.json").write_text(json.dumps(info))


def test_offline_the_cache_counts_if_it_holds_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    task = tasks.load("xnli")
    cached(tmp_path, task.hub[0].revision or "")
    assert open_source("hub").examples(task, "dev", "sw") == [TextPair("validation-0", "a", "b", "neutral")]
    other = dataclasses.replace(task, hub=(dataclasses.replace(task.hub[0], revision="f" * 40),))
    with pytest.raises(UserError, match=r"the cache holds commit ec5f1f46\w+, not ffff"):
        open_source("hub").examples(other, "dev", "sw")
    unknown = HubDataset("google/xtreme", "XNIL", task.hub[0].revision)
    assert "there is no 'XNIL'\n    did you mean 'XNLI'?" in answer(unknown, "validation")


def test_offline_with_nothing_cached() -> None:
    with pytest.raises(UserError, match="dataset google/xtreme, config 'XNLI': the hub cannot be reached") as caught:
        open_source("hub").examples(tasks.load("xnli"), "dev", "sw")
    assert "data: {hub: DIR}" in str(caught.value)
    with pytest.raises(UserError, match="its newest commit cannot be looked up"):
        open_source("hub").fingerprint(tasks.load("panx"), "dev", "pl")
