"""What the search itself costs: 30,000 trials on 512 slots, and with --churn on machines that come and go.

Real: the plan, the search with its samplers, the driver, the ledger, the broker, Ray Tune with its controller, actor
manager, placement groups and trainables, and the way of every job, message and result through Ray. Played (played.py):
the processes of worker groups, in which a trial is a wait of about `--seconds` and an analytic score; those in front of
them, which are threads here; and the machines. A machine that goes ends its groups in the middle of their trials, which
begin again elsewhere; a group takes 5 s to start.

A line for each tenth of the run: trials a second, the slots that there were on average and the share of their time for
which a trial was at work, what a trial takes of the driver's time on a CPU, and the driver's memory. Nothing may grow
from part to part. In the first part the slots fill, in the last ones the studies run out. Two cores are enough, if
nothing else needs them: python -m benchmarks.search --slots 512 --trials 30000 --churn
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.console import Console
from sweep.experiment import Experiment, Resources
from sweep.ledger import Entry, Ledger
from sweep.planning.plan import Study
from sweep.planning.planner import make_plan
from sweep.running.cluster import LOOKING, ray_cluster
from sweep.running.driver import Driver
from sweep.running.progress import Progress
from sweep.running.run import tune_all
from sweep.running.scratch import scratch
from sweep.search import Search
from trainables.store import Store

if TYPE_CHECKING:
    from played import Fleet, Tally

SLOTS = 8
"""Of a machine."""

DAYS, NIGHTS = 600.0, 60.0
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

    def __init__(self, total: int, fleet: Fleet, tally: Tally) -> None:
        super().__init__(Console(quiet=True))
        self.total, self.fleet, self.tally = total, fleet, tally
        self.ended = 0
        self.moments = [self.now()]

    def now(self) -> Moment:
        now = time.time()
        at_work, lost = self.tally.read()
        return Moment(now, time.thread_time(), self.fleet.slot_seconds(now), at_work, self.fleet.lost(now), lost)

    def finished(self, study: Study, entry: Entry) -> None:
        super().finished(study, entry)
        self.ended += 1
        if self.ended % (self.total // 10) == 0:
            self.moments.append(self.now())
            self.tell(f"{self.ended:10} trials", self.total // 10, *self.moments[-2:])

    def tell(self, name: str, trials: int, then: Moment, now: Moment) -> None:
        """A line about the so many trials that ended between two moments."""
        took, there = now.time - then.time, now.slot_seconds - then.slot_seconds
        print(
            f"{name}  {trials / took:5.1f} a second  slots {there / took:4.0f}"
            f"  at work {(now.at_work - then.at_work) / there:4.0%}"
            f"  driver {1000 * (now.cpu - then.cpu) / trials:5.1f} ms a trial  {resident():5.0f} MB"
            f"  lost {now.machines_lost:4} machines {now.trials_lost:5} trials",
            file=sys.__stdout__,  # while Ray runs, sys.stdout is its log
            flush=True,
        )


@dataclass(frozen=True)
class Moment:
    """What has been so far. `cpu`: of the driver's thread, in seconds."""

    time: float
    cpu: float
    slot_seconds: float
    at_work: float
    machines_lost: int
    trials_lost: int


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
    studies = arguments.trials // arguments.of_study
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = experiment(f"{folder}/store", studies, arguments.of_study, arguments.sampler)
        plan, store = make_plan(asked), Store(asked.store)
        search = Search(plan)
        with scratch() as own, ray_cluster(None, Resources(), folder / "log", print, own):
            from played import Fleet, Machines, Tally, play_fronts  # they import ray, which must know its cluster first

            nights = NIGHTS if arguments.churn else 0.0
            fleet = Fleet(arguments.slots // SLOTS, SLOTS, DAYS, nights, begun=time.time())
            watch = Watch(plan.runs, fleet, Tally(folder / "tally"))
            driver = Driver(asked, search, Ledger(store), watch)
            driver.slots = lambda: fleet.there(time.time() // LOOKING * LOOKING)  # looked at every few seconds
            play_fronts(most=2 * arguments.slots)
            with watch.running(plan, search, ""):
                tune_all(driver, Machines(fleet, arguments.seconds, folder / "tally"), own)
            end = watch.now()
            watch.tell("    in the middle", plan.runs // 10 * 7, watch.moments[1], watch.moments[8])
            watch.tell("           in all", plan.runs, watch.moments[0], end)
            took = end.time - watch.moments[0].time
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
