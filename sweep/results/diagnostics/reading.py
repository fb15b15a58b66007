"""What the winners of a target answered, example by example, and the examples: out of the store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sweep.results.comparison.questions import Question
from sweep.results.diagnostics.attributes import SOURCE, Examples
from sweep.results.diagnostics.scores import Run
from sweep.statistics.influence import Floats
from trainables.data import kept
from trainables.errors import Problem, UserError
from trainables.metrics import METRICS
from trainables.reports import ERROR_RATE
from trainables.sealed import Reader, SealedFile, SealError
from trainables.store import Store

_ANSWERS = """
select trial_id, language, examples, position, statistics, {prediction} as prediction
from internal.predicted
where target = $target and split = $split and list_contains($trials, trial_id) and len(statistics) > 0
"""


@dataclass(frozen=True)
class Answered:
    """What some runs answered in a language.

    Attributes:
        statistics: (runs, n, k): what the metric sums, of each example.
        predictions: (runs, n): which of `texts` they predict.
        parts: what the columns of a metric of several parts are about (`Metric.parts`).
    """

    examples: Examples
    statistics: Floats
    predictions: NDArray[np.int64]
    texts: Sequence[str]
    parts: Sequence[str] = ()


@dataclass(frozen=True)
class Answers:
    """What the winners of a target answered.

    Attributes:
        kind, metric: of the task, the user's own included, as its file names them.
        answered: by language, of all runs.
        notes: what was left out.
    """

    kind: str
    metric: str
    runs: tuple[Run, ...]
    answered: Mapping[str, Answered]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Answer:
    """A run's in a language, by position: (n, k), and (n) numbers of texts."""

    statistics: Floats
    predictions: NDArray[np.int64]


_Split = tuple[str, str]
"""A language, and the fingerprint of its examples."""


def read(
    connection: duckdb.DuckDBPyConnection, store: Store, question: Question, with_predictions: bool
) -> Answers | None:
    """The winners' answers, as far as labels are known; None: there are none.

    Runs are compared on the same examples in the same languages: where some answered others, as limits or data were
    changed meanwhile, those count that most have answered.

    Raises:
        UserError: examples in the store are damaged.
    """
    texts: dict[str, int] = {}
    found: dict[Run, dict[_Split, _Answer]] = {}
    for condition in question.conditions:
        found.update(_of_condition(connection, question, condition, texts, with_predictions))
    parties = Counter(frozenset(own) for own in found.values() if own)
    if not parties:
        return None
    party = min(parties, key=lambda one: (-parties[one], -len(one), sorted(one)))
    runs = [run for run, own in found.items() if own.keys() == party]
    notes = [
        f"{run.condition} on seed {run.seed} is left out: it has answered other languages or examples"
        for run, own in found.items()
        if own and own.keys() != party
    ]
    tables: dict[str, tuple[pa.Table, Mapping[str, str]]] = {}
    for language, fingerprint in sorted(party):
        try:
            table, about = load(store, fingerprint)
        except FileNotFoundError:
            notes.append(f"{language} is left out: its examples are not in the store")
            continue
        if about.get("metric") not in METRICS:
            notes.append(f"{language} is left out: by which metric it was scored is not known here")
        elif {len(found[run][language, fingerprint].statistics) for run in runs} != {len(table)}:
            notes.append(f"{language} is left out: there are not as many predictions as examples")
        else:
            tables[language] = table, about
    if not tables:
        return None
    english = tables[SOURCE][0] if SOURCE in tables else None
    texts_in_order, answered = [*texts], {}
    for language, fingerprint in sorted(party):
        if language in tables:
            table, about = tables[language]
            own = [found[run].pop((language, fingerprint)) for run in runs]
            used, predicted = np.unique(np.stack([one.predictions for one in own]), return_inverse=True)
            answered[language] = Answered(
                Examples(language, table, english),
                np.stack([one.statistics for one in own]),
                predicted.reshape(len(own), -1),
                [texts_in_order[place] for place in used.tolist()],
                json.loads(about.get("parts", "[]")),
            )
    if about["metric"] == ERROR_RATE:
        answered = {language: _cases(one) for language, one in answered.items()}
    return Answers(about["kind"], about["metric"], tuple(runs), answered, tuple(notes))


def _of_condition(
    connection: duckdb.DuckDBPyConnection,
    question: Question,
    condition: str,
    texts: dict[str, int],
    with_predictions: bool,
) -> Iterator[tuple[Run, dict[_Split, _Answer]]]:
    """What each of a condition's seeds answered; `texts` grows by what they predict."""
    seeds = [one for one in question.conditions[condition] if one.trials]
    trials = sorted({trial for one in seeds for trial in one.trials.values()})
    sql = _ANSWERS.format(prediction="prediction" if with_predictions else "''")
    wanted = {"target": question.target, "split": question.split, "trials": trials}
    table: pa.Table = connection.sql(sql, params=wanted).to_arrow_table()
    names = [table[name].combine_chunks().dictionary_encode() for name in ("trial_id", "language", "examples")]
    codes = np.stack([one.indices.to_numpy() for one in names]).astype(np.int64)
    parts: NDArray[np.int64] = np.asarray(
        np.ravel_multi_index(tuple(codes), [len(one.dictionary) + 1 for one in names])
    )
    order = np.lexsort((table["position"].to_numpy(), parts))
    predictions, lists = (table[name].combine_chunks() for name in ("prediction", "statistics"))
    coded = predictions.dictionary_encode()
    numbers = np.array([texts.setdefault(text, len(texts)) for text in coded.dictionary.to_pylist()], np.int64)
    predicted = numbers[coded.indices.to_numpy()]
    sums, starts = lists.values.to_numpy(), lists.offsets.to_numpy()[:-1]
    widths = np.diff(lists.offsets.to_numpy())
    blocks: dict[tuple[str, str], tuple[str, _Answer]] = {}
    for rows in np.split(order, np.flatnonzero(np.diff(parts[order])) + 1) if len(order) else []:
        own = codes[:, rows[0]].tolist()
        trial, language, fingerprint = (one.dictionary[code].as_py() for one, code in zip(names, own, strict=True))
        statistics = sums[np.add.outer(starts[rows], np.arange(widths[rows[0]]))]  # not as many in all languages
        blocks[trial, language] = fingerprint, _Answer(statistics, predicted[rows])
    for seed in seeds:
        answers = {key: blocks[trial, key] for key, trial in seed.trials.items() if (trial, key) in blocks}
        trained = condition not in question.untrained
        run = Run(question.experiment, condition, question.regime, seed.seed, trained, seed.collapsed)
        yield run, {(language, fingerprint): answer for language, (fingerprint, answer) in answers.items()}


def _cases(answered: Answered) -> Answered:
    """What is true of a case stands at one of its questions: the others are no examples of their own."""
    inside = answered.statistics.any(axis=(0, 2))
    examples = replace(answered.examples, table=answered.examples.table.filter(pa.array(inside)))
    return replace(
        answered,
        examples=examples,
        statistics=answered.statistics[:, inside],
        predictions=answered.predictions[:, inside],
    )


def load(store: Store, fingerprint: str) -> tuple[pa.Table, Mapping[str, str]]:
    """Examples with `trainables.data.kept.SCHEMA`, and what is said of them. Raises FileNotFoundError, UserError."""
    name = kept.name(fingerprint)
    try:
        file = pq.ParquetFile(pa.PythonFile(Reader(SealedFile(store, name)), "r"))
        about, table = file.schema_arrow.metadata or {}, file.read(kept.SCHEMA.names)
    except (SealError, pa.ArrowException) as error:
        hint = "set the file aside and evaluate again: the same examples are kept anew"
        raise UserError(Problem(f"examples are damaged: {error}", store.path(name), hint=hint)) from error
    return table, {key.decode(): value.decode() for key, value in about.items()}
