"""Tries inputs of every kind until there were so many, and prints what became of them."""

from __future__ import annotations

import argparse
import time
from collections import Counter

from tests.fuzz.attempts import attempts
from tests.fuzz.inputs import KINDS, Case
from tests.fuzz.judge import Verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=list(KINDS), action="append", help="only these")
    arguments = parser.parse_args()
    kinds = arguments.kind or list(KINDS)
    wrong: list[tuple[str, Case, Verdict]] = []
    begun = time.monotonic()
    print(f"{'kind':20} {'inputs':>7} {'answered':>9} {'refused':>8} {'wrong':>6} {'slowest':>8}")
    for kind in kinds:
        tries = attempts(kind, -(-arguments.inputs // len(kinds)), arguments.seed)
        counts = Counter(verdict.name if verdict.is_right else "wrong" for _, verdict, _ in tries)
        wrong += [(kind, case, verdict) for case, verdict, _ in tries if not verdict.is_right]
        numbers = f"{len(tries):7} {counts['answered']:9} {counts['refused']:8} {counts['wrong']:6}"
        print(f"{kind:20} {numbers} {max(seconds for *_, seconds in tries):7.1f}s", flush=True)
    for kind, case, verdict in wrong[:10]:
        odd = {name: content[:2000] for name, content in case.files.items() if not name.startswith("store/")}
        print(f"\n{kind}: {verdict.name}\n{case.arguments}\n{odd}\n{verdict.said[-3000:]}")
    print(f"\nseed {arguments.seed}, {time.monotonic() - begun:.0f} s; wrong: {len(wrong)}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
