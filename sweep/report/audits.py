"""How far to trust it: would other development examples have chosen otherwise, and how often is there a false alarm?"""

from __future__ import annotations

from typing import Literal

from sweep.report.blocks import Block, Heading, Section, Table, Text, columns, joined, number, text
from sweep.report.source import Source
from sweep.report.trials import short
from sweep.results.audit import together

SELECTION = (
    "The development examples that chose the winners are drawn again, with replacement. 'Same winner' says in how many "
    "of these draws the same trial wins. Where other trials than the winner were scored on the targets as well "
    "(evaluate: {top: K}), the difference to the baseline is computed with whoever wins: 'other sign' says how often "
    "that turns the conclusion round. The oracle is the trial that is best on the target: nobody may choose it, and "
    "what it has more is the cost of choosing by English."
)

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
        Text((SELECTION,)),
        _selections(source) if source.selections else Text(("No search has development predictions.",), "note"),
        Heading("How often is a difference found where there is none?", "false-alarms"),
        Text((ALARMS,)),
    ]
    blocks += (
        [_together(source), _alarms(source)] if source.alarms else [Text(("There is nothing to replay.",), "note")]
    )
    return Section("audits", "How far to trust it", tuple(blocks))


def _selections(source: Source) -> Table:
    return Table(
        name="selections",
        caption="The winner of each search, and who else could have won",
        columns=columns(
            "condition", "target", "#trials", "#development examples", "#same winner, %", "others that win", "#scored",
            "#winner's score", "#oracle", "#cost of choosing", "#other sign, %", "#difference from", "#to", "note",
        ),
        rows=tuple(
            (
                text(one.condition),
                text(one.target),
                number(one.trials, 0),
                number(one.examples, 0),
                number(_percent(one.kept), 0),
                text(joined([f"{short(trial)} {100 * share:.0f} %" for trial, share in one.rivals], 3)),
                number(one.scored, 0),
                number(one.score, 2),
                number(one.oracle, 2),
                number(one.cost, 2),
                number(_percent(one.flips), 0),
                number(one.low, 2, sign=True),
                number(one.high, 2, sign=True),
                text(one.note),
            )
            for one in source.selections
        ),
        source="sweep.results.audit.selections(connection)",
    )  # fmt: skip


def _together(source: Source) -> Text:
    """Both kinds of replays, all of them."""
    told = []
    for method in METHODS:
        rate = together(source.alarms, method)
        if rate is not None:
            told.append(
                f"{rate.alarms:,} of {rate.replays:,} replays with {method} raised an alarm: {100 * rate.share:.1f} % "
                f"({100 * rate.low:.1f} to {100 * rate.high:.1f} %)."
            )
    return Text(tuple(told) or ("Too few examples and seeds to replay anything.",))


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
                text(one.note),
            )
            for one in source.alarms
        ),
        source="sweep.results.audit.false_alarms(connection)",
        closed=True,
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
