"""What the search itself costs: 10,000 simulated trials of 200 studies, through the real Searcher and the real Tune.

A simulated trial is a Tune trainable that waits for about as long as `--seconds` says and reports an analytic score: no
torch and no worker group, but the same jobs, messages and ledger as a real one. Prints trials per second, the driver's
memory and the share of the time for which the slots were at work, in ten parts of the run: nothing may get worse from
part to part. Two cores are enough: python benchmarks/search.py
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

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
from trainables.spec import TrialSpec
from trainables.store import Store

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
            "sampler": sampler, "trials": {"intermediate": trials, "target": trials}, "conditions": conditions,
            "targets": ["mini-qa", "mini-pos", "mini-ner"],
        }
    )  # fmt: skip


def score(spec: TrialSpec) -> float:
    """Best at a learning rate of 3e-5 and 4 epochs, by an amount that depends on the question."""
    level = 50 + int(spec.question, 16) % 30
    assert spec.learning_rate is not None and spec.epochs is not None
    return level - 5 * abs(math.log10(spec.learning_rate / 3e-5)) - abs(spec.epochs - 4)


def seconds_of(spec: TrialSpec, mean: float) -> float:
    """How long a trial takes."""
    return mean * (0.5 + random.Random(spec.trial_id).random())


def simulated(broker: Any, seconds: float, slots: int) -> Any:
    """The Tune trainable behind the same messages. The first trials wait until the processes of all slots are up."""
    import ray
    from ray import tune

    from trainables.reports import Report
    from trainables.workers.broker import Message

    @ray.remote(num_cpus=0)
    class Gate:
        def __init__(self) -> None:
            self.came = 0

        def come(self) -> None:
            self.came += 1

        def is_open(self) -> bool:
            return self.came >= slots

    gate: Any = Gate.remote()

    class Simulated(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            self.spec = TrialSpec.from_dict(config["spec"])
            gate.come.remote()
            while not ray.get(gate.is_open.remote()):
                time.sleep(1.0)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.spec = TrialSpec.from_dict(new_config["spec"])
            return True

        def step(self) -> dict[str, Any]:
            time.sleep(seconds_of(self.spec, seconds))
            objective = None if self.spec.phase == "evaluate" else score(self.spec)
            report = Report(1.0, objective=objective, curve=() if objective is None else (objective,))
            ray.get(broker.put_message.remote("simulated", Message(self.spec.trial_id, report)))
            return {"trial": self.spec.trial_id, "progress": 1.0, "objective": objective, "done": True}

        def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
            return {}

        def load_checkpoint(self, checkpoint: Any) -> None:
            pass

    return tune.with_resources(Simulated, {"CPU": 1})


class Watch(Progress):
    """Prints a line for each tenth of the run instead of one for each trial."""

    def __init__(self, total: int, slots: int, seconds: float) -> None:
        super().__init__(Console(quiet=True))
        self.total, self.at_once, self.seconds = total, slots, seconds
        self.ended, self.busy = 0, 0.0
        self.begun = self.since = time.monotonic()
        self.output = sys.stdout  # this one: while Ray runs, sys.stdout is its log

    def finished(self, study: Study, entry: Entry) -> None:
        super().finished(study, entry)
        self.ended += 1
        self.busy += seconds_of(entry.spec, self.seconds)
        if self.ended % (self.total // 10) == 0:
            now = time.monotonic()
            rate, share = self.total / 10 / (now - self.since), self.busy / (now - self.since) / self.at_once
            line = f"{self.ended:6} trials  {rate:6.1f} a second  driver {resident():6.0f} MB  at work {share:4.0%}"
            print(line, file=self.output, flush=True)
            self.since, self.busy = now, 0.0


def resident() -> float:
    """This process's memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--trials", type=int, default=50, help="of a study")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4.0, help="that a trial takes")
    parser.add_argument("--sampler", default="tpe")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asked = experiment(f"{folder}/store", arguments.studies, arguments.trials, arguments.sampler)
        plan, store = make_plan(asked), Store(asked.store)
        search = Search(plan)
        watch = Watch(plan.runs, arguments.slots, arguments.seconds)
        driver = Driver(asked, search, Ledger(store), watch)
        resources = Resources(concurrent=arguments.slots)
        log = Path(folder) / "log"
        with (
            scratch() as own,
            ray_cluster(None, resources, log, print, own, cpus=arguments.slots),
            watch.running(plan, search, str(log)),
        ):
            watch.room(arguments.slots)
            watch.begun = watch.since = time.monotonic()
            trainable = partial(simulated, seconds=arguments.seconds, slots=arguments.slots)
            tune_all(driver, trainable, arguments.slots, own)
            took = time.monotonic() - watch.begun
        assert search.is_over
        outcomes = list(Ledger(store).outcomes())
        assert len({one.spec.trial_id for one in outcomes}) == len(outcomes) == plan.runs, (len(outcomes), plan.runs)
        print(f"{plan.runs} trials of {len(plan.studies)} studies in {took:.0f} s, {plan.runs / took:.1f} a second")
        begun = time.monotonic()
        again = Search(plan, outcomes)
        assert again.is_over
        print(f"resuming from the ledger: {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
