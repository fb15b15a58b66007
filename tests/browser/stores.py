"""Stores to make reports of: real searches, drivers and ledgers; how trials end is made up."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from sweep.planning.plan import Study
from tests.unit.test_driver import Rig
from tests.unit.test_views import play
from trainables.spec import TrialSpec
from trainables.store import Store

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)> ]]> javascript:alert(3) \u202e\x1b[2J \u200f"
"""What would run, break out of its place, or turn the direction of the page."""


def small(folder: Path) -> Store:
    """Three conditions, three targets, three seeds; one trial fails with an error that would be a script."""

    def value(study: Study, spec: TrialSpec, language: str, split: str) -> float:
        draw = random.Random(f"{study.condition} {spec.tasks} {language} {spec.seed} {split}")
        gain = {"none": 0, "mnli": 3, "squad": -2}[study.condition]
        return 60 + len(language) + gain + draw.gauss(0, 1)

    def ends(study: Study, spec: TrialSpec) -> dict[str, Any]:
        hit = (study.condition, spec.phase, spec.seed, study.training_set) == ("squad", "target", 3, "udpos")
        return {"error": f"RuntimeError: {NASTY}"} if hit else {}

    rig = Rig(
        folder,
        name="english-or-not",
        data="mock",
        conditions=["none", "mnli", "squad"],
        targets=["xnli", "udpos", "tatoeba"],
        languages=["en", "de", "sw", "ar"],
        seeds=[1, 2, 3],
        trials={"intermediate": 2, "target": 4},
    )
    return play(rig, value, ends).store
