"""A sweep whose parts are killed at random moments, and that is continued with the same command until it is done.

python -m tests.faults.kills --kills 40 --seed 1
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sweep.experiment.file import load
from sweep.planning.planner import make_plan
from tests.faults.sweeps import Sweep, entries, leftovers, results, write_sweep

SORTS = ("driver", "actor", "worker", "raylet")

TOLERANCE = 1e-4
"""Between scores of the disturbed and the undisturbed run; they are on the 0-100 scale."""


@dataclass
class Tally:
    """What happened to a sweep.

    Attributes:
        kills: by sort of process.
        resumes: how often the same command was given again.
        restarts: how often the command started over by itself, as Ray had broken down.
        planned, lost: trials of the plan, and those of them that are not in the ledger at the end.
        repeated: trials whose entry in the ledger was written a second time.
        deviation: the largest difference between a score and that of the undisturbed run.
        missing: scores of the undisturbed run that are not there.
        left: files that only a run that goes on may have.
    """

    kills: Counter[str] = field(default_factory=Counter)
    resumes: int = 0
    restarts: int = 0
    planned: int = 0
    lost: int = 0
    repeated: int = 0
    deviation: float = 0.0
    missing: int = 0
    left: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether the sweep came out as if nothing had been."""
        return not (self.lost or self.repeated or self.missing or self.left) and self.deviation <= TOLERANCE


def disturb(path: Path, undisturbed: Path, kills: list[tuple[str, float]], rng: random.Random) -> Tally:
    """Runs a sweep to its end while parts of it are killed.

    Args:
        path: the experiment. Its store must be empty.
        undisturbed: the store of the same experiment that was left alone.
        kills: what is killed in which order, and how long after the one before (or, where there is none to kill yet,
            as soon as there is), in seconds.
        rng: chooses among several processes of a sort.
    """
    tally = Tally()
    experiment = load(str(path))
    plan, store = make_plan(experiment), Path(experiment.store)
    ledger: dict[str, bytes] = {}
    running = Sweep(path)
    try:
        for sort, pause in kills:
            time.sleep(pause)
            while not running.kill(sort, rng.randrange(10)):
                if not running.is_running:
                    assert running.wait() != 0, f"it ended before all kills were done:\n{running.output}"
                    tally.restarts += running.output.count("Starting over.")
                    running = Sweep(path)
                    tally.resumes += 1
                time.sleep(0.05)
            tally.kills[sort] += 1
            tally.repeated += _changed(ledger, entries(store))
            if sort == "driver":
                running.wait()
                tally.restarts += running.output.count("Starting over.")
                running = Sweep(path)
                tally.resumes += 1
        while (code := running.wait(600)) != 0:
            assert code in (-9, 75), running.output
            running = Sweep(path)
            tally.resumes += 1
        tally.restarts += running.output.count("Starting over.")
    finally:
        running.end()
    tally.repeated += _changed(ledger, entries(store))
    found, expected = results(store), results(undisturbed)
    trials = {place[0] for place in expected if len(place) == 1}
    tally.planned, tally.lost = plan.runs, plan.runs - len(trials & {place[0] for place in found})
    tally.missing = len(expected.keys() - found.keys())
    pairs = [(found[place], expected[place]) for place in expected.keys() & found.keys()]
    tally.deviation = max(abs((one or 0.0) - (other or 0.0)) for one, other in pairs)
    tally.left = leftovers(store)
    return tally


def _changed(before: dict[str, bytes], now: dict[str, bytes]) -> int:
    """How many files are other ones than before; `before` is brought up to date."""
    changed = sum(before.get(name, content) != content for name, content in now.items())
    changed += len(before.keys() - now.keys())
    before.update(now)
    return changed


def random_kills(count: int, rng: random.Random, longest: float) -> list[tuple[str, float]]:
    """Each sort in turn, in random order, at random moments."""
    sorts = [SORTS[number % len(SORTS)] for number in range(count)]
    rng.shuffle(sorts)
    return [(sort, rng.uniform(0.0, longest)) for sort in sorts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=12.0, help="seconds between two kills")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        calm = Sweep(write_sweep(Path(folder), "undisturbed"))
        assert calm.wait(600) == 0, calm.output
        begun = time.monotonic()
        kills = random_kills(arguments.kills, rng, arguments.longest)
        tally = disturb(write_sweep(Path(folder), "disturbed"), Path(folder) / "undisturbed", kills, rng)
        for name, value in vars(tally).items():
            print(f"{name:10} {dict(value) if isinstance(value, Counter) else value}")
        print(f"{time.monotonic() - begun:.0f} s: {'all is well' if tally.is_well else 'NOT WELL'}")
    raise SystemExit(not tally.is_well)


if __name__ == "__main__":
    main()
