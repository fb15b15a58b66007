"""What the tests of readers share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Save = Callable[[str | bytes], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a file and returns its path; every call overwrites it."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "dev-de.tsv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
