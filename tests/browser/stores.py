"""Stores to make reports of, and what somebody could have written into one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweep.planning.plan import Study
from sweep.report.source import Source
from tests.simulated import End, Truth, simulated
from trainables.spec import TrialSpec
from trainables.store import Store


def small(folder: Path) -> Store:
    """Three conditions, three targets, three seeds, four languages. One trial fails."""

    def ends(study: Study, spec: TrialSpec) -> End:
        hit = (study.condition, spec.phase, spec.seed, study.training_set) == ("squad", "target", 3, "udpos")
        return "failed" if hit else "well"

    return simulated(
        folder,
        Truth(gains={"mnli": {"xnli": 20.0}, "squad": {"tatoeba": -20.0}}, seeds=0.5, apart=0.1, intermediate=0.2),
        examples=80,
        ends=ends,
        name="english-or-not",
        data="mock",
        conditions=["none", "mnli", "squad"],
        targets=["xnli", "udpos", "tatoeba"],
        languages=["en", "de", "sw", "ar"],
        seeds=[1, 2, 3],
        trials={"intermediate": 2, "target": 4},
        search_space="paper",
    ).store


NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)> ]]> javascript:alert(3) \u202e\x1b[2J \u200f"
"""What would run, break out of its place, or turn the direction of the page."""

WORDS = frozenset(
    (
        "condition", "target", "language", "subject", "error", "device", "training_set", "note", "notes", "metric",
        "example", "texts", "gold", "before", "after", "host", "command", "git_commit",
    )
)  # fmt: skip
"""Fields that hold what somebody wrote."""


def nasty(source: Source) -> Source:
    """The same answers of a store, with something nasty at the end of each of somebody's words."""
    found = {field.name: _nasty(getattr(source, field.name)) for field in dataclasses.fields(source)}
    return dataclasses.replace(source, **{**found, "kept": source.kept, "asked": source.asked})


def _nasty(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return f"{value} {NASTY}" if name in WORDS else value
    if isinstance(value, Mapping):
        return {key: _nasty(one, key) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_nasty(one, name) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _nasty(getattr(value, field.name), field.name) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value
