"""A job on the cluster, followed from here: shown as `sweep run` would be here. The line may break."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from sweep.console import Console
from sweep.running.launch.head import BROKEN, Head, NoSshError

if TYPE_CHECKING:
    from ray.dashboard.modules.job.pydantic_models import JobDetails
    from ray.job_submission import JobSubmissionClient

BACKLOG = 20
"""Lines of what was said before that are shown when somebody comes back."""

REDRAW = 2.0
"""Seconds between two looks at the run's live view."""

PAUSE = 5.0
"""Seconds between two attempts to reach the head node again."""

AWAY = 1800.0
"""Seconds after which a head node that does not answer is given up."""

OF_RAY = re.compile(r"Running entrypoint for job .*|Runtime env .*|.*\tINFO .*")
"""Lines that Ray writes into a job's log."""

OF_A_TRIAL = re.compile(r"\d\d:\d\d:\d\d \d+/\d+ .*")
"""Lines that a run writes where nobody sees its live view."""


class GaveUpError(Exception):
    """The head node has not answered for too long, with the reason."""


class Screen:
    """What of the job is shown: the lines of its log and, on a terminal, the live view in place of a line per trial.

    Args:
        comes_back: whether somebody has seen it before: of what was said until now only the end is shown.
    """

    def __init__(self, console: Console, comes_back: bool = False) -> None:
        self.console = console
        self._comes_back = comes_back
        self._shown = 0
        self._line = ""
        self._view = Text()

    @contextmanager
    def live(self) -> Iterator[None]:
        """On a terminal the view stands below the lines, as long as the context lasts."""
        if not self.console.is_terminal:
            yield
            return
        with Live(get_renderable=lambda: self._view, console=self.console, refresh_per_second=2, transient=True):
            yield

    def say(self, log: str) -> None:
        """The log so far: what is new of it is shown."""
        if self._comes_back:
            self._shown = len(log) - len("".join(log.splitlines(keepends=True)[-BACKLOG:]))
            self._comes_back = False
        new, self._shown = log[self._shown :], max(self._shown, len(log))
        *lines, self._line = (self._line + new).split("\n")
        for line in (whole.rstrip("\r").rpartition("\r")[2] for whole in lines):  # bars overwrite themselves
            is_in_view = self.console.is_terminal and OF_A_TRIAL.fullmatch(line)
            if not is_in_view and not OF_RAY.fullmatch(line):
                self.console.say(line)

    def end(self, log: str) -> None:
        """The whole log: nothing comes after it, not even the end of its last line."""
        self.say(log)
        if self._line:
            self.say(log + "\n")

    def draw(self, view: str) -> None:
        """The run's live view, as it drew it."""
        self._view = Text.from_ansi(view)

    def note(self, text: str) -> None:
        """A word about the line, not of the job."""
        self.console.say(text, style="dim")


def follow(reach: Callable[[], AbstractContextManager[Head]], job: str, screen: Screen) -> JobDetails:
    """Shows a job until it has ended.

    Args:
        reach: a new line to the head node; the old one may be gone, with the network or a closed laptop.

    Raises:
        GaveUpError: there is none for a long time.
    """
    away: float | None = None
    while True:
        try:
            with reach() as head, screen.live():
                client = head.jobs()
                if client is None:
                    raise NoSshError("Ray's dashboard does not answer")
                if away is not None:
                    screen.note("The head node answers again.")
                away = None
                screen.say(client.get_job_logs(job))
                asyncio.run(_show(client, job, screen))
                details = client.get_job_info(job)
                if details.status.is_terminal():
                    screen.end(client.get_job_logs(job))
                    return details
                raise NoSshError("the connection broke")
        except (*BROKEN, NoSshError) as error:
            reason = str(error).partition("\n")[0]
            if away is None:
                away = time.monotonic()
                screen.note(f"The head node is out of reach ({reason}); the sweep goes on there. Trying again ...")
            if time.monotonic() - away > AWAY:
                raise GaveUpError(reason) from None
            time.sleep(PAUSE)


async def _show(client: JobSubmissionClient, job: str, screen: Screen) -> None:
    """Until the log ends, or the line breaks."""
    drawing = asyncio.create_task(_draw(client, job, screen))
    log = ""
    try:
        async for part in client.tail_job_logs(job):
            log += part
            screen.say(log)
    except BROKEN:
        return  # the job's state says whether it has ended
    finally:
        drawing.cancel()
        with suppress(asyncio.CancelledError):
            await drawing


async def _draw(client: JobSubmissionClient, job: str, screen: Screen) -> None:
    """Where there is a terminal: the file that the run draws its view into, again and again."""
    while screen.console.is_terminal:
        with suppress(*BROKEN):
            screen.draw(await asyncio.to_thread(_view, client, job))
        await asyncio.sleep(REDRAW)


def _view(client: JobSubmissionClient, job: str) -> str:
    node = client.get_job_info(job).driver_node_id
    name = f"job-driver-{job}.log.view"
    answer = client._do_request("GET", f"/api/v0/logs/file?node_id={node}&filename={name}&lines=-1")
    return str(answer.text) if answer.status_code == 200 else ""
