"""How large a report is, how long it takes to write and to open: XTREME, 11 conditions, 3 seeds, a made-up truth.

    python -m benchmarks.report                     a few minutes, most of them for the store
    python -m benchmarks.report --store runs/big    keeps the store, or takes the one that is there

Bars: under 5 MB, written in under 30 s, opened in under 3 s in headless Chromium (until it is laid out and has run its
script).
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from sweep.experiment import file as experiment_file
from sweep.report.page import html, page
from sweep.report.source import Asked, read
from tests.browser.opened import Opened, chromium
from tests.simulated import Simulation, Truth
from trainables.store import Store

LARGEST, WRITTEN, OPENED = 5e6, 30.0, 3.0
"""Bytes, seconds, seconds."""


def main() -> None:
    """Simulates, writes, opens, and compares with the bars."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="a folder for the store; without it a temporary one")
    parser.add_argument("--examples", type=int, default=100, help="of each split in each language")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = arguments.store or Path(folder) / "store"
        if not store.exists():
            _simulate(store, arguments.examples)
        started = time.perf_counter()
        source = read(Store(str(store)), Asked(""))
        asked = time.perf_counter()
        content = html(page(source)).encode()
        written = time.perf_counter()
        file = Path(folder) / "report.html"
        file.write_bytes(content)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"conditions {len(source.conditions)}, targets {len(source.targets)}, trials {len(source.trials)}")
        print(f"size       {len(content) / 1e6:6.2f} MB   (bar {LARGEST / 1e6:g})")
        print(f"written in {written - started:6.2f} s    (bar {WRITTEN:g}), of it {asked - started:.2f} s of questions")
        print(f"peak       {peak:6.2f} GB")
        opened = _open(file)
        is_fast = opened is None or opened < OPENED
    sys.exit(not (len(content) < LARGEST and written - started < WRITTEN and is_fast))


def _simulate(store: Path, examples: int) -> None:
    changes = ["data=mock", f"store={store}", "sampler=random", "seeds=[1,2,3]"]
    truth = Truth(gains={"mnli": {"xnli": 3.0}, "squad": {"xquad": 4.0, "tatoeba": -3.0}}, uneven=1.0)
    started = time.perf_counter()
    done = Simulation(experiment_file.load("paper", changes), truth, examples).run()
    print(f"simulated  {time.perf_counter() - started:6.2f} s, {done.rows:,} predictions")


def _open(file: Path) -> float | None:
    """Seconds until a browser that runs already has laid it out and run its script."""
    with chromium() as browser:
        if isinstance(browser, str):
            print(f"not opened: {browser}")
            return None
        Opened(browser, file).close()
        started = time.perf_counter()
        opened = Opened(browser, file)
        opened.page.evaluate("document.body.offsetHeight")
        taken = time.perf_counter() - started
        opened.close()
        print(f"opened in  {taken:6.2f} s    (bar {OPENED:g})")
        return taken


if __name__ == "__main__":
    main()
