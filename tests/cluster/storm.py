"""A sweep on three machines, of which two go and come back at random moments, in all the ways in which machines go.

python -m tests.cluster.storm --events 20 --seed 1
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from sweep.results.query import query
from tests.cluster.cluster import Cluster
from tests.cluster.machines import Machines
from tests.faults.kills import TOLERANCE
from tests.faults.sweeps import Sweep, leftovers, results, write_sweep
from trainables.store import Store

WAYS = ("killed", "drained", "cut off")
"""Without a word; with 15 seconds' notice; the network is away, for a minute at most."""

EPOCHS = (100, 80, 120)
TRIALS = {"trials": {"intermediate": 6, "target": 9}, "seeds": [1, 2, 3]}
"""What keeps three machines busy for longer than twenty of them take to go and come back."""


def disturb(cluster: Cluster, events: int, rng: random.Random) -> Counter[str]:
    """Takes machines away, one at a time, until there were so many events or the sweep has ended."""
    happened: Counter[str] = Counter()
    ways = [WAYS[number % len(WAYS)] for number in range(events)]
    rng.shuffle(ways)
    for way in ways:
        time.sleep(rng.uniform(2, 12))
        if not cluster.is_running:
            break
        for number in (2, 3):  # one that was cut off may have been given up since
            if not cluster.is_member(number):
                cluster.comes_back(number)
        number, away = rng.choice((2, 3)), rng.uniform(2, 60) if way == "cut off" else rng.uniform(2, 12)
        print(f"{time.strftime('%H:%M:%S')} machine {number} is {way} for {away:.0f} s", flush=True)
        if way == "killed":
            cluster.machines.kill(number)
        elif way == "drained":
            cluster.drain(number, 15)
        else:
            cluster.machines.cut(number)
        happened[way] += 1
        time.sleep(away)
        if way == "cut off":
            cluster.machines.mend(number)
        else:
            cluster.comes_back(number)
    return happened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        calm = Sweep(write_sweep(folder, "undisturbed", EPOCHS, **TRIALS))
        assert calm.wait(1800) == 0, calm.output
        expected = results(folder / "undisturbed")
        path = write_sweep(folder, "disturbed", EPOCHS, **TRIALS)
        with Machines(folder, 3) as machines:
            cluster = Cluster(machines)
            cluster.join(2)
            cluster.join(3)
            begun = time.monotonic()
            cluster.run(path)
            cluster.wait_for(lambda output: cluster.done >= 1)
            happened = disturb(cluster, arguments.events, random.Random(arguments.seed))
            code = cluster.wait(1800)
            took = time.monotonic() - begun
        assert code == 0, cluster.output
        found = results(folder / "disturbed")
        longest = max(row["seconds"] for row in query(Store(made + "/disturbed"), "from trials").to_pylist())
        again = cluster.output.count("starts again")
        lost = len(expected.keys() - found.keys())
        repeated = cluster.done - sum(len(key) == 1 for key in expected)
        deviation = max(abs((found[key] or 0.0) - (expected[key] or 0.0)) for key in expected.keys() & found.keys())
        print(f"events     {dict(happened)}, after which trials started again {again} times; {took:.0f} s, exit {code}")
        print(f"lost       {lost} of {len(expected)} scores; repeated {repeated} of {cluster.done} trials")
        print(f"deviation  {deviation:.2g} at most; left behind: {leftovers(folder / 'disturbed') or 'nothing'}")
        pause = cluster.longest_pause
        print(f"pause      {pause:.0f} s without a trial's end at most; the longest trial took {longest:.0f} s")
        well = not (lost or repeated) and deviation <= TOLERANCE and pause < 60 + longest
    raise SystemExit(not (well and sum(happened.values()) == arguments.events))


if __name__ == "__main__":
    main()
