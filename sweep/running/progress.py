"""What a person sees of a run: one printer for all console output, live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from sweep.console import Console, counted, styled
from sweep.ledger import Entry
from sweep.planning.history import KeptPlan
from sweep.planning.plan import Plan, Study
from sweep.planning.precision import Chosen
from sweep.search import Search
from trainables.errors import Problem
from trainables.spec import TrialSpec
from trainables.store import DAMAGED

SHOWN_PAIRS = 12
"""Rows of the table of pairs; the ones that changed last are shown."""

RECENT = 100
"""The last trials of a phase, which say how long the next ones take."""


PATIENCE = 60.0
"""Seconds that a trial waits for a worker group before it is said why."""

REMINDING = 600.0
"""Seconds after which it is said again where there is no live view."""


@dataclass
class _Running:
    """A trial that was handed out. `since`: when; and from when it `waits` for a worker group no more: since then."""

    study: Study
    spec: TrialSpec
    since: float
    waits: bool = True
    progress: float = 0.0
    objective: float | None = None


class Progress:
    """The state of a run, and how it is shown.

    Args:
        console: where to. On a terminal a view of at most 80 columns is kept up to date; elsewhere every finished
            trial is a line.

    Attributes:
        slots: how many trials run at once.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._running: dict[str, _Running] = {}
        self._best: dict[str, tuple[float, TrialSpec]] = {}
        self._seconds: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT))  # by phase
        self._total = self._done = self._failed = 0
        self._counts: dict[str, tuple[int, int]] = {}  # by study: trials that have ended, and all
        self._to_run: Counter[str] = Counter()  # by phase
        self._left: float | None = None
        self.slots = 1
        self._waits: str | None = None
        self._reminded = float("-inf")
        self._begun = time.monotonic()
        self._plan: Plan | None = None
        self._search: Search | None = None

    def describe(self) -> dict[str, Any]:
        """What other commands may know of the run while it goes on. Read by another thread, as `view` is."""
        running = [
            {"trial_id": trial_id, "study": one.study.name, "settings": settings(one.spec), "progress": one.progress}
            for trial_id, one in list(self._running.items())
            if not one.waits
        ]
        name = self._plan.experiment if self._plan else None
        return {"experiment": name, "slots": self.slots, "running": running, "waits": self._waits}

    def wait_for(self, other: Mapping[str, Any]) -> None:
        """Another run's hold on the store is looked at."""
        who = f"process {other['pid']} on {other['host']}"
        self.console.say(f"Another run ({who}) has not given the store back; watching whether it lives.", style="dim")

    def set_aside(self, problems: Sequence[Problem]) -> None:
        """Files of the store are not what they should be, and were moved out of the way."""
        for problem in problems:
            self.console.say(styled("set aside", "yellow"), f"into {DAMAGED}/: {problem}")

    def warn(self, problems: Iterable[Problem]) -> None:
        """Says what is odd, and keeps nothing from running."""
        for one in problems:
            self.console.say(styled("warning:", "yellow"), str(one))

    def replaces(self, before: KeptPlan | None) -> None:
        """The experiment had another plan in the store until now: its results are no longer those of the name."""
        if before is not None:
            name = f"{before.plan.experiment}@{before.hash}"
            told = f"Another plan than before; the results of that one: --experiment {name}"
            self.console.say(told, style="dim")

    def earlier(self, trials: int) -> None:
        """Trials in the store do not count, as the training maths has changed since."""
        if trials:
            self.console.say(not_counted(trials), style="dim")

    def chose(self, precision: Chosen) -> None:
        """The experiment leaves its precision to the machine."""
        self.console.say(str(precision))

    @contextmanager
    def running(self, plan: Plan, search: Search, log: str) -> Iterator[None]:
        """Shows the run as long as the context lasts."""
        self._plan, self._search = plan, search
        self._counts.clear()
        self._count(study.name for study in plan.studies)
        self._begun = time.monotonic()
        kept = f", {self._done} of them in the store already" if self._done else ""
        trials, studies = counted(self._total, "trial"), counted(len(plan.studies), "study")
        self.console.say(f"{plan.experiment}: {trials} in {studies}{kept}")
        self.console.say(f"Ray's own messages: {log}", style="dim")
        if self.console.is_terminal:
            view = Live(
                get_renderable=self.view,
                console=self.console,
                refresh_per_second=2,
                transient=True,
                redirect_stdout=False,  # what others print goes to the log
                redirect_stderr=False,
            )
            with view:
                yield
        else:
            yield

    def room(self, slots: int) -> None:
        """There is room for so many trials at once, from now on."""
        self.slots = slots
        self.console.say(f"{counted(slots, 'trial')} at a time")

    def look(self, slots: int, need: str, why: Callable[[], str]) -> None:
        """What became of the cluster's room. Called by another thread every few seconds.

        Args:
            need: what a trial needs, in words.
            why: asked, where trials wait for long, for what may be the reason.
        """
        if slots != self.slots:
            self.room(slots)
        now = time.monotonic()
        since = [one.since for one in list(self._running.values()) if one.waits and now - one.since >= PATIENCE]
        if not since:
            self._waits, self._reminded = None, float("-inf")
            return
        trials = counted(len(since), "trial waits", "trials wait")
        self._waits = f"{trials} for {need} for {(now - min(since)) / 60:.0f} min: {why()}"
        if not self.console.is_terminal and now - self._reminded >= REMINDING:
            self._reminded = now
            self.console.say(self._waits)

    def started(self, study: Study, spec: TrialSpec) -> None:
        """A trial was handed out."""
        self._running[spec.trial_id] = _Running(study, spec, time.monotonic())

    def begun(self, trial_id: str) -> None:
        """A worker group has the trial."""
        if running := self._running.get(trial_id):
            running.waits, running.since = False, time.monotonic()

    def reported(self, trial_id: str, result: dict[str, Any]) -> None:
        """A trial finished an epoch, or an evaluation a language."""
        running = self._running.get(trial_id)
        if running is not None and result.get("progress") is not None:
            running.progress, running.objective = result["progress"], result.get("objective")

    def starts_again(self, study: Study, spec: TrialSpec, error: str) -> None:
        """A trial was ended by something else than itself."""
        self._running.pop(spec.trial_id)
        reason = error.splitlines()[0]
        self.console.say(styled("starts again", "yellow"), f"{study.name} {settings(spec)}: {reason}")

    def finished(self, study: Study, entry: Entry) -> None:
        """A trial is in the ledger."""
        running = self._running.pop(entry.spec.trial_id)
        seconds = time.monotonic() - running.since
        self._seconds[study.phase].append(seconds)
        assert self._search is not None  # set when the run began
        self._count(self._search.family(study))
        if entry.error:
            self._failed += 1
            reason = entry.error.splitlines()[0]
            self.console.say(styled("failed", "red"), f"{study.name} {settings(entry.spec)}: {reason}")
        elif entry.objective is not None and entry.objective >= self._best.get(study.name, (-1.0,))[0]:
            self._best.pop(study.name, None)  # what changed last stands last
            self._best[study.name] = entry.objective, entry.spec
        if not self.console.is_terminal and not entry.error:
            score = f"dev {entry.objective:.1f}" if entry.objective is not None else counted(len(entry.scores), "score")
            score = "pruned" if entry.pruned else f"{score}, no better than chance" if entry.collapsed else score
            self.console.say(
                f"{datetime.now():%H:%M:%S} {self._done}/{self._total} {study.name} {settings(entry.spec)} "
                f"{score} in {seconds:.0f} s"
            )

    def view(self) -> RenderableType:
        """The live view. Drawn by another thread, so it reads numbers and leaves the search alone."""
        went = _duration(time.monotonic() - self._begun)
        head = Table.grid(padding=(0, 1))
        head.add_row(
            ProgressBar(total=max(1, self._total), completed=self._done, width=30),
            f"{self._done}/{counted(self._total, 'trial')}",
            f"{self._failed} failed" if self._failed else "",
            went,
            f"about {_duration(self._left)} left" if self._left is not None else "",
        )
        running = Table(box=None, padding=(0, 1), title_justify="left", title="running")
        for name, width in (("study", 30), ("settings", 24), ("done", 5), ("dev", 5), ("time", 8)):
            running.add_column(name, max_width=width, no_wrap=True, overflow="ellipsis", justify="left")
        for one in list(self._running.values()):
            dev = f"{one.objective:.1f}" if one.objective is not None else ""
            since = _duration(time.monotonic() - one.since)
            done = "waits" if one.waits else f"{one.progress:.0%}"
            running.add_row(one.study.name, settings(one.spec), done, dev, since)
        best = Table(box=None, padding=(0, 1), title_justify="left", title="best so far, English development score")
        for name, width in (("study", 36), ("settings", 28), ("dev", 6)):
            best.add_column(name, max_width=width, no_wrap=True, overflow="ellipsis")
        for name, (objective, spec) in list(self._best.items())[-SHOWN_PAIRS:]:
            best.add_row(name, settings(spec), f"{objective:.1f}")
        waits = [styled(self._waits, "yellow")] if self._waits else []
        return Group(head, running, *waits, best) if self._best else Group(head, running, *waits)

    def _count(self, changed: Iterable[str]) -> None:
        """Counts what is in the ledger, and from the trials of each phase so far how long the rest will take."""
        assert self._plan is not None and self._search is not None  # set when the run began
        for name in changed:
            study = self._plan.study(name)
            ended, planned = len(self._search.ended(study)), self._search.planned(study)
            before = self._counts.get(name, (0, 0))
            self._counts[name] = ended, planned
            self._done += ended - before[0]
            self._total += planned - before[1]
            self._to_run[study.phase] += planned - ended - (before[1] - before[0])
        every = [seconds for ones in self._seconds.values() for seconds in ones]
        left = 0.0
        for phase, trials in self._to_run.items():
            known = self._seconds.get(phase) or every
            left += trials * sum(known) / max(1, len(known))
        self._left = left / self.slots if every else None


def not_counted(trials: int) -> str:
    """What is said of trials of an earlier version of the training maths."""
    are = counted(trials, "trial in the store is", "trials in the store are")
    return f"{are} of an earlier version of the training maths; what this plan needs of them runs again"


def settings(spec: TrialSpec) -> str:
    """A trial's hyper-parameters in a few letters."""
    if spec.phase == "evaluate":
        return counted(len(spec.languages), "language")
    return f"lr {spec.learning_rate:.1e} ep {spec.epochs} seed {spec.seed}"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
