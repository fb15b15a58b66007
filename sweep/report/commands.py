"""How to get the same numbers again."""

from __future__ import annotations

import shlex

from sweep.report.blocks import Prose, Section
from sweep.report.source import Source


def section(source: Source) -> Section:
    """The exact commands."""
    store, asked = shlex.quote(source.uri), source.asked
    options = f"--experiment {shlex.quote(asked.experiment)}"
    compared = options if asked.baseline == "none" else f"{options} --baseline {shlex.quote(asked.baseline)}"
    compared += f" --claim {asked.claim}" if asked.claim else ""
    return Section(
        "commands",
        "The same numbers again",
        (
            Prose(
                (
                    "STORE is where the trials are. This file, its numbers against the ledger, the comparison, and any "
                    "SQL that stands below a table:",
                )
            ),
            Prose(
                (
                    f"sweep report {store} {compared} --output report.html",
                    f"sweep report {store} --check report.html",
                    f"sweep compare {store} {compared}",
                    f"sweep query {store} {options} 'SQL'",
                    f"sweep plot {store} differences {compared} --output differences.pdf",
                ),
                "command",
            ),
        ),
    )
