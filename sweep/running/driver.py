"""Between Tune and the search: hands out trials, deals with what goes wrong, writes what comes back into the ledger."""

from __future__ import annotations

import errno
import math
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sweep.experiment import Experiment
from sweep.ledger import PART_TRIALS, Entry, Ledger
from sweep.planning.plan import Study
from sweep.running.progress import Progress
from sweep.search import Search
from trainables.errors import Problem, UserError
from trainables.spec import TrialSpec
from trainables.store import checkpoint_name, state_name, trials_in

if TYPE_CHECKING:
    from sweep.running.lease import Lease
    from sweep.running.stop import Stop
    from trainables.workers.messages import Message

PAUSE = 1.0
"""Seconds before a trial that a fault ended is started again; four times as long after each further fault."""

MOST_HALVINGS = 12
"""Halvings of the micro-batch, for want of memory, after which a trial has failed."""

LEFT_BEHIND = 30.0
"""Seconds without a byte after which a file that is being written has lost its writer."""

WRITING_ATTEMPTS = 5
"""How often the ledger is written, with growing pauses, before the run stops."""


_REPORTED = (
    "objective", "curve", "collapsed", "startup_seconds", "examples_per_second", "features", "tokens", "device",
    "steps", "trained", "resumed", "halvings", "micro_batch_tokens", "losses", "host",
    "workers", "peak_memory", "scores", "predictions",
)  # fmt: skip
"""What a trial's last report and its entry in the ledger have in common."""


class Driver:
    """One run's side of the search.

    Attributes:
        started, collapsed: how many trials this run started, and how many of them ended at chance.
        needed_elsewhere: trials whose weights other experiments of the store need.
        lease: the run's hold on the store, once it has one.
        stop: what signals ask for, once somebody listens.
        stopped: why the run must stop, once it must.
        slots: how many trials may be handed out at once, at this moment.
        run: by which of the store's runs trials are made (`sweep.ledger.runs`).
        on_entry: called with each trial that the ledger has got.
    """

    def __init__(self, experiment: Experiment, search: Search, ledger: Ledger, progress: Progress) -> None:
        self.experiment, self.search, self.ledger, self.progress = experiment, search, ledger, progress
        self.started = self.collapsed = 0
        self.needed_elsewhere: set[str] = set()
        self.lease: Lease | None = None
        self.stop: Stop | None = None
        self.stopped: Exception | None = None
        self.slots: Callable[[], float] = lambda: math.inf
        self.run: str | None = None
        self.on_entry: Callable[[Entry], object] = lambda entry: None
        self._begun: dict[str, float] = {}
        self._attempts: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._halvings: Counter[str] = Counter()
        self._pausing: dict[str, float] = {}
        self._dropped: set[str] = set()
        self._made_again: dict[str, float] = {}  # when the weights of a trial were, in seconds since the epoch
        self._written = 0

    def next(self) -> tuple[str, dict[str, Any]] | None:
        """The next trial's id and what its Tune trial is told, or None if there is none for now.

        Raises:
            UserError: the run must stop.
        """
        self.check()
        for trial_id, until in list(self._pausing.items()):
            if time.monotonic() >= until:
                del self._pausing[trial_id]
                self.search.release(trial_id)
        if len(self.search.running) - len(self._pausing) >= self.slots():
            return None
        found = self.search.next()
        if found is None:
            return None
        study, spec = found
        self.started += 1
        self._attempts[spec.trial_id] += 1
        self._begun[spec.trial_id] = time.time()
        self.progress.started(study, spec)
        asks = study.pruner is not None and bool(self.search.rivals(study, spec))
        told = {"spec": spec.to_dict(), "halvings": self._halvings[spec.trial_id], "asks": asks}
        return spec.trial_id, told

    def report(self, result: dict[str, Any]) -> bool:
        """A running trial's numbers after an epoch, or that a group has it now. Returns whether it goes on."""
        self.check()
        trial_id, curve = result["trial"], result.get("curve")
        if result.get("started") and trial_id in self._begun:
            self._begun[trial_id] = result["started"]
            self.progress.begun(trial_id)
            return True
        self.progress.reported(trial_id, result)
        if not curve or trial_id not in self.search.running or result["progress"] >= 1:
            return True
        study, spec = self.search.running[trial_id]
        if study.pruner is None:
            return True
        from sweep.search.studies import should_prune

        rivals = self.search.rivals(study, spec)
        # Also after the epochs before: a trial that goes on from a saved state was not asked about those.
        return not any(should_prune(study.pruner, curve[:epoch], rivals) for epoch in range(1, len(curve) + 1))

    def finish(self, trial_id: str, result: dict[str, Any] | None, message: Message | None) -> None:
        """A trial ended: writes it into the ledger, or starts it again if it was not the trial's own fault.

        Raises:
            UserError: the ledger cannot be written, or a node lacks something; the run must stop.
        """
        cause = "machine" if message is None else message.cause
        error = "the process of the trial died" if message is None else message.error
        if error and self._starts_again(trial_id, cause, error, message.lost if message else None):
            return
        study, spec = self.search.running[trial_id]
        entry = self._entry(spec, result, message, error)
        again = self.search.is_lost(trial_id)
        if not again or entry.error:
            self._write(entry)
            self.on_entry(entry)
        self.search.finish(entry.outcome)
        if again:  # its weights are there again
            self._dropped.discard(trial_id)
            self._made_again[trial_id] = time.time()
        self.collapsed += entry.collapsed
        if self.experiment.keep != "all":
            self._drop(study)
        self.progress.finished(study, entry)

    def tidy(self) -> None:
        """Removes what no trial needs: weights that were not dropped, states of trials that ended, files cut short."""
        store = self.ledger.store
        ended = {one.spec.trial_id for study in self.search.plan.studies for one in self.search.ended(study)}
        for trial_id in ended & trials_in(store, state_name("")):
            store.delete(state_name(trial_id))
        if self.experiment.keep != "all":
            there = trials_in(store, checkpoint_name(""))
            for study in self.search.plan.studies:
                for trial_id in there & self._unneeded(study):
                    store.delete(checkpoint_name(trial_id))
        store.remove_leftovers(older_than=LEFT_BEHIND)
        self.ledger.compact()

    @property
    def met_faults(self) -> bool:
        """Whether machines, networks or weights ended a trial of this run."""
        return bool(self._faults)

    def check(self) -> None:
        """Raises UserError where another run has the store by now, and Stopped where somebody stops this one."""
        if self.stop is not None:
            self.stop.check()
        if self.lease is not None and self.lease.lost.is_set():
            problem = Problem(f"another run took the store '{self.ledger.store.uri}' over", hint="this one stops")
            self._stop(problem)

    def _stop(self, problem: Problem) -> None:
        self.stopped = UserError(problem)
        raise self.stopped

    def _starts_again(self, trial_id: str, cause: str, error: str, lost: str | None) -> bool:
        """Whether a trial that did not end by itself is run again, and sees to it."""
        study, spec = self.search.running[trial_id]
        pause = 0.0
        if cause == "setup":
            self._stop(Problem(error))
        if cause == "trial":
            return False
        if cause == "memory":
            self._halvings[trial_id] += 1
            if self._halvings[trial_id] > MOST_HALVINGS:
                return False
        elif cause != "notice":  # that a machine goes, and says so, is nobody's fault
            self._faults[trial_id] += 1
            if self._faults[trial_id] > self.experiment.retries + (cause == "weights"):
                if _is_full(error):
                    self._stop(_full(self.ledger.store.uri, error))
                return False
            pause = PAUSE * 4 ** (self._faults[trial_id] - 1)
        if cause == "weights":
            sources = self.search.sources(study, spec)
            whose = next(((place, one) for place, one in sources if one == lost), sources[0])
            if self._begun[trial_id] >= self._made_again.get(whose[1], 0.0):  # else it met the old ones
                self._make_again(*whose)
            pause = 0.0
        del self._begun[trial_id]
        self._pausing[trial_id] = time.monotonic() + pause
        self.progress.starts_again(study, spec, error)
        return True

    def _make_again(self, study: Study, trial_id: str) -> None:
        """Runs a finished trial again for its weights; damaged ones are set aside."""
        if self.search.is_lost(trial_id):
            return
        store, name = self.ledger.store, checkpoint_name(trial_id)
        if store.exists(name):
            store.set_aside(name)
            self.progress.set_aside([Problem("is not the checkpoint that was written", store.path(name))])
        self.search.lose(study, trial_id)

    def _entry(
        self, spec: TrialSpec, result: dict[str, Any] | None, message: Message | None, error: str | None
    ) -> Entry:
        report = message.report if message else None
        trial_id = spec.trial_id
        told: dict[str, Any] = {name: getattr(report, name) for name in _REPORTED} if report else {}
        told.setdefault("workers", self.experiment.resources.workers)
        told["halvings"] = told.get("halvings", 0) + self._halvings.pop(trial_id, 0)
        return Entry(
            spec=spec,
            started_at=datetime.fromtimestamp(self._begun.pop(trial_id), UTC),
            finished_at=datetime.now(UTC),
            pruned=message is not None and message.pruned,
            worker_group=(result or {}).get("group"),
            attempts=self._attempts.pop(trial_id),
            error=error,
            suggestion=self.search.suggestions.get(trial_id),
            run=self.run,
            gpus=told["workers"] * self.experiment.resources.gpus_per_worker,
            **told,
        )

    def _write(self, entry: Entry) -> None:
        """Writes what may have taken hours, so a store that is away for a while does not end the run."""
        for attempt in range(1, WRITING_ATTEMPTS + 1):
            try:
                self.ledger.write(entry)
                break
            except OSError as error:
                if attempt == WRITING_ATTEMPTS:
                    hint = "mend that, then the same command goes on; nothing that was written is lost"
                    full = error.errno == errno.ENOSPC
                    unwritten = Problem(f"the ledger cannot be written: {error}", hint=hint)
                    self._stop(_full(self.ledger.store.uri, str(error)) if full else unwritten)
                time.sleep(PAUSE * 2**attempt)
        self._written += 1
        if self._written % PART_TRIALS == 0:
            with suppress(OSError):  # the files stay as they are
                self.ledger.compact()

    def want_models(self) -> None:
        """Sees to it that winners whose weights are gone run again, where the experiment keeps them."""
        if self.experiment.keep != "models":
            return
        there = trials_in(self.ledger.store, checkpoint_name(""))
        for study in self.search.plan.studies:
            if study.phase != "evaluate":
                for one in self.search.winners(study):
                    if one.spec.trial_id not in there:
                        self.search.lose(study, one.spec.trial_id)

    def _unneeded(self, study: Study) -> set[str]:
        """The trials of a study whose weights may go."""
        models = (
            {one.spec.trial_id for one in self.search.winners(study)} if self.experiment.keep == "models" else set()
        )
        return set(self.search.unneeded(study)) - models - self.needed_elsewhere

    def _drop(self, study: Study) -> None:
        """Drops weights from which nothing starts any more: of this study, and of those that waited for it."""
        one: Study | None = study
        while one is not None:
            for trial_id in self._unneeded(one):
                if trial_id not in self._dropped:
                    self._dropped.add(trial_id)
                    with suppress(OSError):  # `tidy` sees to it
                        self.ledger.store.delete(checkpoint_name(trial_id))
            one = self.search.plan.study(one.parent) if one.parent else None


def _is_full(error: str) -> bool:
    return os.strerror(errno.ENOSPC) in error


def _full(store: str, error: str) -> Problem:
    hint = "free some space there, then the same command goes on; nothing that was finished is lost"
    return Problem(f"the disk of the store '{store}' is full: {error}", hint=hint)
