"""Where a target is hard, and where a condition helps: scores by what the examples themselves give.

In the manner of ExplainaBoard (Liu et al. 2021, https://aclanthology.org/2021.acl-demo.34) and of XTREME-R's
diagnostics (Ruder et al. 2021, https://aclanthology.org/2021.emnlp-main.802).
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sweep.results.diagnostics.attributes import MEASURED, OF_KIND
from sweep.results.diagnostics.buckets import Bucket, categories, cut
from sweep.results.diagnostics.parts import Part, Tagged, of_examples
from sweep.results.diagnostics.reading import Answered, read
from sweep.results.diagnostics.scores import BucketScore, Run, Scoring, scored
from sweep.results.languages import languages
from sweep.results.samples import Question, formula_of
from sweep.statistics.multiplicity import benjamini_hochberg
from trainables.metrics.tagging import CHUNKS
from trainables.reports import ERROR_RATE
from trainables.store import Store

KINDS_OF: Mapping[str, str] = {"entity_f1": "entity_type", "pos_f1": "tag", "tag_accuracy": "tag"}
"""What the kinds are called that a sentence's statistics are told apart by, by metric."""

TEST = "test"
"""Of a suite, which has error rates."""

PRETRAINING = "pretraining_gib"
"""How much text of a language XLM-R's pre-training had: an attribute of languages."""


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
        connection: one of `sweep.results.query.connect` that has predictions.
        question: the target (`sweep.results.samples.questions`).
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
    names = [name for name in attributes(found.kind, found.metric) if asked is None or name in asked]
    scoring = Scoring(
        target=question.target,
        split=question.split,
        metric=question.metric,
        formula=formula_of(question.names, [question.metric]),
        errors=found.metric == ERROR_RATE,
        baseline=baseline,
        by_language=by_language,
    )
    rows = assess(scoring, found.metric, names, found.runs, found.answered)
    return Diagnostics(*own, tuple(rows), found.notes)


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
    """The rows of some attributes. Neither the order of the languages nor that of examples changes them.

    Args:
        metric: the key of METRICS.
        runs: in the order of the answers'.
        answered: by language.
    """
    codes = sorted(answered)
    groups = _joined([answered[code].examples.table["group"] for code in codes])
    rows: list[BucketScore] = []
    for attribute in asked:
        found = (
            _by_kind(metric, codes, answered, groups)
            if attribute == KINDS_OF.get(metric)
            else _by_example(attribute, codes, answered, groups)
        )
        own = scoring if attribute != PRETRAINING else dataclasses.replace(scoring, by_language=False)
        for bucket, parts in found:
            rows += scored(own, attribute, bucket, parts, runs)
    return _adjusted(rows)


def _joined(groups: Sequence[pa.ChunkedArray]) -> list[NDArray[np.int64]]:
    """Numbers for the groups of all languages: what they have in common has the same in all."""
    coded = pa.chunked_array([chunk for one in groups for chunk in one.chunks], pa.string()).combine_chunks()
    numbers = coded.dictionary_encode().indices.to_numpy().astype(np.int64)
    return np.split(numbers, np.cumsum([len(one) for one in groups])[:-1])


def _by_example(
    attribute: str, codes: Sequence[str], answered: Mapping[str, Answered], groups: Sequence[NDArray[np.int64]]
) -> Iterator[tuple[Bucket, dict[str, Part]]]:
    in_order = [answered[code] for code in codes]
    if attribute == PRETRAINING:
        sizes = cut([pa.array([_gib().get(code)], pa.float64()) for code in codes])
        buckets = sizes.buckets
        places = [np.repeat(one, len(own)) for one, own in zip(sizes.places, groups, strict=True)]
    else:
        values = [_tests(own) if attribute == TEST else MEASURED[attribute](own.examples) for own in in_order]
        found = cut(values)
        buckets, places = found.buckets, [*found.places]
    for number, bucket in enumerate(buckets):
        yield (
            bucket,
            {
                code: of_examples(np.flatnonzero(own == number), of_group, answered[code].statistics)
                for code, own, of_group in zip(codes, places, groups, strict=True)
            },
        )


def _by_kind(
    metric: str, codes: Sequence[str], answered: Mapping[str, Answered], groups: Sequence[NDArray[np.int64]]
) -> Iterator[tuple[Bucket, dict[str, Part]]]:
    chunks = functools.cache(lambda text: tuple(CHUNKS[metric](text.split(" "))))
    tagged: dict[str, Tagged] = {}
    counts: Counter[str] = Counter()
    for code in codes:
        own = answered[code]
        if own.predictions is not None:
            gold = pc.binary_join(own.examples.table["gold"].combine_chunks(), " ").to_pylist()
            tagged[code] = Tagged(gold, own.predictions, own.texts, chunks, own.statistics.shape[-1])
            counts.update(tagged[code].in_gold)
    buckets, of_kind = categories(counts)
    for number, bucket in enumerate(buckets):
        kinds = [kind for kind, own in of_kind.items() if own == number]
        yield (
            bucket,
            {
                code: tagged[code].of_kinds(kinds, of_group)
                for code, of_group in zip(codes, groups, strict=True)
                if code in tagged
            },
        )


def _tests(answered: Answered) -> pa.Array:
    """The test of each case: the one in whose columns it has statistics."""
    cases = answered.statistics[0, :, 1::2]
    return pa.array(answered.parts, pa.string()).take(pa.array(cases.argmax(axis=1)))


@functools.cache
def _gib() -> Mapping[str, float]:
    """How much text of each language XLM-R's pre-training had, in GiB; 0: none."""
    known = languages()
    return dict(zip(known["language"].to_pylist(), known["xlmr_gib"].to_pylist(), strict=True))


def _adjusted(rows: Sequence[BucketScore]) -> list[BucketScore]:
    """With p adjusted: of the means over languages in one family, of single languages in another."""
    found = [*rows]
    for is_mean in (True, False):
        places = [at for at, row in enumerate(rows) if (row.language is None) == is_mean and row.p is not None]
        values = benjamini_hochberg([rows[at].p or 0.0 for at in places])
        for at, p in zip(places, values.tolist(), strict=True):
            found[at] = dataclasses.replace(found[at], p_adjusted=p)
    return found
