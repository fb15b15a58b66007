"""What the winners of a target answered, as arrays: scores, and what each group of examples does to them.

A target at a time, and of that the main metric and its split alone. Predictions are never objects, and what is kept of
them is a number for each run, language and group of examples.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweep.results.comparison.questions import Question, Seed, questions
from sweep.results.query import rows_of
from sweep.statistics.influence import Floats, by_group, leave_out
from trainables.metrics import METRICS

_EXAMPLES = """
select distinct language, examples
from internal.predicted
where target = $target and split = $split and trial_id in {trials}
"""

_GROUPS = """
select examples, position, coalesce("group", item, example) as key
from internal.examples
where examples in {examples}
order by examples, position
"""

_STATISTICS = """
select trial_id, language, examples, position, statistics
from internal.predicted
where target = $target and split = $split and trial_id in {trials} and len(statistics) > 0
"""

ROWS = 1_000_000
"""Predictions that are read at a time: some 100 MB."""


SHARE = 2
"""Statistics of a metric that counts what is right, among how many."""


@dataclass(frozen=True)
class Answers:
    """A run on all languages of a sample.

    Attributes:
        scores: (languages), NaN where it has none.
        changes: by language of each of its groups, as `statistics.influence.leave_out` has them.
        examples: by language the fingerprint of the examples.
        right: by language which answers are, where all are right or wrong and each group is a single one; else None.
    """

    scores: Floats
    changes: Mapping[str, Floats]
    examples: Mapping[str, str]
    right: Mapping[str, NDArray[np.bool_]] | None


@dataclass(frozen=True)
class Sample:
    """What the winners of a target answered.

    Attributes:
        groups: by fingerprint of examples the numbers of their groups, in order: the same group has the same number in
            all languages.
        counts: by language how many examples there are.
        answers: by condition and seed; of those alone that have statistics.
        lacking: languages left out, as their examples are not in the store.
    """

    languages: tuple[str, ...]
    groups: Mapping[str, NDArray[np.integer]]
    counts: Mapping[str, int]
    answers: Mapping[tuple[str, int], Answers]
    lacking: tuple[str, ...] = ()


class Samples:
    """What was read over a connection, for whoever asks for more than once: each target is read at the first time.

    As large as the answers of all winners: some 150 MB for XTREME with 11 conditions and 3 seeds.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._found: dict[tuple[str, ...], Sample] = {}

    @functools.cached_property
    def questions(self) -> list[Question]:
        """As `questions` has them."""
        return questions(self._connection)

    def sample(self, question: Question, scores: Sequence[str]) -> Sample:
        """As `sample` has it."""
        key = (question.experiment, question.regime, question.target, *scores)
        if key not in self._found:
            self._found[key] = sample(self._connection, question, scores)
        return self._found[key]


def formula_of(names: Iterable[str], scores: Sequence[str]) -> Callable[[Floats], Floats] | None:
    """The mean of some scores of a metric as a formula of its sums; the metric is told by the names of all of them.

    None where no metric has scores of these names: a newer version may have some.
    """
    own = {name.partition("/")[0] for name in names}  # those of a suite's tests are no names of the metric
    metric = next((one for one in METRICS.values() if set(one.names) == own), None)
    if metric is None or not set(scores) <= own:
        return None

    def formula(sums: Floats) -> Floats:
        found = metric.formula(sums)
        return np.asarray(np.mean([found[name] for name in scores], axis=0))

    return formula


def sample(connection: duckdb.DuckDBPyConnection, question: Question, scores: Sequence[str]) -> Sample:
    """The answers of all its conditions.

    Args:
        scores: the names of those whose mean is compared. Where what their metric sums is not known, the main scores
            are given as the ledger has them, and nothing is known of groups.
    """
    formula = formula_of(question.names, scores)
    found = None if formula is None else _sampled(connection, question, formula)
    return found if found is not None and (found.answers or found.lacking) else _unsummed(question)


def _unsummed(question: Question) -> Sample:
    """Scores alone."""
    runs = {(name, one.seed): one.values for name, of_it in question.conditions.items() for one in of_it}
    languages = tuple(sorted({language for values in runs.values() for language in values}))
    answers = {}
    for key, values in runs.items():
        scores = np.array([np.nan if (value := values.get(one)) is None else value for one in languages])
        known = [language for language in languages if values.get(language) is not None]
        if known:
            answers[key] = Answers(scores, dict.fromkeys(known, np.zeros(0)), dict.fromkeys(known, ""), None)
    return Sample(languages, {"": np.zeros(0, dtype=np.int64)}, dict.fromkeys(languages, 0), answers)


def _sampled(connection: duckdb.DuckDBPyConnection, question: Question, formula: Callable[[Floats], Floats]) -> Sample:
    seeds = {(name, one.seed): one for name, of_it in question.conditions.items() for one in of_it if one.trials}
    trials = sorted({trial for one in seeds.values() for trial in one.trials.values()})
    of_target = {"target": question.target, "split": question.split}
    found = rows_of(connection, *_among(_EXAMPLES, of_target, trials=trials))
    groupings = group_places(connection, [row["examples"] for row in found])
    languages = tuple(sorted({row["language"] for row in found if row["examples"] in groupings}))
    lacking = tuple(sorted({row["language"] for row in found if row["examples"] not in groupings}))
    counts: dict[str, int] = {}
    answers: dict[tuple[str, int], Answers] = {}
    for batch in _batches(seeds):
        wanted = sorted({trial for one in batch.values() for trial in one.trials.values()})
        sums = group_sums(connection, {**of_target, "trials": wanted}, groupings)
        for key, one in batch.items():
            mine = {name: sums[trial, name] for name, trial in one.trials.items() if (trial, name) in sums}
            if mine:
                answers[key] = _answers(formula, languages, mine)
                counts |= {language: int(of_language.examples.sum()) for language, of_language in mine.items()}
    groups = {fingerprint: grouping.groups for fingerprint, grouping in groupings.items()}
    return Sample(languages, groups, counts, answers, lacking)


def _batches(seeds: Mapping[tuple[str, int], Seed]) -> Iterator[dict[tuple[str, int], Seed]]:
    """As many runs at a time as ROWS allows for, but one at least."""
    batch: dict[tuple[str, int], Seed] = {}
    for key, one in seeds.items():
        if batch and one.examples + sum(other.examples for other in batch.values()) > ROWS:
            yield batch
            batch = {}
        batch[key] = one
    yield batch


@dataclass(frozen=True)
class Grouping:
    """The groups of a split's examples.

    Attributes:
        groups: their numbers, in order.
        places: of the example at each position, which of these is its group.
    """

    groups: NDArray[np.integer]
    places: NDArray[np.integer]


@dataclass(frozen=True)
class GroupSums:
    """A trial's in a language.

    Attributes:
        sums: (groups, k), in the order of the Grouping of its examples.
        examples: (groups): how many there are.
    """

    fingerprint: str
    sums: Floats
    examples: NDArray[np.int64]


def group_places(connection: duckdb.DuckDBPyConnection, fingerprints: Iterable[str]) -> dict[str, Grouping]:
    """By fingerprint. Groups have numbers that are the same for all of them."""
    table = _table(connection, *_among(_GROUPS, {}, examples=sorted(set(fingerprints))))
    _, of_groups = _encoded(table["key"])
    names, of_names = _encoded(table["examples"])
    ends = np.flatnonzero(np.diff(of_names)) + 1  # the rows of one stand together
    parts = [np.unique(part, return_inverse=True) for part in np.split(of_groups, ends)] if len(names) else []
    return {name: Grouping(groups, places) for name, (groups, places) in zip(names, parts, strict=True)}


def group_sums(
    connection: duckdb.DuckDBPyConnection, wanted: Mapping[str, Any], groupings: Mapping[str, Grouping]
) -> dict[tuple[str, str], GroupSums]:
    """By trial and language. Languages whose examples are not known are left out.

    Args:
        wanted: `target`, `split` and `trials`.
        groupings: of `group_places`.
    """
    of_target = {"target": wanted["target"], "split": wanted["split"]}
    table = _table(connection, *_among(_STATISTICS, of_target, trials=wanted["trials"]))
    if not table.num_rows:
        return {}
    trials, of_trials = _encoded(table["trial_id"])
    languages, of_languages = _encoded(table["language"])
    fingerprints, of_fingerprints = _encoded(table["examples"])
    positions = table["position"].to_numpy()
    statistics = table["statistics"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
    parts = of_trials * len(languages) + of_languages
    order = np.argsort(parts, kind="stable")
    found = {}
    for rows in np.split(order, np.flatnonzero(np.diff(parts[order])) + 1):
        first = rows[0]
        fingerprint = fingerprints[of_fingerprints[first]]
        if fingerprint in groupings:
            grouping = groupings[fingerprint]
            own, count = grouping.places[positions[rows]], len(grouping.groups)
            sums = by_group(statistics[rows], own, count)
            examples = np.bincount(own, minlength=count)
            found[trials[of_trials[first]], languages[of_languages[first]]] = GroupSums(fingerprint, sums, examples)
    return found


def _answers(formula: Callable[[Floats], Floats], languages: Sequence[str], found: Mapping[str, GroupSums]) -> Answers:
    scores = np.full(len(languages), np.nan)
    changes: dict[str, Floats] = {}
    right: dict[str, NDArray[np.bool_]] = {}
    for language, one in found.items():
        scores[languages.index(language)], changes[language] = leave_out(formula, one.sums)
        is_share = one.sums.shape[1] == SHARE and np.array_equal(one.sums[:, 1], one.examples)
        if is_share and one.examples.max() == 1 and not (one.sums[:, 0] % 1).any():
            right[language] = one.sums[:, 0] > 0
    fingerprints = {language: one.fingerprint for language, one in found.items()}
    return Answers(scores, changes, fingerprints, right if len(right) == len(found) else None)


def _among(sql: str, parameters: Mapping[str, object], **lists: Sequence[str]) -> tuple[str, dict[str, object]]:
    """The statement with lists as values, of which DuckDB knows then which files and parts of files have them."""
    own = {f"{name}_{place}": value for name, values in lists.items() for place, value in enumerate(values)}
    parts = {
        name: "(" + ", ".join([f"${name}_{place}" for place in range(len(values))] or ["null"]) + ")"
        for name, values in lists.items()
    }
    return sql.format(**parts), {**parameters, **own}


def _encoded(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.integer]]:
    """The distinct values, and which of them each row has."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _table(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
    return connection.sql(sql, params=parameters).to_arrow_table()
