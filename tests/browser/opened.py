"""A file, opened in headless Chromium, and everything that it says or asks for."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser, or why there is none."""
    program = shutil.which("chromium")
    if program is None:
        yield "there is no chromium: apt-get install chromium"
        return
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        yield "there is no playwright: pip install playwright"
        return
    with sync_playwright() as playwright:
        # Root has no sandbox, as in a container; the file is our own.
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


class Opened:
    """A file in a browser.

    Attributes:
        file: what was opened.
        page: playwright's.
        complaints: what was written to the console, and errors that nobody caught.
        requests: the URLs that were asked for, its own among them.
    """

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.file = file.resolve()
        self._context = browser.new_context(**{"viewport": WIDE, **options})
        self.page = self._context.new_page()
        self.page.set_default_timeout(10_000)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url.partition("#")[0]))
        self.page.goto(self.file.as_uri())

    def close(self) -> None:
        """Closes it."""
        self._context.close()

    def column(self, table: str, place: int) -> list[str]:
        """The words of a column (from 0) in the rows that are to be seen."""
        rows = self.page.locator(f"#{table} tbody tr:visible")
        return [row.locator("td, th").nth(place).inner_text().strip() for row in rows.all()]
