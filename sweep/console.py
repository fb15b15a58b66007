"""How things are said: text is shown as it is. No part of it is markup, and none of it gives a terminal orders."""

from __future__ import annotations

import re
import sys
from typing import Any

from rich import console
from rich.text import Text

ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys instead of showing it, or cannot show: control characters, of 8 bits too, what ends a line or
turns the direction of text, halves of characters. Tabs and line ends are layout.
"""

WIDE = 10_000
"""Columns where nobody says how many there are: in files and pipes no table is broken."""


class Console(console.Console):
    """A place where people read: a terminal, or a file instead. All words for them go through one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)
        if not self.is_terminal and "width" not in options:
            self.width = WIDE

    def say(self, *text: str | Text, style: str | None = None) -> None:
        """Words, whose lines are not broken, so that they can be searched and pasted. Tables are for `print`."""
        self.print(*text, style=style, soft_wrap=True)

    def render_str(self, text: str, **how: Any) -> Text:
        """Rich comes by here with every string, those in tables too."""
        return super().render_str(visible(text), **{**how, "markup": False, "emoji": False, "highlight": False})


def styled(text: str, style: str) -> Text:
    """Text in a colour."""
    return Text(visible(text), style)


def visible(text: str) -> str:
    r"""The text with what a terminal would obey spelt out: `\x1b[2J` has seven characters then."""
    return ORDERS.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if found[0] <= "\xff" else f"\\u{ord(found[0]):04x}", text
    )


def counted(number: float, noun: str, plural: str | None = None) -> str:
    """`1 trial`, `2 trials`, `1,000 studies`; with a plural of one's own `1 trial is`, `2 trials are`."""
    several = plural or (f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s")
    shown = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{shown} {noun if number == 1 else several}"


def hand_out(content: str) -> None:
    """What scripts read goes to standard output as it is, in UTF-8 whatever the terminal's language.

    A terminal itself is no script, and gets no orders.
    """
    if sys.stdout.isatty():
        content = visible(content)
    sys.stdout.flush()
    sys.stdout.buffer.write(content.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()
