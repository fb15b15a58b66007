"""Labels that a task's file leaves to its training data, and gold that this has not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toy import tokenizer
from trainables import tasks
from trainables.data import open_source
from trainables.data.examples import TaggedSentence
from trainables.data.labels import unseen
from trainables.errors import UserError
from trainables.features import IGNORED
from trainables.kinds import Encoded, kind_of
from trainables.store import Store
from trainables.tasks import Catalogue, FileLayout, Task
from trainables.training.evaluate import Split, scored
from trainables.training.workbench import Workbench

SEEN = "Vinken\tNP\nsleeps\tS[dcl]\\NP\n.\t.\n\n"
UNSEEN = "Vinken\tNP\nsleeps\t(S[dcl]\\NP)/PP\n.\t.\n\n"


def bench(folder: Path, *own: Task) -> Workbench:
    source, catalogue = open_source({"files": str(folder)}), Catalogue(own)
    return Workbench(Store(str(folder / "store")), source, catalogue=catalogue)


@pytest.fixture
def ccg(tmp_path: Path) -> Path:
    (tmp_path / "ccg").mkdir()
    (tmp_path / "ccg" / "train.tsv").write_text(SEEN * 3)
    (tmp_path / "ccg" / "dev.tsv").write_text(UNSEEN * 2)
    return tmp_path


def test_ccg_runs_with_categories_that_only_its_dev_set_has(ccg: Path) -> None:
    place = bench(ccg)
    task = place.task("ccg")
    assert task.labels == (".", "NP", "S[dcl]\\NP")
    examples = place.examples(task, "dev", "en")
    features = kind_of(task).features(task, examples, tokenizer())
    assert [[one for one in feature.target if one != IGNORED] for feature in features] == [[1, 0], [1, 0]]
    outputs = [np.eye(3)[[2 if one == IGNORED else one for one in feature.target]] for feature in features]
    predicted = kind_of(task).predictions(task, Encoded(examples, features, outputs), [])
    evaluation = scored(Split(task, "dev", "en", examples, features), [], predicted)
    assert evaluation.main.value == pytest.approx(100 * 2 / 3)


def test_of_many_unseen_labels_the_most_frequent_are_named() -> None:
    sentence = TaggedSentence("0", ("a",) * 9, ("x", "g", "x", "b", "c", "d", "e", "f", "O"))
    hidden = TaggedSentence("1", ("a",), None)
    assert unseen({"O"}, [sentence, hidden]) == "'x' (2), 'g' (1), 'b' (1), 'c' (1), 'd' (1) and 2 more"
    assert unseen(set("Oxgbcdef"), [sentence, hidden]) is None


def test_pairs_with_a_label_of_their_own_are_wrong_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("a\tb\tyes\nc\td\tno\n")
    (tmp_path / "test").write_text("a\tb\tyes\nc\td\tmaybe\n")
    options: dict[str, Any] = {"columns": {"text_a": 0, "text_b": 1, "label": 2}}
    layout = FileLayout("tsv", {"train": ("train",), "test": ("test",)}, ("en",), options=options)
    mnli = tasks.load("mnli")
    own = dataclasses.replace(mnli, name="mine", training_set="mine", labels=(), files=(layout,))
    place = bench(tmp_path, own)
    task = place.task("mine")
    assert task.labels == ("no", "yes")
    examples = place.examples(task, "test", "en")
    features = kind_of(task).features(task, examples, tokenizer())
    assert [list(feature.target) for feature in features] == [[1], [IGNORED]]
    assert scored(Split(task, "test", "en", examples, features), [], ["yes", "no"]).main.value == 50


def test_labels_of_the_task_s_own_file_are_held_to(tmp_path: Path) -> None:
    (tmp_path / "panx").mkdir()
    (tmp_path / "panx" / "dev-sw.tsv").write_text("Jumatatu\tB-DATE\n")
    place = bench(tmp_path)
    with pytest.raises(UserError, match="unknown tag 'B-DATE'"):
        place.examples(place.task("panx"), "dev", "sw")
