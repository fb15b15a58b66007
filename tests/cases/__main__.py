"""Reads every case, and prints what became of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.cases.case import expected, outcome


def main() -> None:
    folder = Path(os.environ.get("SWEEP_TEST_DATA", "../shared/data")).parent / "cases"
    if not folder.is_dir():
        raise SystemExit(f"there is no folder {folder}: set SWEEP_TEST_DATA to the folder beside it")
    wrong = 0
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SWEEP_CACHE"] = cache  # what was found right before is read again
        cases = list(expected())
        for case in cases:
            is_right, found = outcome(case, folder)
            wrong += not is_right
            shown = found.replace(f"{folder}/", "").replace("\n", "\n        ")
            print(f"{'right' if is_right else 'WRONG'}  {case.name}\n        {shown[:600]}")
    print(f"{len(cases)} cases, {wrong} wrong")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
