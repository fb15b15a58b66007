"""Exact nearest neighbours, and the memory of a pool of candidates: ours against brute force in the same run.

Brute force is numpy in double precision, block by block: all products, then `argpartition`. Both find the same
neighbours, or the benchmark fails. Vectors are made up: `spread` in all directions, or `alike`, as encoders make them
(cosines around 0.9). The pool's candidates go through everything but an encoder: Arrow files, micro-batches, outputs,
search, prediction; their vectors are looked up in a table. Peaks are those of processes of their own, over what they
had when all was imported and the vectors were made.

    python -m benchmarks.retrieval [--queries 2000] [--candidates 100000] [--dimensions 384 1024] [--pool 1000000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from benchmarks.limits import machine
from benchmarks.rounds import ratio, show, take_turns, write
from trainables.data import open_source
from trainables.data.examples import Passage, Query
from trainables.data.pool import Pool
from trainables.features import SCHEMA, Features
from trainables.kinds import Encoded, retrieval
from trainables.kinds.nearest import Neighbours, nearest
from trainables.models.base import Base
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.training.evaluate import Scorer
from trainables.training.workbench import Workbench

BLOCK = 2**24
"""Products in double precision that brute force has at once: 128 MiB."""

K = 20
"""Neighbours: as many as retrieval ranks."""

SPREADS = {"spread": 0.0, "alike": 3.0}
"""How long what all vectors have in common is, where their own part has length 1."""

TOKENS = 40
"""Of a candidate, on average."""


class Search(NamedTuple):
    """What is searched: how many queries among how many candidates, of so many dimensions."""

    queries: int
    candidates: int
    dimensions: int
    spread: str

    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Float32 vectors of length 1, the same in every process."""
        rng = np.random.default_rng(0)
        common = rng.normal(size=self.dimensions).astype(np.float32)
        found = []
        for size in (self.queries, self.candidates):
            own = rng.standard_normal((size, self.dimensions), np.float32)
            own += common * SPREADS[self.spread]
            own /= np.linalg.norm(own, axis=1, keepdims=True)
            found.append(own)
        return found[0], found[1]


def brute_force(queries: np.ndarray, candidates: np.ndarray, k: int) -> Neighbours:
    """All products in double precision, some queries at a time."""
    pool = candidates.astype(np.float64)
    pool /= np.linalg.norm(pool, axis=1, keepdims=True)
    step, found = max(1, BLOCK // len(pool)), []
    for start in range(0, len(queries), step):
        own = queries[start : start + step].astype(np.float64)
        scores = own / np.linalg.norm(own, axis=1, keepdims=True) @ pool.T
        places = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        own_scores = np.take_along_axis(scores, places, axis=1)
        order = np.argsort(-own_scores, axis=1, kind="stable")
        found.append([np.take_along_axis(one, order, axis=1) for one in (places, own_scores)])
    return Neighbours(*map(np.concatenate, zip(*found, strict=True)))


CONTESTANTS: dict[str, Callable[[np.ndarray, np.ndarray, int], Neighbours]] = {
    "ours": nearest,
    "brute force": brute_force,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--candidates", type=int, nargs="+", default=[100_000])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[384, 1024])
    parser.add_argument("--spreads", nargs="+", default=[*SPREADS], choices=[*SPREADS])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pool", type=int, default=1_000_000, help="candidates of the pool; 0: none")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    place = machine(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    print(place)
    searches = [
        Search(arguments.queries, candidates, dimensions, spread)
        for candidates in arguments.candidates
        for dimensions in arguments.dimensions
        for spread in arguments.spreads
    ]
    rows = [compared(search, arguments.rounds) for search in searches]
    show([one["shown"] for one in rows])
    pools = [_alone(pool, arguments.pool, one) for one in arguments.dimensions if arguments.pool]
    if pools:
        show([one["shown"] for one in pools])
    write(arguments.json, {"machine": place, "searches": rows, "pools": pools})


def compared(search: Search, rounds: int) -> dict[str, Any]:
    """Both contestants' rates in products of a query and a candidate, in a second, and their peaks of memory."""
    queries, candidates = search.vectors()
    found: dict[str, Neighbours] = {}

    def rate(name: str, _: int) -> float:
        begun = time.perf_counter()
        found[name] = CONTESTANTS[name](queries, candidates, K)
        return len(queries) * len(candidates) / (time.perf_counter() - begun)

    rates = take_turns({name: partial(rate, name) for name in CONTESTANTS}, rounds)
    own, other = (found[name] for name in CONTESTANTS)
    assert (own.positions == other.positions).all(), "both find the same"
    assert np.abs(own.scores - other.scores).max() < 1e-12
    peaks = {name: _alone(peak, name, search) for name in CONTESTANTS}
    times = ratio(rates["ours"], rates["brute force"])
    shown = {"search": f"{search.queries:,} x {search.candidates:,} x {search.dimensions} {search.spread}"}
    for name in CONTESTANTS:
        shown |= {name: f"{max(rates[name]) / 1e6:,.0f} M/s", f"{name} MiB": f"{peaks[name] / 2**20:,.0f}"}
    shown |= {"ratio": f"{times.median:.2f}x ({times.least:.2f} to {times.most:.2f})"}
    return {**search._asdict(), "rates": rates, "ratio": times._asdict(), "peak_bytes": peaks, "shown": shown}


def peak(name: str, search: Search) -> int:
    """The bytes that a search has at most beside the vectors."""
    queries, candidates = search.vectors()
    CONTESTANTS[name](queries[:1], candidates[:100], K)  # what libraries keep from their first call on
    before = _resident()
    _begin_anew()
    CONTESTANTS[name](queries, candidates, K)
    return _most_resident() - before


class Table(nn.Module):
    """In place of a network: a row's vector stands in a table, under its second token."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.table = torch.from_numpy(np.random.default_rng(0).standard_normal((250_000, dimensions), np.float32))

    def forward(self, task: str, input_ids: Tensor, mask: Tensor, targets: Tensor) -> Tensor:
        return self.table[input_ids[:, 1]]


class Bench(Workbench):
    """A workbench whose model is nothing but its padding."""

    def base(self, spec: TrialSpec) -> Base:
        return Base(None, SimpleNamespace(pad_token_id=1))  # type: ignore[arg-type]


def pool(size: int, dimensions: int) -> dict[str, Any]:
    """Seconds and bytes for each candidate of a pool that is read, encoded and searched."""
    torch.set_num_threads(1)  # looking up twelve rows is no work for two
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Store(folder), open_source("mini"))
        spec = TrialSpec("evaluate", "table", ("mewslix",), ("en",), "benchmark")
        network = Table(dimensions)
        scorer = Scorer(network, spec, bench)  # type: ignore[arg-type]
        task = bench.task("mewslix")
        scorer.outputs("mewslix", _features(Path(folder) / "few", 1000))
        sizes, begun = {"before": _resident()}, time.perf_counter()
        _begin_anew()
        passages = Pool.of(
            Passage(f"Q{number}", f"{number} is a candidate whose description has some words " * 3, "", (f"Q{number}",))
            for number in range(size)
        )
        sizes["passages"], read = _resident(), time.perf_counter()
        features = _features(Path(folder) / "all", size)
        sizes["features"], made = _resident(), time.perf_counter()
        outputs = scorer.outputs("mewslix", features)
        sizes["outputs"], encoded = _resident(), time.perf_counter()
        queries = [Query(f"{number}", "", f"Q{number}") for number in range(100)]
        split = Encoded(queries, [], np.asarray(outputs)[:100])
        references = [Encoded(passages, features, outputs)]
        found, gold = retrieval.predictions(task, split, references), retrieval.gold(queries, references)
        searched = time.perf_counter()
        assert gold is not None and all(one[0] in ranked for one, ranked in zip(gold, found, strict=True))
        whole = _most_resident() - sizes["before"]
        parts = dict(zip([*sizes][1:], np.diff([*sizes.values()]).tolist(), strict=True))
        seconds = {"read": read - begun, "encoded": encoded - made, "searched": searched - encoded}
    shown = {"pool": f"{size:,} x {dimensions}"}
    shown |= {f"{name}, bytes": f"{value / size:,.0f}" for name, value in parts.items()}
    shown |= {"peak, bytes": f"{whole / size:,.0f}", "its vector": f"{4 * dimensions:,}"}
    shown |= {f"{name}, us": f"{value / size * 1e6:.1f}" for name, value in seconds.items()}
    return {"size": size, "dimensions": dimensions, "bytes": parts, "peak": whole, "seconds": seconds, "shown": shown}


def _features(path: Path, size: int) -> Features:
    """Rows of made-up lengths in an Arrow file that is mapped into memory."""
    rng = np.random.default_rng(0)
    with pa.ipc.new_file(str(path), SCHEMA) as writer:
        for start in range(0, size, 20_000):
            writer.write_batch(_batch(rng, np.arange(start, min(start + 20_000, size))))
    file = pa.ipc.open_file(pa.memory_map(str(path)))
    return Features.of(_read(file))


def _read(file: Any) -> Iterator[pa.RecordBatch]:
    yield from (file.get_batch(number) for number in range(file.num_record_batches))


def _batch(rng: np.random.Generator, examples: np.ndarray) -> pa.RecordBatch:
    lengths = rng.poisson(TOKENS - 3, len(examples)) + 3
    ends = np.concatenate([[0], np.cumsum(lengths)])
    tokens = rng.integers(5, 250_000, ends[-1], dtype=np.int32)
    ones = np.arange(len(examples) + 1)
    rows = _lists(ones, _lists(ends, pa.array(tokens)))
    targets = _lists(ones, pa.array(np.full(len(examples), -100, np.int32)))
    none = _lists(ones * 0, pa.array([], pa.list_(pa.int32(), 2)))
    weights = pa.array(np.ones(len(examples), np.int32))
    return pa.RecordBatch.from_arrays([rows, pa.array(examples, pa.int32()), targets, weights, none], schema=SCHEMA)


def _lists(ends: np.ndarray, values: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), values)


def _alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a process of its own."""
    with get_context("spawn").Pool(1) as one:
        return one.apply(work, arguments)


def _resident() -> int:
    """The bytes that this process has in memory."""
    return _of_status("VmRSS")


def _most_resident() -> int:
    """The most that it has had since `_begin_anew`."""
    return _of_status("VmHWM")


def _begin_anew() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _of_status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024


if __name__ == "__main__":
    main()
