"""Values as people read them: numbers of a column rounded alike, and text that is text and nothing else."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sweep.console import visible

Row = Sequence[Any]

DIGITS = 4
"""Digits that the largest number of a column is shown with, if it has so many: 86.67, 1234, 0.05."""

SMALLEST = 1e-3
"""A column whose numbers are all smaller, such as learning rates, is written with powers of ten."""

MARKDOWN = str.maketrans({char: f"\\{char}" for char in "\\`*_[]|~$"} | {char: html.escape(char) for char in "&<>"})
"""What has a meaning in CommonMark, in GitHub's tables, strikethrough and formulas; as entities, HTML is none."""

LATEX = str.maketrans(
    {char: f"\\{char}" for char in "&%$#_{}"}
    | {
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "`": r"\textasciigrave{}",
        '"': r"\textquotedbl{}",
    }
)
"""What LaTeX takes for an order, and what it shows as another character."""

LIGATURES = re.compile("-(?=-)|'(?=')|,(?=,)")
"""What LaTeX draws together with what follows: a dash, or a quotation mark."""


def readable(columns: int, rows: Sequence[Row]) -> list[list[str]]:
    """The cells of rows as text; the floats of a column have the same decimals."""
    texts = [[*_column([row[place] for row in rows])] for place in range(columns)]
    return [list(row) for row in zip(*texts, strict=True)] if columns else [[] for _ in rows]


def of_numbers(columns: int, rows: Sequence[Row]) -> list[bool]:
    """Which columns have numbers, or nothing."""
    return [all(_is_number(row[place]) or row[place] is None for row in rows) for place in range(columns)]


def markdown(text: str) -> str:
    """A cell of a pipe table; its line ends are `<br>`."""
    return _shown(text).translate(MARKDOWN).replace("\n", "<br>").replace("\t", " ")


def latex(text: str) -> str:
    """A cell of a tabular, on one line."""
    shown = re.sub(r"[\t\n]", " ", _shown(text)).translate(LATEX)
    return LIGATURES.sub(r"\g<0>{}", shown)


def in_html(text: str) -> str:
    """The text of an element, or an attribute's in quotes."""
    return html.escape(_shown(text))


def _shown(text: str) -> str:
    """Text with one kind of line end, and nothing that a terminal would obey."""
    return visible(text.replace("\r\n", "\n").replace("\r", "\n"))


def _column(values: Sequence[Any]) -> list[str]:
    numbers = [abs(value) for value in values if isinstance(value, float) and math.isfinite(value)]
    shown = _decimals(numbers)
    return [_text(value, shown) for value in values]


def _decimals(numbers: Sequence[float]) -> int | None:
    """Places behind the point, as many as the numbers need; None where they are better written with powers of ten."""
    largest = max(numbers, default=0.0)
    if largest == 0:
        return 0
    if largest < SMALLEST:
        return None
    most = min(max(DIGITS - 1 - math.floor(math.log10(largest)), 0), 6)
    return max(len(f"{number:.{most}f}".partition(".")[2].rstrip("0")) for number in numbers)


def _text(value: Any, decimals: int | None) -> str:
    match value:
        case None:
            return ""
        case float() if not math.isfinite(value):
            return str(value)
        case float():
            text = f"{value:.3g}" if decimals is None else f"{value:.{decimals}f}"
            return f"{value:.2g}" if value and not float(text) else text
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}" + ("Z" if value.tzinfo is not None else "")
        case list() | tuple():
            return f"[{', '.join(_text(one, None) for one in value)}]"
        case dict():
            return f"{{{', '.join(f'{key}: {_text(one, None)}' for key, one in value.items())}}}"
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
