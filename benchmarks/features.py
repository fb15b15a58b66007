"""What features in Arrow files save a worker: time and memory, against tokenising into Python lists in the same run.

    python -m benchmarks.features [--model minilm] [--task mini-nli] [--times 20]

The embedded benchmark's training data is repeated `--times` over to be of a real data set's size.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Callable

from trainables.data import open_source
from trainables.features import FeatureCache
from trainables.kinds import kind_of
from trainables.models.base import load_base
from trainables.store import Store
from trainables.tasks import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--task", default="mini-nli")
    parser.add_argument("--times", type=int, default=20)
    arguments = parser.parse_args()
    task, tokenizer = load(arguments.task), load_base(arguments.model).tokenizer
    examples = open_source("mini").examples(task, "train", "en") * arguments.times
    cache = FeatureCache(Store(tempfile.mkdtemp()))

    def tokenised() -> object:
        return kind_of(task).features(task, examples, tokenizer)

    def mapped() -> object:
        return cache.get("key", lambda: [kind_of(task).features(task, examples, tokenizer)])

    mapped()  # another worker was first
    print(f"{len(examples)} examples of {arguments.task}, {arguments.model}'s tokenizer")
    seconds, megabytes = zip(*(measured(make) for make in (tokenised, mapped)), strict=True)
    for name, one, size in zip(("tokenised", "mapped"), seconds, megabytes, strict=True):
        print(f"{name:9} {one:8.3f} s  {size:8.1f} MiB of Python's memory")
    print(f"ratio     {seconds[1] / seconds[0]:8.4f}    {megabytes[1] / megabytes[0]:8.4f}")


def measured(make: Callable[[], object]) -> tuple[float, float]:
    """Seconds that a call takes, and MiB that its result holds (from a second call: tracing makes it slower)."""
    begun = time.perf_counter()
    make()
    seconds = time.perf_counter() - begun
    tracemalloc.start()
    kept = make()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return seconds, size / 2**20


if __name__ == "__main__":
    main()
