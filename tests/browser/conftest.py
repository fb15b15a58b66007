"""The report in a browser: Debian's Chromium, driven by playwright. Skipped where either is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep.report.page import html, page
from sweep.report.source import Asked, read
from tests.browser.opened import Opened, chromium
from tests.browser.stores import nasty, small


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium.

    It ends with its module: while playwright's is open, `asyncio` believes that a loop runs in this thread, and tests
    of other modules cannot start theirs.
    """
    with chromium() as found:
        if isinstance(found, str):
            pytest.skip(found)
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a small store; beside it `nasty.html`, whose ledger somebody has filled with scripts."""
    folder = tmp_path_factory.mktemp("report")
    source = read(small(folder), Asked(""))
    for name, one in (("report", source), ("nasty", nasty(source))):
        (folder / f"{name}.html").write_text(html(page(one)), encoding="utf-8")
    return folder / "report.html"


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Callable[..., Opened]]:
    """Opens the report, with what the browser's context takes. Whatever it says or asks for is a failure."""
    all_opened: list[Opened] = []

    def open_it(name: str = "report", **options: Any) -> Opened:
        all_opened.append(Opened(browser, report.with_name(f"{name}.html"), **options))
        return all_opened[-1]

    yield open_it
    for one in all_opened:
        one.close()
        assert one.complaints == []
        assert one.requests == [one.file.as_uri()]
