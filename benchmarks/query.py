"""What questions cost: `transfer` and `leaderboard` over ten million scores, and putting 5,000 single trials together.

The ledger is one experiment's on XTREME with every row a winner's, which is the worst there is: some 28 conditions on
ten seeds, nine targets, each scored in a thousand languages (XTREME's own among them), two splits and two metrics. With
--others a fifth of the trials are the experiment's, and the others those of four more. Plans, specs, searches and files
are real; scores are drawn, and written by the ledger's schema in parts as the ledger makes them.

Each question is asked by a process of its own: the seconds that it took, those of CPUs, and the most memory, the
interpreter's included. The peer in the same run is pandas: it reads the columns that it needs of all parts, unverified,
with the members of the experiment given, and groups. python -m benchmarks.query
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sweep.experiment import Experiment
from sweep.ledger import SCORES, Entry, Ledger
from sweep.ledger.ledger import written
from sweep.ledger.tables import SORTED
from sweep.planning import history
from sweep.planning.plan import Plan
from sweep.planning.planner import make_plan
from sweep.results.official import official
from sweep.results.query import query
from sweep.search import Search
from trainables.reports import Predicted, Score
from trainables.spec import TrialSpec
from trainables.store import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TARGETS = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba")
METRIC = {
    "xnli": "accuracy", "pawsx": "accuracy", "udpos": "f1", "panx": "f1", "xquad": "f1", "mlqa": "f1", "tydiqa": "f1",
    "bucc2018": "f1", "tatoeba": "accuracy",
}  # fmt: skip
SEEDS = 10
OTHERS = 4
PART = 128
"""Evaluations of a part: about as many as have its most bytes."""

QUESTIONS = {
    "transfer": "select count(*), avg(gain) from transfer",
    "leaderboard": "from leaderboard where task_group = 'overall'",
    "one language": "select condition, mean from best where target = 'xnli' and language = 'de' and main",
}

ASK = """
import sys, time
from sweep.results.query import query
from trainables.store import Store
begun, used = time.monotonic(), time.process_time()
table = query(Store(sys.argv[1]), sys.argv[2], experiments=[sys.argv[3]])
print(time.monotonic() - begun, time.process_time() - used, table.num_rows)
"""

MEMORY = """
import re
print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
"""

PANDAS = """
import sys, time
import pandas as pd
from pathlib import Path
begun, used = time.monotonic(), time.process_time()
members = pd.read_parquet(sys.argv[2])
columns = ["trial_id", "target", "language", "split", "metric", "main", "value"]
parts = sorted(Path(sys.argv[1], "ledger/scores").iterdir())
scores = pd.concat([pd.read_parquet(part, columns=columns) for part in parts])
scores = scores[scores.main].merge(members, on="trial_id")
key = ["target", "language", "split", "metric"]
means = scores.groupby(["condition", *key])["value"].mean().reset_index()
both = means[means.condition != "none"].merge(means[means.condition == "none"], on=key)
gain = both.value_x - both.value_y
print(time.monotonic() - begun, time.process_time() - used, len(gain), gain.mean())
"""


def experiment(store: str, name: str, conditions: int, seeds: int, first_seed: int) -> Experiment:
    """One with so many conditions, and a trial for each study and seed."""
    others = [
        {"name": f"c{number}", "tasks": [{"task": "mnli", "examples": 100 + number}]}
        for number in range(conditions - 1)
    ]
    return Experiment.model_validate(
        {
            "name": name, "model": "random:tiny", "data": "mock", "store": store, "search_space": "quick",
            "conditions": ["none", *others], "trials": {"intermediate": 1, "target": 1}, "targets": [*TARGETS],
            "seeds": [*range(first_seed, first_seed + seeds)],
        }
    )  # fmt: skip


def trials(plan: Plan) -> Iterator[TrialSpec]:
    """All of a plan, in an order in which they may run; each ends well."""
    search = Search(plan)
    while (found := search.next()) is not None:
        spec = found[1]
        search.finish(entry(spec).outcome)
        yield spec


def entry(spec: TrialSpec) -> Entry:
    """A trial without scores."""
    own = () if spec.phase == "evaluate" else (50.0,)
    return Entry(spec, NOON, NOON + timedelta(minutes=1), objective=own[0] if own else None, curve=own)


def scores(rng: np.random.Generator, specs: Sequence[TrialSpec], languages: Sequence[str]) -> pa.Table:
    """Their scores: of each target in each language, on two splits, in two metrics."""
    cells = [
        (spec.trial_id, target, language, split, metric, split == "test" and metric == METRIC[target])
        for spec in specs
        for target in spec.tasks
        for language in languages
        for split in ("dev", "test")
        for metric in (METRIC[target], "other")
    ]
    trial_ids, targets, spoken, splits, named, main = zip(*cells, strict=True)
    count = len(cells)
    columns = {
        "trial_id": trial_ids, "revision": np.zeros(count, np.int64), "target": targets, "training_set": targets,
        "language": spoken, "split": splits, "metric": named, "main": main, "value": rng.normal(60, 5, count),
        "chance": np.full(count, 10.0), "n": np.full(count, 1000),
    }  # fmt: skip
    table = pa.Table.from_pydict(columns, schema=SCORES)
    return table.sort_by([(name, "ascending") for name in SORTED["scores"]])


def write(store: Store, rows: int, others: int) -> int:
    """A ledger of so many scores, in parts. Returns how many there are."""
    rng = np.random.default_rng(0)
    own = sorted(set(official()["language"].to_pylist()))
    per_pair = 4 * len(TARGETS)
    languages = [*own, *(f"x{number}" for number in range(1000 - len(own)))]
    pairs = rows // (per_pair * len(languages))
    done = 0
    for number in range(others + 1):
        asked = experiment(store.uri, f"e{number}", -(-pairs // (SEEDS * (others + 1))), SEEDS, 1 + number * SEEDS)
        plan = make_plan(asked)
        history.keep(store, plan)
        specs = [*trials(plan)]
        for start in range(0, len(specs), 256):
            part = specs[start : start + 256]
            tables = [entry(spec).tables(0)["trials"] for spec in part]
            counts = [len(spec.tasks) * len(languages) * 4 if spec.phase == "evaluate" else 0 for spec in part]
            table = pa.concat_tables(tables)
            table = table.set_column(2, "score_rows", [counts])
            said: list[list[str | int]]
            said = [[spec.trial_id, 0, count, 0] for spec, count in zip(part, counts, strict=True)]
            store.write(f"ledger/trials/part-{number}-{start}.parquet", written("trials", table, said))
        scored = [spec for spec in specs if spec.phase == "evaluate"]
        for start in range(0, len(scored), PART):
            part = scored[start : start + PART]
            table = scores(rng, part, languages)
            said = [[spec.trial_id, 0, len(spec.tasks) * len(languages) * 4] for spec in part]
            store.write(f"ledger/scores/part-{number}-{start:05}.parquet", written("scores", table, said))
            done += table.num_rows
    return done


def ask(program: str, *arguments: str) -> tuple[float, float, float, str]:
    """Seconds by the program's own clock and of CPUs, the most megabytes of its process, and what else it says."""
    command = [sys.executable, "-c", program + MEMORY, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    (took, used, *said), (memory,) = (line.split() for line in done.stdout.splitlines())
    return float(took), float(used), int(memory) / 1000, " ".join(said)


def put_together(store: Store, trials: int) -> tuple[float, float]:
    """Seconds to write so many single trials with scores and predictions, and to put them together."""
    ledger, begun = Ledger(store), time.monotonic()
    for number in range(trials):
        spec = TrialSpec("evaluate", "minilm", ("xnli",), ("de", "ru"), "d", parent="p", seed=number)
        block = Predicted("xnli", "de", "test", "feed", ("neutral",) * 200, ((1.0, 1.0),) * 200, (0.5,) * 200)
        own = tuple(
            Score("xnli", "mnli", f"x{place}", "test", "accuracy", True, 60.0, 33.0, 100) for place in range(100)
        )
        ledger.write(Entry(spec, NOON, NOON, scores=own, predictions=(block,)))
    wrote, begun = time.monotonic() - begun, time.monotonic()
    ledger.compact(at_least=1)
    return wrote, time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--others", action="store_true", help="four fifths are other experiments'")
    parser.add_argument("--singles", type=int, default=5000)
    parser.add_argument("--folder", help="where the ledger is made, and found again; without it, a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(arguments.folder or made)
        store = Store(str(folder / "store"))
        if not store.exists("ledger"):
            rows = write(store, arguments.rows, OTHERS if arguments.others else 0)
            size = sum(store.size(name) for name in Ledger(store).files())
            print(f"{rows} scores in {len(Ledger(store).files())} files, {size / 1e6:.0f} MB")
        given = folder / "members.parquet"
        found = query(store, "select trial_id, condition from scores where winner group by all", experiments=["e0"])
        pq.write_table(found, given)
        peer, used, megabytes, said = ask(PANDAS, store.root, str(given))
        print(f"{'pandas':14} {peer:6.2f} s         {used:6.2f} s of CPUs  at most {megabytes:5.0f} MB  {said}")
        for name, sql in QUESTIONS.items():
            took, used, megabytes, said = ask(ASK, store.root, sql, "e0")
            ratio = f"{took / peer:5.2f}"
            print(f"{name:14} {took:6.2f} s  {ratio}  {used:6.2f} s of CPUs  at most {megabytes:5.0f} MB  {said}")
        if arguments.singles:
            wrote, took = put_together(Store(f"{made}/singles"), arguments.singles)
            print(f"{arguments.singles} single trials: written in {wrote:.1f} s, put together in {took:.1f} s")


if __name__ == "__main__":
    main()
