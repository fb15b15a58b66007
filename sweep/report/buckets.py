"""Where a target is hard, and where a condition helps: scores by what the examples themselves give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sweep.report.answer import SIGNS, tone
from sweep.report.blocks import Block, Cell, Prose, Section, Table, columns, number, slug, text
from sweep.report.source import Source
from sweep.results.diagnostics.diagnose import Diagnostics
from sweep.results.diagnostics.scores import BucketScore

LEVEL = 0.05
"""An adjusted p value below it decides."""


WORDS = (
    "Scores by what the examples themselves give: lengths, kinds of questions and entities, tags, how much text of a "
    "language the pre-training had. Each is a mean over the languages that have the bucket. All buckets of a target "
    "are one exploratory family (Benjamini and Hochberg): they say where to look."
)


def section(source: Source) -> Section:
    """A table for each target: buckets from top to bottom, conditions from left to right."""
    notes = [f"{one.target}: {note}" for one in source.buckets for note in one.notes]
    blocks: list[Block] = [Prose((WORDS,)), *_tables(source)]
    if notes:
        blocks.append(Prose(tuple(notes), "list"))
    return Section("buckets", "For which examples", tuple(blocks))


def _tables(source: Source) -> Iterator[Table]:
    for one in source.buckets:
        if one.rows:
            yield _table(source, one)


def _table(source: Source, one: Diagnostics) -> Table:
    found: dict[tuple[str, str], dict[str, BucketScore]] = {}
    for row in one.rows:
        if row.language is None:
            found.setdefault((row.attribute, row.bucket), {})[row.condition] = row
    conditions = [
        name for name in source.conditions if name != source.asked.baseline and any(name in of for of in found.values())
    ]
    title = one.target if len(source.regimes) == 1 else f"{one.target}, trained {one.regime}"
    return Table(
        name=slug("buckets", one.target, "" if one.regime == source.regimes[0] else one.regime),
        caption=f"{title}: score of '{source.asked.baseline}' by bucket, and what each condition adds",
        columns=columns(
            "by", "bucket", "#examples", "#languages", f"#{source.asked.baseline}", *(f"#{name}" for name in conditions)
        ),
        rows=tuple(
            _row(attribute, bucket, of, source.asked.baseline, conditions) for (attribute, bucket), of in found.items()
        ),
        source="from diagnostics where target = ... and language is null",
        closed=True,
    )


def _row(
    attribute: str, bucket: str, found: dict[str, BucketScore], baseline: str, conditions: Sequence[str]
) -> tuple[Cell, ...]:
    any_row = next(iter(found.values()))
    score = found[baseline].score if baseline in found else any_row.baseline_score
    return (
        text(attribute.replace("_", " ")),
        text(bucket, foreign=True),
        number(any_row.n, 0),
        number(any_row.languages, 0),
        number(score, 1),
        *(_difference(found.get(name)) for name in conditions),
    )


def _difference(row: BucketScore | None) -> Cell:
    if row is None or row.difference is None:
        return Cell("–", None)
    decided = row.p_adjusted is not None and row.p_adjusted < LEVEL
    verdict = ("better" if row.difference > 0 else "worse") if decided else "not decided"
    low, high = (number(one, 1, sign=True).shown for one in (row.difference_low, row.difference_high))
    shown = f"{number(row.difference, 1, sign=True).shown} {SIGNS[verdict]}"
    return Cell(shown, row.difference, None, f"{low} to {high}", tone(verdict, row.difference))
