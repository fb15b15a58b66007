"""What became of one command: a valid answer, or a refusal that says what is wrong. There is no other right end."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sweep.cli import main
from trainables.errors import UserError

PATIENCE = 20
"""Seconds after which a command hangs: none of these has more than a few lines to read."""

RIGHT = ("answered", "refused")
"""The verdicts that an input may get."""


@dataclass(frozen=True)
class Verdict:
    """How a command ended, and what it said."""

    name: str
    said: str

    @property
    def is_right(self) -> bool:
        """Whether a command may end like that."""
        return self.name in RIGHT


class _Stream(io.TextIOWrapper):
    """Where a command writes, texts and bytes, as to a file."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding="utf-8", errors="backslashreplace", write_through=True)

    @property
    def text(self) -> str:
        """All that was written."""
        return self._bytes.getvalue().decode("utf-8", "backslashreplace")


class _Hang(BaseException):
    """No `except Exception` on the way catches it."""


def judge(arguments: Sequence[str], names: str = "", read: Callable[[], object] | None = None) -> Verdict:
    """Runs a command in this process.

    Args:
        read: instead of a command that would go on to machines, the part of it that reads.
        names: what a refusal must say, such as the file that is wrong.
    """
    out, err = _Stream(), _Stream()
    try:
        with _patience(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _run(arguments) if read is None else _code(read)
    except _Hang:
        return Verdict("hang", f"after {PATIENCE} s:\n{err.text}")
    except Exception:
        return Verdict("traceback", traceback.format_exc())
    said = err.text
    if "Traceback (most recent call last)" in said + out.text:
        return Verdict("traceback", said + out.text)
    if code == 0:
        return Verdict("answered", out.text)
    if not said.strip() and not out.text.strip():
        return Verdict("silence", f"exit {code}")
    if code == 2 and names not in said:
        return Verdict("vague", said)
    return Verdict("refused", said) if code in (1, 2) else Verdict(f"exit {code}", said)


def _run(arguments: Sequence[str]) -> int:
    before, sys.argv = sys.argv, ["sweep", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
    return 0


def _code(read: Callable[[], object]) -> int:
    try:
        read()
    except UserError as error:
        sys.stderr.write("".join(f"error: {one}\n" for one in error.problems))
        return 2
    return 0


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise _Hang

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
