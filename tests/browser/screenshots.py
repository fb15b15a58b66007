"""Pictures of a report for docs/: `python -m tests.browser.screenshots report.html --output docs/pictures`.

In the light, in the dark, on a phone, and the first page of a print (with poppler's pdftoppm, where that is there).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browser.opened import PHONE, Opened, chromium

WIDE = {"width": 1200, "height": 1500}


def main() -> None:
    """Opens the report in each way and writes what is to be seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="as `sweep report` writes it")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"), help="a folder")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        if isinstance(browser, str):
            sys.exit(browser)
        for name, options in (
            ("light", {"viewport": WIDE, "color_scheme": "light"}),
            ("dark", {"viewport": WIDE, "color_scheme": "dark"}),
            ("phone", {"viewport": PHONE, "color_scheme": "light"}),
        ):
            _shoot(browser, arguments.report, arguments.output / f"report-{name}.png", options)
        _print(browser, arguments.report, arguments.output / "report-print.png")


def _shoot(browser: Any, report: Path, file: Path, options: dict[str, Any]) -> None:
    opened = Opened(browser, report, **options)
    opened.page.screenshot(path=file)
    opened.close()
    print(f"{file} ({file.stat().st_size / 1000:.0f} kB)")


def _print(browser: Any, report: Path, file: Path) -> None:
    if shutil.which("pdftoppm") is None:
        print("no picture of the print: apt-get install poppler-utils")
        return
    opened = Opened(browser, report)
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "report.pdf"
        opened.page.pdf(path=pdf, prefer_css_page_size=True, print_background=True)
        subprocess.run(
            ["pdftoppm", "-png", "-r", "80", "-f", "1", "-l", "1", "-singlefile", pdf, file.with_suffix("")], check=True
        )
    opened.close()
    print(f"{file} ({file.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main()
