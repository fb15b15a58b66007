"""Task files: every one that ships is right, and a wrong one is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainables import tasks
from trainables.data import open_source
from trainables.errors import UserError
from trainables.tasks import Task

NAMES = [
    "afrixnli", "anli", "anli+", "belebele", "bucc2018", "ccg", "cmrc", "commonsenseqa", "copa", "cosmosqa",
    "drcd", "fquad", "germanquad", "hellaswag", "jaquad", "korquad", "lareqa", "masakhaner", "massive",
    "mewslix", "mini-bitext", "mini-checklist", "mini-mlm", "mini-ner", "mini-nli", "mini-pos", "mini-qa",
    "mini-ranking", "mlqa", "mlqa-mt", "mlqa-translate-test", "mnli", "multichecklist", "ntrex",
    "ntrex-ranking", "opus100", "panx", "parallel-sentences", "parsinlu-choice", "parsinlu-entailment",
    "parsinlu-qa", "parsinlu-qqp", "pawsx", "qqp", "sberquad", "sib200", "siqa", "snli", "squad", "squad-es",
    "squad-mt", "squad2", "tatoeba", "tydiqa", "tydiqa-mt", "udpos", "wiki_mlm", "xcopa", "xnli", "xnli-mt",
    "xquad", "xquad-translate-test",
]  # fmt: skip


def test_all_tasks_are_here() -> None:
    assert list(tasks.names()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_task_is_right(name: str) -> None:
    task = tasks.load(name)
    assert task.name == name
    assert len(set(task.languages)) == len(task.languages)
    assert task.citation
    assert task.licence
    assert task.mini or task.files or task.hub or task.parts
    assert not list(tasks.misfits(task, tasks.Catalogue()))
    if task.training_set is not None:
        trained = tasks.load(task.training_set)
        assert trained.is_trainable
        assert trained.max_length == task.max_length


LANGUAGES = {  # of XTREME and XTREME-R together
    "bucc2018": 4, "lareqa": 11, "mewslix": 11, "mlqa": 7, "panx": 48, "pawsx": 7, "tatoeba": 41, "tydiqa": 9,
    "udpos": 38, "xcopa": 11, "xnli": 15, "xquad": 12, "mini-nli": 8, "mini-checklist": 8, "anli+": 1,
    "multichecklist": 50,
    # of other releases, as far as they have the languages of XTREME-R
    "afrixnli": 18, "belebele": 49, "masakhaner": 20, "massive": 50, "ntrex": 46, "sib200": 50,
    # of translations
    "mlqa-mt": 7, "mlqa-translate-test": 6, "squad-mt": 11, "tydiqa-mt": 9, "xnli-mt": 15, "xquad-translate-test": 10,
}  # fmt: skip


@pytest.mark.parametrize("name", LANGUAGES)
def test_languages_count_as_in_the_papers(name: str) -> None:
    assert len(tasks.load(name).languages) == LANGUAGES[name]


def test_a_wrong_file_is_answered_with_everything_in_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nkind: taging\nmetrc: pos_f1\nlanguages: [en]\nlayer: x\n")
    with pytest.raises(UserError) as caught:
        tasks.parse(path)
    text = str(caught.value)
    for words in (
        f"{path}:2: unknown kind 'taging'\n    did you mean 'tagging'?",
        f"{path}:3: unknown key 'metrc'\n    did you mean 'metric'?",
        "'title' is missing",
        "'metric' is missing",
        f"{path}:5: 'layer' must be a fraction",
    ):
        assert words in text


TASK = "name: mine\ntitle: Mine\nkind: {kind}\nmetric: {metric}\nlanguages: [de, fr]\nfiles:\n  - {layout}\n"
TASK += "training_set: mine\nsource_language: de\n"


@pytest.mark.parametrize(
    ("kind", "layout", "words"),
    [
        ("tagging", "{format: conl, dev: [a]}", "unknown format 'conl'\n    did you mean 'conll'?"),
        (
            "tagging",
            "{format: conll, seperator: x, dev: [a]}",
            "unknown key 'seperator'\n    did you mean 'separator'?",
        ),
        ("tagging", "{format: conll, dev: [a]}", "which language is 'a' in?"),
        ("tagging", "{format: conll, dev: a}", "'dev' must be a list of file names"),
        ("tagging", "{format: conll}", "the layout names no files"),
        ("tagging", "{format: conll, dev: [a], languages: [it]}", "not languages of the task: it"),
        ("span_qa", "{format: squad, dev: [a], language_of_id: german}", "'language_of_id' must be keys and values"),
        ("pair_classification", "{format: tsv, dev: [a]}", "'columns' is missing"),
        ("pair_classification", "{format: tsv, dev: [a], columns: {text_a: 0}}", "no column for 'text_b'"),
        ("multiple_choice", "{format: tsv, dev: [a], columns: {context: 0, choices: 1}}", "must be a list of columns"),
        (
            "bitext_mining",
            "{format: tsv, dev: [a], columns: {text: 0}}",
            "7: format tsv cannot hold bitext_mining\n    formats that can: bucc",
        ),
    ],
)
def test_a_wrong_layout_is_answered(tmp_path: Path, kind: str, layout: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TASK.format(kind=kind, metric=tasks.KINDS[kind][0], layout=layout))
    with pytest.raises(UserError) as caught:
        tasks.parse(path)
    assert words in str(caught.value)
    assert f"{path}:7: " in str(caught.value)


def test_what_a_task_names_twice_is_told_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ntitle: Mine\nkind: multiple_choice\nmetric: accuracy\n"
        "languages: [de,\n fr,\n de]\n"
        "labels: [1,\n '1']\n"
        "parts: [siqa,\n siqa]\n"
    )
    with pytest.raises(UserError) as caught:
        tasks.parse(path)
    assert [str(one).split("\n")[0] for one in caught.value.problems] == [
        f"{path}:{line}: {named} stands here twice"
        for line, named in ((7, "language 'de'"), (9, "label '1'"), (11, "task 'siqa'"))
    ]


def test_what_a_layout_names_twice_is_told_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    columns = "columns: {context: c, label: l, choices: [a,\n  b,\n  a]}"
    path.write_text(
        "name: mine\ntitle: Mine\nkind: multiple_choice\nmetric: accuracy\nlanguages: [de, fr]\nlabels: [0, 1, 2]\n"
        "training_set: mine\nsource_language: de\nfiles:\n- format: jsonl\n"
        "  train: ['{lang}',\n  '{lang}']\n  languages: [de,\n  de]\n  " + columns + "\n"
        "hub:\n- dataset: a/b\n  splits: {train: [train,\n  train]}\n"
        "  columns: {context: c, label: l, choices: [a, b, c]}\n"
    )
    with pytest.raises(UserError) as caught:
        tasks.parse(path)
    assert [str(one).split("\n")[0] for one in caught.value.problems] == [
        f"{path}:{line}: {named} stands here twice"
        for line, named in (
            (12, "file '{lang}'"),
            (14, "language 'de'"),
            (17, "column 'a'"),
            (21, "split 'train'"),
        )
    ]


def test_rows_may_say_their_language(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    layout = "{format: squad, dev: [a], language_of_id: {german: de, french: fr}}"
    path.write_text(TASK.format(kind="span_qa", metric="squad", layout=layout))
    (own,) = tasks.parse(path).files
    assert own.says_language
    assert own.splits == {"dev": ("a",)}


def test_sizes_are_of_all_languages_or_of_some(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = TASK.format(kind="tagging", metric="pos_f1", layout="{format: conllu, dev: ['{lang}']}")
    path.write_text(text + "sizes: {train: 1000, test: {fr: 20}}\n")
    task = tasks.parse(path)
    assert (task.size("train", "de"), task.size("test", "fr"), task.size("test", "de")) == (1000, 20, None)
    path.write_text(text)
    assert tasks.parse(path).definition == task.definition  # trials keep their ids
    assert tasks.parse(path).size("train", "de") is None


def test_a_holdout_is_taken_off_the_size() -> None:
    task = tasks.load("tydiqa")
    assert (task.size("train", "en"), task.size("dev", "en"), task.size("dev", "fi")) == (3696 - 370, 370, None)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ("many", "'sizes' is 'many', which is not keys and values"),
        ("{trian: 5}", "'sizes' of an unknown split 'trian'\n    did you mean 'train'?"),
        ("{train: -5}", "'sizes' of 'train' is -5\n    a number of examples"),
        ("{train: {de: many}}", "'sizes' of 'train' is 'many'"),
        ("{train: {it: 5}}", "'sizes' of 'train' is of no language of the task: it"),
    ],
)
def test_wrong_sizes_are_answered(tmp_path: Path, sizes: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    layout = "{format: conllu, dev: ['{lang}']}"
    path.write_text(TASK.format(kind="tagging", metric="pos_f1", layout=layout) + f"sizes: {sizes}\n")
    with pytest.raises(UserError) as caught:
        tasks.parse(path)
    assert f"{path}:10: {words}" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "metric", "length", "least"),
    [
        ("span_qa", "squad", 97, 98),
        ("span_qa", "squad", 47, 48),
        ("retrieval", "map_at_20", 5, 6),
        ("tagging", "pos_f1", 2, 3),
    ],
)
def test_a_length_leaves_room(tmp_path: Path, kind: str, metric: str, length: int, least: int) -> None:
    more = "max_answer: 20\nmax_question: 24\n" if least == 48 else ""
    if kind == "tagging":
        path = tmp_path / "mine.yaml"
        path.write_text(TASK.format(kind=kind, metric=metric, layout="{format: conllu, dev: ['{lang}']}"))
    else:
        path = own_task(tmp_path, kind, metric, "")
    text = path.read_text()
    path.write_text(f"{text}max_length: {length}\n{more}")
    with pytest.raises(UserError) as caught:
        tasks.parse(path)
    assert f"{path}:10: 'max_length' is {length}\n    at least {least}: room for special tokens" in str(caught.value)
    path.write_text(f"{text}max_length: {least}\n{more}")
    assert tasks.parse(path).max_length == least


def test_a_metric_must_fit_the_kind(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TASK.format(kind="tagging", metric="squad", layout="{format: conllu, dev: ['{lang}']}"))
    with pytest.raises(UserError, match="4: metric 'squad' cannot score tagging\n    for tagging: entity_f1, pos_f1"):
        tasks.parse(path)


def own_task(folder: Path, kind: str, metric: str, more: str) -> Path:
    path = folder / "mine.yaml"
    layout = "{format: squad, dev: [a], language_of_id: {german: de}}"
    path.write_text(TASK.format(kind=kind, metric=metric, layout=layout) + more)
    return path


def test_a_task_may_be_chosen_by_the_mean_of_several_scores(tmp_path: Path) -> None:
    one, other = (
        tasks.parse(own_task(tmp_path, "span_qa", "squad", more)) for more in ("", "objective: [f1, exact_match]\n")
    )
    assert (one.chosen_by, other.chosen_by) == (("f1",), ("f1", "exact_match"))
    assert one.definition != other.definition
    alone = tasks.parse(own_task(tmp_path, "span_qa", "squad", "objective: [f1]\n"))
    assert alone.definition == one.definition  # the default, written out: trials keep their ids


def test_what_the_paper_chooses_by_is_the_rule_for_all() -> None:
    chosen_by = {name: tasks.load(name).chosen_by for name in NAMES if len(tasks.load(name).chosen_by) > 1}
    questions = {name for name in NAMES if tasks.load(name).kind == "span_qa" and tasks.load(name).is_trainable}
    assert {"squad", "squad2", "tydiqa"} < questions
    answers = dict.fromkeys(questions - {"mini-qa"}, ("f1", "exact_match"))
    assert chosen_by == {**answers, "qqp": ("accuracy", "f1"), "parsinlu-qqp": ("accuracy", "f1")}


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ("[f1, exact]", "metric 'squad' has no score 'exact'\n    did you mean 'exact_match'?"),
        ("[f1, f1]", "a score stands twice"),
        ("f1", "'objective' is 'f1', which is not a list"),
        ("[f1]", "'mine' is not trained on\n    it chooses among trials in training"),
    ],
)
def test_a_wrong_objective_is_answered(tmp_path: Path, objective: str, words: str) -> None:
    path = own_task(tmp_path, "span_qa", "squad", f"objective: {objective}\n")
    if "not trained on" in words:
        path.write_text(path.read_text().replace("training_set: mine", "training_set: squad"))
    with pytest.raises(UserError) as caught:
        tasks.parse(path)
    assert f"{path}:10: {words}" in str(caught.value)


def test_the_definition_follows_what_counts() -> None:
    one = tasks.load("xnli")
    values = {field: getattr(one, field) for field in one.__dataclass_fields__}
    assert Task(**{**values, "citation": "somebody else"}).definition == one.definition
    assert Task(**{**values, "max_length": 64}).definition != one.definition


COUNTS = {
    ("mnli", "train", "en"): 2344, ("xnli", "dev", "sw"): 1000, ("udpos", "train", "en"): 3000,
    ("udpos", "test", "th"): 500, ("squad", "dev", "en"): 1000, ("xquad", "test", "zh"): 996,
    ("tatoeba", "test", "sw"): 390,
}  # fmt: skip


@pytest.mark.parametrize(("name", "split", "language"), COUNTS)
def test_official_files_are_read(shared_data: Path, name: str, split: str, language: str) -> None:
    source = open_source({"files": str(shared_data)})
    task = tasks.load(name)
    assert language in source.languages(task, split)
    assert len(source.examples(task, split, language)) == COUNTS[name, split, language]
    assert source.fingerprint(task, split, language) == source.fingerprint(task, split, language)


def test_a_changed_file_has_another_fingerprint(tmp_path: Path) -> None:
    source, task = open_source({"files": str(tmp_path)}), tasks.load("udpos")
    (tmp_path / "udpos").mkdir()
    path = tmp_path / "udpos" / "dev-en.tsv"
    path.write_text("a\tNOUN\n")
    before = source.fingerprint(task, "dev", "en")
    path.write_text("b\tNOUN\n")
    assert source.fingerprint(task, "dev", "en") != before
