"""Odd files of people who do this job: each is read right, or refused with a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.case import Case, expected, outcome


@pytest.mark.parametrize("case", list(expected()), ids=lambda case: case.name)
def test_a_field_case_is_read_right_or_refused(
    case: Case, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path))  # what was found right before is read again
    folder = shared_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"there is no folder of cases at {folder}")
    is_right, found = outcome(case, folder)
    assert is_right, found
