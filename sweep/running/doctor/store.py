"""Whether a store is whole: every file against its checksum, and what is left over. What can be mended without loss is.

Nothing here needs torch or Ray.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import pyarrow as pa

from sweep.console import counted
from sweep.ledger import FOLDER as LEDGER
from sweep.ledger import OUTCOME, PART, Ledger, outcome, runs
from sweep.planning import history, precision, weights
from sweep.planning.history import KeptPlan
from sweep.running import lease
from sweep.running.doctor.finding import Finding
from sweep.running.driver import LEFT_BEHIND
from sweep.search import Outcome, Search
from trainables.data import kept
from trainables.errors import Problem, UserError
from trainables.features import FOLDER as FEATURES
from trainables.models.tensors import DamageError, check_tensors
from trainables.sealed import SealedFile, SealError
from trainables.spec import TrialSpec
from trainables.store import DAMAGED, PROBE, PROBES, S3_HINT, Store, checkpoint_name, state_name, trials_in

Cure = Literal["set aside", "remove"]
"""What is done with a file: moved to where a person can look at it, or removed."""

TRAINED_AGAIN = "if something still starts from them, the next `sweep run` trains that trial again"

PARTS = (LEDGER, history.FOLDER, "checkpoints", "states", lease.NAME, weights.RECORD.name, precision.RECORD.name)
"""What makes a folder a store: any of these."""


@dataclass(frozen=True)
class Fault:
    """A finding that is not fine, and what can be done with its file: nothing, if there is no cure."""

    finding: Finding
    file: str | None = None
    cure: Cure | None = None


@dataclass(frozen=True)
class StoreCheck:
    """A store as it is: what is there, and what is wrong with it."""

    there: tuple[Finding, ...]
    faults: tuple[Fault, ...]

    @property
    def findings(self) -> list[Finding]:
        """All of them."""
        return [*self.there, *(fault.finding for fault in self.faults)]


def is_store(store: Store) -> bool:
    """Whether something of a store is there. Raises UserError where it cannot be asked."""
    try:
        return any(store.exists(name) for name in PARTS)
    except OSError as error:
        raise UserError(_away(error, store)) from error


def check(store: Store) -> StoreCheck:
    """Reads all of a store. Raises UserError where it cannot be reached."""
    try:
        return _Checking(store).result()
    except OSError as error:
        raise UserError(_away(error, store)) from error


def mend(store: Store, wait: Callable[[lease.Record], None]) -> list[str]:
    """Sets damaged files aside and removes what nobody needs. Returns what was done, a sentence each.

    What is left over can be told only of a store without damage, so there is a second look after the first mending.

    Args:
        wait: is told of a run without a sign of life, which is watched for a while.

    Raises:
        UserError: a run holds the store, or it cannot be reached.
    """
    done: list[str] = []
    try:
        with lease.hold(store, lambda: {"experiment": "(sweep doctor --mend)"}, wait):
            while cured := [fault for fault in _Checking(store, held=True).result().faults if fault.cure is not None]:
                for fault in cured:
                    assert fault.file is not None  # a cure is for a file
                    if fault.cure == "remove":
                        store.delete(fault.file)
                        done.append(f"removed {fault.file}: {fault.finding.message}")
                    else:
                        store.set_aside(fault.file)
                        done.append(f"set aside into {DAMAGED}/: {fault.file}: {fault.finding.message}")
    except OSError as error:
        raise UserError(_away(error, store)) from error
    return done


class _Checking:
    """One look at a store. `held`: by ourselves, so that the run that it speaks of is none."""

    def __init__(self, store: Store, held: bool = False) -> None:
        self._store, self._held = store, held
        self._there: list[Finding] = []
        self._faults: list[Fault] = []

    def result(self) -> StoreCheck:
        running = self._run()
        plans, plans_are_whole = self._plans()
        outcomes, ledger_is_whole = self._ledger(plans)
        self._runs()
        self._examples()
        self._pinned()
        searches = [Search(kept.plan, outcomes) for kept in plans]
        current = {search.plan.experiment: search for search in searches}  # the last plan of each
        damaged = self._weights()
        gone = damaged if running else damaged | self._missing_weights(current.values())
        self._states()
        self._features()
        if not running:
            self._leftovers()
            if plans_are_whole and ledger_is_whole:
                self._orphans(searches)
        for name, search in current.items():
            self._next(name, search, gone)
        self._set_aside()
        return StoreCheck(tuple(self._there), tuple(self._faults))

    def _fine(self, check: str, message: str, todo: str | None = None) -> None:
        self._there.append(Finding("fine", check, message, todo=todo))

    def _wrong(self, check: str, message: str, file: str, todo: str, cure: Cure | None) -> None:
        self._faults.append(Fault(Finding("wrong", check, message, file, todo), file, cure))

    def _warn(self, check: str, message: str, todo: str, file: str | None = None, cure: Cure | None = None) -> None:
        self._faults.append(Fault(Finding("warning", check, message, file, todo), file, cure))

    def _run(self) -> bool:
        """Whether a run works on the store, as far as is known."""
        found = None if self._held else lease.read(self._store)
        if found is None:
            return False
        who = f"process {found['pid']} on {found['host']}"
        if lease.is_alive(found):
            self._fine("run", f"a run goes on: {who}", "what it is about to write or remove is not looked at")
            return True
        self._warn("run", f"the run of {who} was killed, or is cut off", "the same `sweep run` goes on", lease.NAME)
        return False

    def _plans(self) -> tuple[Sequence[KeptPlan], bool]:
        """Those that can be read, and whether these are all."""
        plans, unreadable = history.everything(self._store)
        for one in unreadable:
            todo = "`sweep run` of its experiment writes it anew"
            if one.newer:
                self._wrong("plans", one.problem.message, one.name, str(one.problem.hint), None)
            else:
                self._wrong("plans", one.problem.message, one.name, todo, "set aside")
        experiments = sorted({kept.plan.experiment for kept in plans})
        self._fine("plans", f"{len(plans)} of {', '.join(experiments)}" if plans else "none")
        kept_files = {f"{kept.plan.experiment}@{kept.hash}" for kept in plans}
        prefix = f"{DAMAGED}/{history.FOLDER}-"
        lost = [name for name in self._store.list(DAMAGED, ".json") if name.startswith(prefix)]
        missing = [name for name in lost if name.removeprefix(prefix).removesuffix(".json") not in kept_files]
        for name in missing:
            plan = name.removeprefix(prefix).removesuffix(".json")
            self._fine("plans", f"{plan} was set aside and is not there again", "run its experiment: it writes it anew")
        return plans, not unreadable and not missing

    def _ledger(self, plans: Sequence[KeptPlan]) -> tuple[list[Outcome], bool]:
        """How the trials ended whose files can be read, and whether these are all."""
        ledger = Ledger(self._store)
        damaged = ledger.damaged()
        for name, problem in damaged.items():
            trial = PurePosixPath(name).stem
            todo = "the next `sweep run` runs its trials again" if trial.startswith(PART) else (
                f"the next `sweep run` runs trial {trial.partition('-')[0]} again"
            )  # fmt: skip
            self._wrong("ledger", problem.message, name, todo, "set aside")
        outcomes = [outcome(row) for row in ledger.read(OUTCOME, without=damaged).to_pylist()]
        incomplete = [] if damaged else ledger.snapshot().incomplete
        if incomplete:
            message = f"{counted(len(incomplete), 'trial has', 'trials have')} lost scores or predictions"
            self._warn("ledger", message, "the next `sweep run` runs them again")
        files = counted(len(ledger.files()) - len(damaged), "file")
        self._fine("ledger", f"{files}, {counted(len(outcomes), 'trial')}")
        if outcomes and not plans:
            trials = counted(len(outcomes), "trial is", "trials are")
            self._warn("plans", f"no plan says what the {trials} for", "run the experiment again")
        return outcomes, not damaged and not incomplete

    def _runs(self) -> None:
        found, unreadable = runs.everything(self._store)
        for name, problem in unreadable.items():
            self._wrong("runs", problem.message, name, str(problem.hint), "set aside")
        self._fine("runs", f"{found.num_rows}")

    def _examples(self) -> None:
        names = self._store.list(kept.FOLDER, ".parquet")
        for name in names:
            try:
                SealedFile(self._store, name).check()
            except FileNotFoundError:
                continue
            except SealError as error:
                todo = "predictions of them have no texts and no right answers until a trial scores them again"
                self._wrong("examples", f"is not what was written: {error}", name, todo, "set aside")
        self._fine("examples", counted(len(names), "file"))

    def _pinned(self) -> None:
        """What was found out about models when runs began."""
        again = {
            weights.RECORD: "looks the models up again: name the commit (model: NAME@COMMIT) to be sure",
            precision.RECORD: "chooses by its machine again: name it (precision: fp32, or bf16) to be sure",
        }
        for record, todo in again.items():
            try:
                known = record.read(self._store)
            except UserError as error:
                todo = f"the next `sweep run` {todo}"
                self._wrong(record.what, error.problems[0].message, record.name, todo, "set aside")
                continue
            if known:
                told = ", ".join(f"{model} at {word[:8]}" for model, word in known.items())
                self._fine(record.what, told)

    def _weights(self) -> set[str]:
        """Looks at all checkpoints. Returns the trials whose weights are damaged."""
        damaged: set[str] = set()
        there = trials_in(self._store, checkpoint_name(""))
        for trial_id in sorted(there):
            reason = self._damage(checkpoint_name(trial_id), trial_id)
            if reason is not None:
                damaged.add(trial_id)
                self._wrong("weights", reason, checkpoint_name(trial_id), TRAINED_AGAIN, "set aside")
        size = sum(self._size(checkpoint_name(one)) for one in there)
        self._fine("weights", f"{counted(len(there) - len(damaged), 'checkpoint')}, {size / 1e9:.2g} GB")
        return damaged

    def _missing_weights(self, current: Iterable[Search]) -> set[str]:
        """Winners whose weights something starts from, now or later, and which are not there."""
        gone: set[str] = set()
        for search in current:
            winners = {one.spec.trial_id for study in search.plan.studies for one in search.winners(study)}
            gone |= winners & search.needed()
        gone -= trials_in(self._store, checkpoint_name(""))
        for trial_id in sorted(gone):
            self._warn("weights", f"those of trial {trial_id} are gone", TRAINED_AGAIN)
        return gone

    def _states(self) -> None:
        there = trials_in(self._store, state_name(""))
        for trial_id in sorted(there):
            reason = self._damage(state_name(trial_id))
            if reason is not None:
                todo = "the trial starts from its beginning"
                self._wrong("states", reason, state_name(trial_id), todo, "set aside")
        self._fine("states", f"{counted(len(there), 'trial')} under way")

    def _features(self) -> None:
        names = self._store.list(FEATURES, ".arrow")
        for name in names:
            try:
                _read_features(self._store, name)
            except FileNotFoundError:
                continue
            except (pa.ArrowException, OSError) as error:
                if isinstance(error, OSError) and error.errno:  # not of the content
                    raise
                reason = str(error).splitlines()[0]
                todo = "they are made again when a trial needs them"
                self._wrong("features", f"is not an Arrow file: {reason}", name, todo, "remove")
        self._fine("features", counted(len(names), "file"))

    def _leftovers(self) -> None:
        names = [*self._store.leftovers(older_than=LEFT_BEHIND)]
        names += [*([PROBE] if self._store.exists(PROBE) else []), *self._store.list(PROBES)]
        for name in names:
            self._warn("leftovers", "a writer was killed over it", "nobody needs it", name, "remove")

    def _orphans(self, searches: Sequence[Search]) -> None:
        """What no plan needs: the earlier ones count, too.

        Which trials a plan asks for is known in full only once it is over. Until then nothing is called an orphan but
        the state of a trial that has ended.
        """
        over = bool(searches) and all(search.is_over for search in searches)
        asked = [search.known() for search in searches]
        known = set[str]().union(*asked)
        damaged = {fault.file for fault in self._faults}
        for trial_id in sorted(trials_in(self._store, state_name(""))):
            if state_name(trial_id) in damaged:
                continue
            asking = (search for search, ids in zip(searches, asked, strict=True) if trial_id in ids)
            done = [search.outcomes.get(trial_id) for search in asking]
            ended = bool(done) and all(one is not None and one.status != "failed" for one in done)
            if ended or (over and trial_id not in known):
                message = "its trial has ended" if ended else "no plan asks for its trial"
                self._warn("orphans", message, "nobody needs it", state_name(trial_id), "remove")
        if not over:
            return
        needed = {trial_id for search in searches for trial_id in search.needed()}
        there = trials_in(self._store, checkpoint_name(""))
        for trial_id in sorted(one for one in there - known if checkpoint_name(one) not in damaged):
            self._warn("orphans", "no plan asks for its trial", "nobody needs it", checkpoint_name(trial_id), "remove")
        spare = there & known - needed
        if spare:
            size = sum(self._size(checkpoint_name(one)) for one in spare) / 1e9
            message = f"nothing starts any more from those of {counted(len(spare), 'trial')} ({size:.2g} GB)"
            self._fine(
                "weights", message, "`keep: all` keeps them; with `keep: winners` the next `sweep run` drops them"
            )

    def _next(self, name: str, search: Search, gone: set[str]) -> None:
        left = sum(search.left(study) for study in search.plan.studies)
        again = sorted(gone & search.needed()) if left else []
        trained = f", and {len(again)} again for their weights" if again else ""
        to_run = f"`sweep run` of {name} has at most {counted(left, 'trial')} to run{trained}"
        self._fine("next", to_run if left else f"{name} is done")

    def _set_aside(self) -> None:
        names = self._store.list(DAMAGED)
        if names:
            size = sum(self._size(name) for name in names) / 1e9
            todo = "for a person to look at; remove them when that is done"
            self._fine("set aside", f"{counted(len(names), 'damaged file')} ({size:.2g} GB) in {DAMAGED}/", todo)

    def _damage(self, name: str, trial_id: str | None = None) -> str | None:
        """What is wrong with a file of tensors, if anything; with `trial_id`, also where it is of another trial."""
        try:
            metadata = check_tensors(self._store, name)
        except FileNotFoundError:  # a run has removed it meanwhile
            return None
        except DamageError as error:
            return f"is not what was written: {error}"
        if trial_id is not None and (found := _trial_of(metadata)) not in (None, trial_id):
            return f"is of another trial: {found}"
        return None

    def _size(self, name: str) -> int:
        try:
            return self._store.size(name)
        except FileNotFoundError:
            return 0


def _trial_of(metadata: Mapping[str, str]) -> str | None:
    spec = metadata.get("spec")
    return None if spec is None else TrialSpec.from_dict(json.loads(spec)).trial_id


def _read_features(store: Store, name: str) -> None:
    source = pa.memory_map(store.path(name)) if store.is_local else pa.BufferReader(store.read(name))
    with pa.ipc.open_file(source) as file:
        for number in range(file.num_record_batches):
            file.get_batch(number).validate(full=True)


def _away(error: OSError, store: Store) -> Problem:
    return Problem(f"the store cannot be read: {error}", hint=None if store.is_local else S3_HINT)
