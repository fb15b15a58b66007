"""What the search itself costs: 10,000 simulated trials of 200 studies, through the real Searcher and the real Tune.

A simulated trial is a Tune trainable that waits for about as long as `--seconds` says and reports an analytic score: no
torch and no worker group, but the same jobs, messages and ledger as a real one. Prints trials per second, the driver's
memory and the share of the time for which the slots were at work, in ten parts of the run: nothing may get worse from
part to part. Two cores are enough: python benchmarks/search.py
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sweep.experiment import Experiment, Resources
from sweep.ledger import Entry, Ledger
from sweep.planning.plan import Study, make_plan
from sweep.running.cluster import ray_cluster
from sweep.running.driver import Driver
from sweep.running.progress import Progress
from sweep.running.run import tune_all
from sweep.running.scratch import scratch
from sweep.search import Search
from trainables.store import Store

if TYPE_CHECKING:
    from played import Tally

SLOTS = 8
"""Of a machine."""

DAYS, NIGHTS = 300.0, 20.0
"""With --churn a machine is there and away for so many seconds on average."""

LANGUAGES = ("de", "en", "es", "hi", "ru", "sw", "tr", "zh")
STUDIES = 4
"""Searched ones of a condition: its own, and its pairs with three training sets."""


def experiment(store: str, studies: int, trials: int, sampler: str) -> Experiment:
    """A grid with that many searched studies: conditions that differ in their languages."""
    subsets = itertools.chain.from_iterable(itertools.combinations(LANGUAGES, size) for size in range(1, 9))
    conditions = [
        {"name": "-".join(subset), "tasks": ["mini-nli"], "languages": list(subset)}
        for subset in itertools.islice(subsets, studies // STUDIES)
    ]
    return Experiment.model_validate(
        {
            "name": "simulated", "model": "random:tiny", "data": "mini", "store": store, "search_space": "wide",
            "sampler": sampler, "conditions": conditions,
            "trials": {"intermediate": trials, "target": trials, "parallel": 4}, "retries": 10,
            "targets": ["mini-qa", "mini-pos", "mini-ner"],
        }
    )  # fmt: skip


class Watch(Progress):
    """Prints a line for each tenth of the run instead of one for each trial."""

    def __init__(self, total: int) -> None:
        super().__init__(Console(quiet=True))
        self.total, self.ended = total, 0
        self.output = sys.stdout  # this one: while Ray runs, sys.stdout is its log

    def begin(self, tally: Callable[[], Tally]) -> None:
        """All is up."""
        self.tally = tally
        self.first = self.last = self.now()

    def now(self) -> tuple[float, float, Tally]:
        """The time, that of the driver's thread on a CPU, and what the machines have done."""
        return time.monotonic(), time.thread_time(), self.tally()

    def finished(self, study: Study, entry: Entry) -> None:
        super().finished(study, entry)
        self.ended += 1
        if self.ended % (self.total // 10) == 0:
            self.tell(self.ended, self.total // 10, self.last)
            self.last = self.now()

    def tell(self, ended: int, trials: int, since: tuple[float, float, Tally]) -> None:
        """A line about the last so many trials."""
        (then, cpu_then, before), (now, cpu, tally) = since, self.now()
        there, at_work = tally.there - before.there, tally.at_work - before.at_work
        print(
            f"{ended:6} trials  {trials / (now - then):5.1f} a second  slots {there / (now - then):4.0f}"
            f"  at work {at_work / there:4.0%}  driver {1000 * (cpu - cpu_then) / trials:5.1f} ms a trial"
            f"  {resident():4.0f} MB  lost {tally.machines_lost:4} machines {tally.trials_lost:5} trials",
            file=self.output,
            flush=True,
        )


def resident() -> float:
    """This process's memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=512)
    parser.add_argument("--trials", type=int, default=30_000)
    parser.add_argument("--of-study", type=int, default=30, help="trials of a study")
    parser.add_argument("--seconds", type=float, default=14.0, help="that a trial takes")
    parser.add_argument("--churn", action="store_true", help="machines go and come back at random")
    parser.add_argument("--sampler", default="tpe")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asked = experiment(
            f"{folder}/store", arguments.trials // arguments.of_study, arguments.of_study, arguments.sampler
        )
        plan, store = make_plan(asked), Store(asked.store)
        search = Search(plan)
        watch = Watch(plan.runs)
        driver = Driver(asked, search, Ledger(store), watch)
        log = Path(folder) / "log"

        with (
            scratch() as own,
            ray_cluster(None, Resources(concurrent=arguments.slots), log, print, own),
            watch.running(plan, search, str(log)),
        ):
            import played  # imports ray, which must not be before its variables are set

            fleet = played.Fleet(arguments.slots // SLOTS, SLOTS, *((DAYS, NIGHTS) if arguments.churn else ()))

            def trainable(broker: Any) -> Any:
                watch.begin(played.begin(fleet, arguments.seconds, broker))
                return played.trainable()

            watch.room(arguments.slots)
            tune_all(driver, trainable, arguments.slots, own)
            watch.tell(plan.runs, plan.runs, watch.first)
            took = time.monotonic() - watch.first[0]
        assert search.is_over
        outcomes = list(Ledger(store).outcomes())
        assert len({one.spec.trial_id for one in outcomes}) == len(outcomes) == plan.runs, (len(outcomes), plan.runs)
        print(f"{plan.runs} trials of {len(plan.studies)} studies in {took:.0f} s, {plan.runs / took:.1f} a second")
        begun = time.monotonic()
        again = Search(plan, Ledger(store).outcomes())
        assert again.is_over
        print(f"resuming from the ledger: {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
