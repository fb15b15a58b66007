"""Where a target is hard, and where a condition helps: scores by what the examples themselves give.

In the manner of ExplainaBoard (Liu et al. 2021, https://aclanthology.org/2021.acl-demo.34) and of XTREME-R's
diagnostics (Ruder et al. 2021, https://aclanthology.org/2021.emnlp-main.802).
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sweep.results.comparison.questions import Question
from sweep.results.diagnostics.attributes import MEASURED, OF_KIND
from sweep.results.diagnostics.buckets import Bucket, categories, cut
from sweep.results.diagnostics.parts import Part, Places, Tagged, of_examples
from sweep.results.diagnostics.reading import Answered, read
from sweep.results.diagnostics.scores import BucketScore, Run, Scoring, scored
from sweep.results.languages import languages
from sweep.statistics.multiplicity import benjamini_hochberg
from trainables.metrics import METRICS
from trainables.metrics.tagging import CHUNKS, Chunk
from trainables.reports import ERROR_RATE
from trainables.store import Store

KINDS_OF: Mapping[str, str] = {"entity_f1": "entity_type", "pos_f1": "tag", "tag_accuracy": "tag"}
"""What the kinds are called that a sentence's statistics are told apart by, by metric."""

TEST = "test"
"""Of a suite, which has error rates."""

PRETRAINING = "pretraining_gib"
"""How much text of a language XLM-R's pre-training had: an attribute of languages."""

PartsOf = Callable[[int], Mapping[str, Part]]
"""From the number of a bucket to what of it is in each language."""


@dataclass(frozen=True)
class Diagnostics:
    """All buckets of a target.

    Attributes:
        rows: attribute by attribute, bucket by bucket, condition by condition.
        notes: what a reader must know of all of it.
    """

    experiment: str
    regime: str
    target: str
    rows: tuple[BucketScore, ...]
    notes: tuple[str, ...] = ()


def diagnose(
    connection: duckdb.DuckDBPyConnection,
    store: Store,
    question: Question,
    asked: Collection[str] | None = None,
    by_language: bool = True,
    baseline: str = "none",
) -> Diagnostics:
    """The diagnostics of a target.

    Args:
        connection: one of `sweep.results.query.connected`.
        question: the target (`sweep.results.comparison.questions`).
        asked: some attributes; None: all that its kind of task has.
        by_language: whether single languages are asked for as well.
        baseline: the condition that the others are compared with.

    Raises:
        UserError: examples in the store are damaged.
    """
    own = (question.experiment, question.regime, question.target)
    tagged = asked is None or not {*KINDS_OF.values()}.isdisjoint(asked)
    found = read(connection, store, question, with_predictions=tagged) if question.metric else None
    if found is None:
        return Diagnostics(*own, (), ("no winner has answered examples whose labels are known",))
    formula = METRICS[found.metric].formula
    names = [name for name in attributes(found.kind, found.metric) if asked is None or name in asked]
    scoring = Scoring(
        target=question.target,
        split=question.split,
        metric=question.metric,
        formula=lambda sums: formula(sums)[question.metric],
        errors=found.metric == ERROR_RATE,
        baseline=baseline,
        by_language=by_language,
    )
    rows = assess(scoring, found.metric, names, found.runs, found.answered)
    buckets = Counter(attribute for attribute, _ in {(row.attribute, row.bucket) for row in rows})
    told = [row for row in rows if buckets[row.attribute] > 1]  # what is the same for all examples tells nothing apart
    return Diagnostics(*own, tuple(adjusted(told)), found.notes)


def attributes(kind: str, metric: str) -> tuple[str, ...]:
    """What can be asked of a task: of its examples, of the kinds of its tags, of its languages."""
    if metric == ERROR_RATE:  # what is true of a case stands at one of its questions
        return (TEST, PRETRAINING)
    return (*OF_KIND.get(kind, ()), *([KINDS_OF[metric]] if metric in KINDS_OF else []), PRETRAINING)


def assess(
    scoring: Scoring,
    metric: str,
    asked: Sequence[str],
    runs: Sequence[Run],
    answered: Mapping[str, Answered],
) -> list[BucketScore]:
    """The rows of some attributes. Neither the order of the languages nor that of their examples changes them.

    Args:
        metric: the key of METRICS.
        runs: in the order of the answers'.
        answered: by language.
    """
    in_order = {code: answered[code] for code in sorted(answered)}
    groups = _joined([one.examples.table["group"] for one in in_order.values()])
    rows: list[BucketScore] = []
    for attribute in asked:
        if attribute == KINDS_OF.get(metric):
            buckets, parts_of = _by_kind(metric, in_order, groups)
        else:
            buckets, parts_of = _by_example(attribute, in_order, groups)
        own = scoring if attribute != PRETRAINING else dataclasses.replace(scoring, by_language=False)
        for number, bucket in enumerate(buckets):
            rows += scored(own, attribute, bucket, parts_of(number), runs)
    return rows


def _joined(groups: Sequence[pa.ChunkedArray]) -> list[Places]:
    """Numbers for the groups of all languages: what they have in common has the same in all."""
    coded = pa.chunked_array([chunk for one in groups for chunk in one.chunks], pa.string()).combine_chunks()
    numbers = coded.dictionary_encode().indices.to_numpy().astype(np.int64)
    return np.split(numbers, np.cumsum([len(one) for one in groups])[:-1])


def _by_example(
    attribute: str, answered: Mapping[str, Answered], groups: Sequence[Places]
) -> tuple[Sequence[Bucket], PartsOf]:
    if attribute == PRETRAINING:
        found = cut([pa.array([_gib().get(code)], pa.float64()) for code in answered])
        places = [np.repeat(one, len(own)) for one, own in zip(found.places, groups, strict=True)]
    else:
        measure = _test if attribute == TEST else lambda one: MEASURED[attribute](one.examples)
        found = cut([measure(one) for one in answered.values()])
        places = [*found.places]

    def parts_of(bucket: int) -> dict[str, Part]:
        return {
            code: of_examples(np.flatnonzero(own == bucket), of_group, one.statistics)
            for (code, one), own, of_group in zip(answered.items(), places, groups, strict=True)
        }

    return found.buckets, parts_of


def _by_kind(
    metric: str, answered: Mapping[str, Answered], groups: Sequence[Places]
) -> tuple[Sequence[Bucket], PartsOf]:
    chunks = functools.cache(lambda text: tuple(CHUNKS[metric](text.split(" "))))
    tagged = {code: _tagged(one, chunks) for code, one in answered.items()}
    counts: Counter[str] = Counter()
    for one in tagged.values():
        counts.update(one.in_gold)
    buckets, of_kind = categories(counts)

    def parts_of(bucket: int) -> dict[str, Part]:
        kinds = [kind for kind, own in of_kind.items() if own == bucket]
        return {code: one.of_kinds(kinds, own) for (code, one), own in zip(tagged.items(), groups, strict=True)}

    return buckets, parts_of


def _tagged(answered: Answered, chunks: Callable[[str], Sequence[Chunk]]) -> Tagged:
    gold = pc.binary_join(answered.examples.table["gold"].combine_chunks(), " ").to_pylist()
    return Tagged(gold, answered.predictions, answered.texts, chunks, answered.statistics.shape[-1])


def _test(answered: Answered) -> pa.Array:
    """The test of each case: the one in whose columns it has statistics."""
    cases = answered.statistics[0, :, 1::2]
    return pa.array(answered.parts, pa.string()).take(pa.array(cases.argmax(axis=1)))


@functools.cache
def _gib() -> Mapping[str, float]:
    """How much text of each language XLM-R's pre-training had, in GiB; 0: none."""
    known = languages()
    return dict(zip(known["language"].to_pylist(), known["xlmr_gib"].to_pylist(), strict=True))


def adjusted(rows: Sequence[BucketScore]) -> list[BucketScore]:
    """With p adjusted: of the means over languages in one family, of single languages in another."""
    found = [*rows]
    for is_mean in (True, False):
        places = [at for at, row in enumerate(rows) if (row.language is None) == is_mean and row.p is not None]
        values = benjamini_hochberg([rows[at].p or 0.0 for at in places])
        for at, p in zip(places, values.tolist(), strict=True):
            found[at] = dataclasses.replace(found[at], p_adjusted=p)
    return found
