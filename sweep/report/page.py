"""The report as one HTML file that asks nothing of anybody: no network, no server, no JavaScript that it needs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from sweep.console import counted, visible
from sweep.report import answer, audits, blocks, buckets, changed, commands, languages, runs, searching, trials, tuning
from sweep.report.blocks import Figure, Section, Table
from sweep.report.drawing import svg
from sweep.report.source import Source

TEMPLATES = Path(__file__).parent / "templates"

SECTIONS = (answer, languages, tuning, searching, audits, buckets, changed, runs, commands, trials)
"""In the order of the page; each is made of the source by its `section`."""

FORMAT = 1
"""Of the numbers that stand in the file as JSON."""


@dataclass(frozen=True)
class Page:
    """A report before it is written.

    Attributes:
        facts: what stands below its title, by name.
    """

    title: str
    facts: Mapping[str, str]
    asked: Mapping[str, str | None]
    sections: tuple[Section, ...]

    @property
    def numbers(self) -> dict[str, Any]:
        """Every number of every table and figure, as computed, and what they are about."""
        tables, figures = {}, {}
        for block in (block for section in self.sections for block in section.blocks):
            if isinstance(block, Table):
                heads = [column.name for column in block.columns]
                tables[block.name] = {"columns": heads, "rows": [[cell.value for cell in row] for row in block.rows]}
            elif isinstance(block, Figure):
                figures[block.name] = [
                    {key: value for key, value in row.items() if key not in ("says", "link")} for row in block.values
                ]
        made_by = f"sweep {version('crosslingual-sweep')}"
        return {"format": FORMAT, "made_by": made_by, **self.asked, "tables": tables, "figures": figures}


def page(source: Source) -> Page:
    """The report of a store. The same for the same ledger: no clock is read."""
    asked = source.asked
    return Page(
        title=source.kept.plan.experiment,
        facts=_facts(source),
        asked={"experiment": asked.experiment, "baseline": asked.baseline, "claim": asked.claim},
        sections=tuple(one.section(source) for one in SECTIONS),
    )


def html(made: Page) -> str:
    """The file."""
    style, script = _file("style.css"), _file("page.js")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=made,
            numbers=htmlsafe_json_dumps(made.numbers, dumps=_json),
            style=Markup(style),  # noqa: S704 - a file of the project
            script=Markup(script),  # noqa: S704
            policy="; ".join(
                (
                    "default-src 'none'",
                    f"style-src '{_hash(style)}'",
                    f"script-src '{_hash(script)}'",
                    "base-uri 'none'",
                    "form-action 'none'",
                )
            ),
        )
    )


def _facts(source: Source) -> dict[str, str]:
    studies = source.kept.plan.studies
    ended = [row["finished_at"] for row in source.trials if row["finished_at"] is not None]
    seeds = max((len(study.seeds) for study in studies), default=0)
    grid = [
        counted(len(source.conditions), "condition"),
        counted(len(source.targets), "target"),
        counted(seeds, "seed"),
    ]
    return {
        "model": ", ".join(dict.fromkeys(study.question.model for study in studies)),
        "grid": ", ".join(grid),
        "trials": counted(len({row["trial_id"] for row in source.trials}), "trial"),
        "last trial": f"{max(ended):%Y-%m-%d %H:%M} UTC" if ended else "none yet",
        "store": source.uri,
        "plan": source.kept.hash,
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_readable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        kind=blocks.of,
        sorted_by=lambda cell: f"{cell.value:.6g}",  # to be sorted by; all digits stand in the JSON
        svg=lambda figure: Markup(svg(figure)),  # noqa: S704 - cleaned there
    )
    return environment


def _readable(value: Any) -> Any:
    """What cannot be read, or turns the direction of what follows, is spelt out: in every string of every template."""
    return visible(value) if type(value) is str else value


def _json(value: Any, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), **options)


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


@cache
def _file(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
