"""What of a scored split goes into the store: enough to score its predictions again, whatever task it is of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from trainables import sealed, tasks
from trainables.data import kept, open_source, references
from trainables.data.examples import (
    Example,
    LabelledText,
    MultipleChoice,
    PlainText,
    Query,
    Question,
    Sentence,
    TaggedSentence,
    TextPair,
    Translation,
)
from trainables.data.items import Place, places
from trainables.features import Features
from trainables.kinds import Encoded, kind_of
from trainables.metrics import METRICS
from trainables.reports import ERROR_RATE
from trainables.sealed import SealedFile
from trainables.store import Store
from trainables.training.evaluate import Split, scored
from trainables.training.workbench import Workbench

NAMES = [name for name in tasks.names() if not tasks.load(name).parts]


@pytest.mark.parametrize("name", NAMES)
def test_every_task_is_kept_and_scored_by_its_sums(name: str, tmp_path: Path) -> None:
    """On made-up examples, with the predictions of somebody who cannot read."""
    bench = Workbench(Store(str(tmp_path)), open_source("mock"))
    task, kind = bench.task(name), kind_of(bench.task(name))
    split = task.score_on
    language = bench.source.languages(task, split)[0]
    examples = bench.examples(task, split, language)
    known = [Encoded(bench.examples(task, *one), [], []) for one in references(bench.source, task, split, language)]
    gold = kind.gold(examples, known)
    assert gold is not None
    evaluation = scored(
        Split(task, split, language, examples, Features([])), known, kind.guesses(task, examples, known)
    )
    sums = np.sum(evaluation.predicted.statistics, axis=0)
    scores = {one.metric: one.value for one in evaluation.scores}
    metric = METRICS[task.metric]
    assert {one: float(value) for one, value in metric.formula(sums).items()} == pytest.approx(
        {one: scores[one] for one in metric.names}, abs=1e-9
    )
    table = kept.table(task, split, language, examples, places(examples), gold, np.ones(len(examples)))
    bench.store.write("kept.parquet", sealed.write(table))
    found = SealedFile(bench.store, "kept.parquet").table(kept.SCHEMA.names, kept.SCHEMA).to_pylist()
    assert [one["example"] for one in found] == [one.id for one in examples]
    assert all(one["texts"] and one["words"] > 0 and one["gold"] is not None for one in found)
    if task.metric != ERROR_RATE:
        again = [
            tuple(one["gold"]) if isinstance(right, tuple) else one["gold"][0]
            for one, right in zip(found, gold, strict=True)
        ]
        assert again == gold
    about = pq.read_schema(str(tmp_path / "kept.parquet")).metadata
    assert (about[b"task"], about[b"kind"], about[b"metric"]) == (
        name.encode(),
        task.kind.encode(),
        task.metric.encode(),
    )


@pytest.mark.parametrize(
    ("example", "texts", "words"),
    [
        (TextPair("0", "A b.", "c", "x"), ["A b.", "c"], 3),
        (LabelledText("0", "a b", "x"), ["a b"], 2),
        (MultipleChoice("0", "a b", ("c", "d e"), "0"), ["a b", "c", "d e"], 5),
        (TaggedSentence("0", ("a b", "c"), ("X", "X")), ["a b", "c"], 2),
        (Question("0", "Who?", "a b", ()), ["Who?", "a b"], 3),
        (Translation("0", "北京", "Beijing"), ["北京", "Beijing"], 3),
        (Sentence("0", "a", False, ()), ["a"], 1),
        (Query("0", "a b", "0"), ["a b"], 2),
        (PlainText("0", "a b"), ["a b"], 2),
    ],
)
def test_texts_stand_in_the_order_in_which_they_are_read(example: Example, texts: list[str], words: int) -> None:
    task = tasks.load("xnli")
    (row,) = kept.table(task, "dev", "de", [example], [Place("i", "g")], None, np.array([7])).to_pylist()
    assert row == {
        "position": 0, "example": "0", "item": "i", "group": "g", "gold": None, "texts": texts, "tokens": 7,
        "words": words,
    }  # fmt: skip
