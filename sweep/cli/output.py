"""Where a command writes to, looked at before it begins its work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.errors import Problem, UserError
from trainables.store import LONGEST_NAME

if TYPE_CHECKING:
    import pyarrow as pa


def check_folders(folders: Iterable[Path]) -> None:
    """Raises UserError for folders that can have no such names."""
    _refuse(problem for folder in folders for problem in _of_names(folder))


def check_file(file: Path) -> None:
    """Raises UserError where no file can be written."""
    problems = list(_of_names(file))
    if not problems and file.is_dir():
        problems.append(Problem(f"'{file}' is a folder", hint=f"name a file in it: {file / 'result'}"))
    elif not problems and not file.parent.is_dir():
        problems.append(Problem(f"there is no folder '{file.parent}'", hint=f"make it: mkdir -p '{file.parent}'"))
    _refuse(problems)


def check_output(output_format: str, output: Path | None) -> None:
    """Raises UserError where a result cannot be written, or not to a terminal."""
    if output_format == "parquet" and output is None:
        _refuse([Problem("Parquet is not for a terminal", hint="give --output FILE")])
    if output is not None:
        check_file(output)


def deliver(table: pa.Table, output_format: str, output: Path | None) -> None:
    """A result in the format that was asked for, to a file or to whoever reads. Raises UserError."""
    import pyarrow.parquet as pq

    from sweep.console import hand_out
    from sweep.results.tables import FORMATS

    if output is None:
        hand_out(FORMATS[output_format](table))
        return
    try:
        if output_format == "parquet":
            pq.write_table(table, output)
        else:
            output.write_bytes(FORMATS[output_format](table).encode())
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {error.strerror}", str(output))) from error


def _of_names(path: Path) -> Iterable[Problem]:
    if any(char < " " or "\x7f" <= char < "\xa0" for char in str(path)):
        yield Problem(f"'{path}' has control characters in its name", hint="give a name of letters and digits")
    longest = max((part for part in path.parts), key=_bytes, default="")
    if _bytes(longest) > LONGEST_NAME:
        message = f"'{longest[:20]}...' is no name of a file: it has {_bytes(longest)} bytes"
        yield Problem(message, hint=f"at most {LONGEST_NAME}; letters beyond a to z have two and more")


def _bytes(name: str) -> int:
    return len(os.fsencode(name))


def _refuse(problems: Iterable[Problem]) -> None:
    if found := list(problems):
        raise UserError(found)
