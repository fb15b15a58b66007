"""How contestants stand: examples a second, shares of what the machine can do at most, and what ours do over each."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.limits import Limits, Work
from benchmarks.rounds import ratio, show


def standings(
    rates: Mapping[str, Sequence[float]],
    tokens: float,
    size: int,
    work: Work,
    limits: Limits,
    ours: Sequence[str],
) -> list[dict[str, Any]]:
    """A row for each contestant.

    Args:
        rates: of each contestant the tokens a second, without padding, of every round. Where its name says bf16, it is
            measured by the limit of bf16.
        tokens: of an example, on average.
        size: the examples of a batch.
        work: what such a batch needs.
        ours: the contestants that are compared with all.
    """
    rows = []
    for name, own in rates.items():
        rate, precision = statistics.median(own), "bf16" if "bf16" in name else "fp32"
        seconds = tokens * size / rate
        rows.append(
            {
                "who": name,
                "precision": precision,
                "examples_per_second": rate / tokens,
                "tokens_per_second": rate,
                "milliseconds": seconds * 1000,
                "share": work.seconds(limits, precision) / seconds,
                "products_share": work.products_seconds(limits, precision) / seconds,
                "over": {mine: ratio(rates[mine], own)._asdict() for mine in ours if mine in rates},
                "rounds": list(own),
            }
        )
    return rows


def show_standings(rows: Sequence[Mapping[str, Any]], size: int) -> None:
    """Prints rows of `standings`."""
    show(
        [
            {
                "": row["who"],
                "examples/s": f"{row['examples_per_second']:,.1f}",
                "tokens/s": f"{row['tokens_per_second']:,.0f}",
                f"ms for {size}": f"{row['milliseconds']:,.0f}",
                "of the limit": f"{row['share']:.0%}",
                "of products alone": f"{row['products_share']:.0%}",
                **{f"{mine} over it": "{median:.2f}x ({least:.2f} to {most:.2f})".format(**one)
                   for mine, one in row["over"].items()},
            }
            for row in rows
        ]
    )  # fmt: skip
