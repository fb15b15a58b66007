"""What the winners of a target answered, example by example, and the examples: out of the store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sweep.results.diagnostics.attributes import SOURCE, Examples
from sweep.results.diagnostics.scores import Run
from sweep.results.samples import Question
from sweep.statistics.influence import Floats
from trainables.data import kept
from trainables.sealed import SealedFile
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
        predictions: (runs, n): which of `texts` they predict; None where that was not asked for.
    """

    examples: Examples
    statistics: Floats
    predictions: NDArray[np.int64] | None = None
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class Read:
    """What was found.

    Attributes:
        kind, metric: of the task, as its file has them.
        answered: by language, all of the same runs.
        notes: what was left out, and why.
    """

    kind: str
    metric: str
    runs: tuple[Run, ...]
    answered: Mapping[str, Answered]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Answer:
    """A run's in a language: (n, k) and (n), in the order of the examples."""

    fingerprint: str
    statistics: Floats
    predictions: NDArray[np.int64]


def read(connection: duckdb.DuckDBPyConnection, store: Store, question: Question, with_predictions: bool) -> Read | None:
    """The winners' answers to a target; None where it has none whose labels are known.

    Runs are compared on the same examples in the same languages. Of those that answered others, as limits or data were
    changed in between, the larger party counts.

    Raises:
        SealError: examples in the store are damaged.
    """
    texts: dict[str, int] = {}
    runs = list(_runs(question))
    found = [dict(_answers(connection, question, run, trials, texts, with_predictions)) for run, trials in runs]
    parties = Counter(tuple(sorted((code, one.fingerprint) for code, one in own.items())) for own in found if own)
    if not parties:
        return None
    party = min(parties, key=lambda one: (-parties[one], -len(one), one))
    ...
