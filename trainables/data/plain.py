"""Plain text: each line is an example."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.data.examples import PlainText
from trainables.data.findings import Findings
from trainables.data.lines import read_lines, stem_of


def read_texts(path: Path, options: Mapping[str, Any]) -> list[PlainText]:
    """The lines of a file that are not blank, called after it and their number. Option: `encoding`.

    Raises:
        UserError: the file cannot be read, or is no text.
    """
    lines = read_lines(path, Findings(path), options.get("encoding", "utf-8"))
    stem = stem_of(path)
    return [PlainText(f"{stem}-{number}", line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
