"""Cases of a kind, tried one by one: the same seed tries the same ones."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

import hypothesis

from tests.fuzz.inputs import KINDS, Case
from tests.fuzz.judge import Verdict, judge


def attempts(kind: str, number: int, seed: int) -> list[tuple[Case, Verdict, float]]:
    """So many cases of a kind, what became of each, and the seconds that it took."""
    found: list[tuple[Case, Verdict, float]] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(KINDS[kind]())
    def attempt(case: Case) -> None:
        begun = time.monotonic()
        found.append((case, tried(case), time.monotonic() - begun))

    attempt()
    return found


def tried(case: Case) -> Verdict:
    """What becomes of a case in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="sweep-fuzz-") as folder:
        names = case.names.replace("{folder}", folder)
        command = case.command(Path(folder))
        for path in Path(folder).glob("*.yaml"):
            path.write_bytes(path.read_bytes().replace(b"{folder}", folder.encode()))
        read = None if case.read is None else partial(case.read, Path(folder))
        return judge(command, names, read)
