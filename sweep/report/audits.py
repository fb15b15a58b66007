"""How far to trust it: would other development examples have chosen otherwise, and how often is there a false alarm?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal

from sweep.console import counted
from sweep.report.blocks import Block, Cell, Heading, Prose, Section, Table, columns, joined, number, text
from sweep.report.source import Source, anchor
from sweep.results.audit.alarms import together

SELECTION = (
    "The development examples that chose the winners are drawn again, with replacement. 'Same winner' says in how many "
    "of these draws the same trial wins; with new examples it would be fewer, as a winner that was lucky with these is "
    "drawn around. Where other trials than the winner were scored on the targets as well "
    "(evaluate: {top: K}), the difference to the baseline is computed with whoever wins: 'other sign' says how often "
    "that turns the conclusion round. The oracle is the trial that is best on the target: nobody may choose it, and "
    "what it has more is the cost of choosing by English."
)

LITTLE = 0.05
"""The share of draws in which a sign may change without a word."""

METHODS: tuple[Literal["swapped labels", "split seeds"], ...] = ("swapped labels", "split seeds")

ALARMS = (
    "The experiment's own predictions are replayed so that there is nothing to be found: those of condition and "
    "baseline swapped at random, or the seeds of one condition split in two. A test that holds what it promises raises "
    "an alarm in about 5 % of these replays."
)


def section(source: Source) -> Section:
    """The selection of winners, then the replays."""
    blocks: list[Block] = [
        Heading("Would other English development examples have chosen another winner?", "selection"),
        Prose((SELECTION,)),
    ]
    blocks += [_in_words(source), _selections(source)] if source.selections else [Prose(("Nothing was chosen.",))]
    blocks += [
        Heading("How often is a difference found where there is none?", "false-alarms"),
        Prose((ALARMS,)),
    ]
    blocks += (
        [_together(source), _alarms(source)] if source.alarms else [Prose(("There is nothing to replay.",), "note")]
    )
    return Section("audits", "How far to trust it", tuple(blocks))


def _in_words(source: Source) -> Prose:
    """How firmly winners were chosen, and whether it matters."""
    kept = [one.kept for one in source.selections if one.kept is not None]
    if not kept:
        return Prose(("How firmly winners were chosen is not known.",))
    told = [
        f"In the median over {counted(len(kept), 'choice')} the same trial wins in {100 * median(kept):.0f} % of the "
        f"draws; {counted(sum(one < 0.5 for one in kept), 'choice')} would go to another trial in most of them."
    ]
    followed = [one for one in source.selections if one.flips is not None and one.scored > 1]
    turned = [f"{one.condition} on {one.target}" for one in followed if (one.flips or 0) > LITTLE]
    if followed:
        turns = f"turns round in more than {100 * LITTLE:.0f} % of the draws"
        told.append(f"The sign of the difference {turns} for {joined(turned) if turned else 'none of those followed'}.")
    return Prose(tuple(told))


def _selections(source: Source) -> Table:
    return Table(
        name="selections",
        caption="The winner of each search, and who else could have won",
        columns=columns(
            "condition", "target", "#trials", "#development examples", "#same winner, %", "#most frequent other, %",
            "#scored", "#winner's score", "#oracle", "#cost of choosing", "#difference", "#from", "#to",
            "#other sign, %", "#not followed, %", "note",
        ),
        rows=tuple(
            (
                text(one.condition),
                text(one.target, source.anchors.get((one.regime, one.condition, one.target))),
                number(one.trials, 0),
                number(one.examples, 0),
                number(_percent(one.kept), 0),
                _other(one.rivals),
                number(one.scored, 0),
                number(one.score, 2),
                number(one.oracle, 2),
                number(one.cost, 2),
                number(one.difference, 2, sign=True),
                number(one.low, 2, sign=True),
                number(one.high, 2, sign=True),
                number(_percent(one.flips) if one.scored > 1 else None, 0),
                number(_percent(one.unknown), 0),
                text(one.note, tone="wide"),
            )
            for one in source.selections
        ),
        source="sweep.results.audit.selections(connection)",
        closed=True,
    )  # fmt: skip


def _other(rivals: Sequence[tuple[str, float]]) -> Cell:
    if not rivals:
        return number(None)
    trial, share = rivals[0]
    return number(100 * share, 0, link=anchor(trial))


def _together(source: Source) -> Prose:
    """Both kinds of replays, all of them."""
    told = []
    for method in METHODS:
        rate = together(source.alarms, method)
        if rate is not None:
            told.append(
                f"{rate.alarms:,} of {rate.replays:,} replays with {method} raised an alarm: {100 * rate.share:.1f} % "
                f"({100 * rate.low:.1f} to {100 * rate.high:.1f} %)."
            )
    return Prose(tuple(told) or ("Too few examples and seeds to replay anything.",))


def _alarms(source: Source) -> Table:
    return Table(
        name="alarms",
        caption="Replays in which nothing is to be found, at the 5 % level of each comparison alone",
        columns=columns("condition", "target", "method", "#replays", "#alarms", "#rate, %", "#from", "#to", "note"),
        rows=tuple(
            (
                text(one.condition),
                text(one.target),
                text(one.method),
                number(one.rate.replays if one.rate else None, 0),
                number(one.rate.alarms if one.rate else None, 0),
                number(100 * one.rate.share if one.rate else None, 1),
                number(100 * one.rate.low if one.rate else None, 1),
                number(100 * one.rate.high if one.rate else None, 1),
                text(one.note, tone="wide"),
            )
            for one in source.alarms
        ),
        source="sweep.results.audit.false_alarms(connection)",
        closed=True,
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
