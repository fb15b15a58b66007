"""`sweep launch`: a cluster brought up, an experiment sent there, its run followed to the end, and the bill."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile, copyfileobj
from typing import TYPE_CHECKING

from pyarrow import fs

from sweep.console import Console
from sweep.experiment import Experiment
from sweep.experiment.data import read_all_data
from sweep.ledger import DamagedLedger, Ledger
from sweep.planning.planner import make_plan
from sweep.planning.pricing import load_gpus
from sweep.running.doctor.cluster_file import of_file
from sweep.running.launch import bill
from sweep.running.launch.environment import chosen, script
from sweep.running.launch.follow import Screen, follow
from sweep.running.launch.head import DASHBOARD, Head, NoSshError, reached, unbroken
from sweep.running.launch.job import (
    ENVIRONMENT,
    STOPPING,
    attempts,
    entrypoint,
    exit_code,
    folder,
    job_name,
    next_attempt,
)
from sweep.running.launch.machines import Gate, Machines
from sweep.running.launch.shipment import Folder, Shipment, is_here
from sweep.search import Search
from trainables.errors import Problem, UserError
from trainables.spec import content_hash
from trainables.store import S3_HINT, Store
from trainables.workers.environment import Environment

if TYPE_CHECKING:
    from ray.dashboard.modules.job.pydantic_models import JobDetails
    from ray.job_submission import JobSubmissionClient

WELL = 60.0
"""Seconds after `ray up` in which the dashboard must answer."""

BROKEN_DOWN = 75
"""The exit code where the job was lost with its machine: the same command goes on."""

ALL_DONE = (0, 1)
"""The exit codes of a run with nothing left to do."""


class Launch:
    """One experiment on one cluster.

    Args:
        shipment: what of it goes there.
        retry_failed: whether trials that failed before are run again.

    Attributes:
        machines: those of the cluster.
        job: the job that it is there, once that is known.
    """

    def __init__(
        self, experiment: Experiment, shipment: Shipment, machines: Machines, console: Console, retry_failed: bool
    ) -> None:
        self._experiment, self._shipment, self.machines = experiment, shipment, machines
        self._console, self._retry_failed = console, retry_failed
        self._name = job_name(experiment.name, experiment.store)
        self._gate: Gate | None = None
        self.job: str | None = None

    def check(self) -> None:
        """What can be known before a machine is paid for. Raises UserError with what is wrong."""
        found = of_file(self.machines.cluster.document, self._experiment.resources)
        if wrong := [one.problem for one in found if one.level == "wrong"]:
            raise UserError(wrong)
        for one in found:
            if one.level == "warning":
                self._tell(f"warning: {one.problem}")
        Environment.of_command(self._experiment.environment)
        if is_here(self._experiment.data):
            for problem in read_all_data(self._experiment):
                self._tell(f"warning: {problem}")
        if "://" in self._experiment.store:
            check_bucket(Store(self._experiment.store))

    def is_over(self) -> bool:
        """Whether nothing is left to run, as far as that can be seen from here: in a bucket, of data that are here."""
        if "://" not in self._experiment.store or not is_here(self._experiment.data):
            return False
        try:
            outcomes = Ledger(Store(self._experiment.store)).outcomes()
        except DamagedLedger:  # which a run sees to
            return False
        plan = make_plan(self._experiment)
        return Search(plan, (one for one in outcomes if not (self._retry_failed and one.status == "failed"))).is_over

    def run(self) -> int:
        """From whatever is there already to the end of the run; returns its exit code.

        Raises:
            UserError: the cluster does not come up, does not answer, or another plan of the experiment runs on it.
            GaveUpError: it has not answered for a long time.
        """
        if not self.is_up():
            self._tell(f"Bringing up cluster {self.machines.cluster.name}; Ray's own messages: {self.machines.log}")
            self.machines.up(lambda step: self._tell(f"  {time.strftime('%H:%M:%S')} {step}"))
            self._gate = None  # to the head of before, if there was one
        try:
            with self._reach() as head:
                client = self._answer(head)
                with unbroken():
                    running = self._running(client)
                self.job = job = running or self._submit(head, client)
        except NoSshError as error:
            hint = "give the same command again: it goes on from there"
            raise UserError(Problem(f"the head node does not answer: {error}", hint=hint)) from None
        there = "Runs on the cluster" if running is None else "It runs there already"
        self._tell(f"{there}, as job {job}. Ctrl-C leaves it alone.")
        return self._code(follow(self._reach, job, Screen(self._console, comes_back=running is not None)))

    def is_up(self) -> bool:
        """Whether Ray runs on the cluster and answers; `ray up` would end what runs there.

        Raises:
            UserError: own machines that do not answer; a Ray whose dashboard does not.
        """
        machines, own = self.machines, self.machines.cluster.is_of_own_machines
        node = machines.head()
        if node is None and not own:
            return False
        try:
            with self._reach() as head:
                if head.jobs() is not None:
                    if node is None:
                        machines.remember_head()
                    return True
                if head.runs_ray:
                    message = f"Ray runs on the head node, but its dashboard does not answer at 127.0.0.1:{DASHBOARD}"
                    hint = f"is it off, or at another port? `ray up {machines.cluster.path}` starts Ray again"
                    raise UserError(Problem(message, hint=f"{hint}, and ends what runs"))
                return False
        except NoSshError as error:
            if own:
                assert self._gate is not None
                hint = f"is it on, and does `ssh {self._gate.target}` get there with the key of the cluster file?"
                raise UserError(Problem(f"the head node does not answer: {error}", hint=hint)) from None
            return False  # it may be on its way up, for which `ray up` waits

    def bill(self) -> list[str]:
        """What its machines have cost so far, in words; nothing where the cluster does not say."""
        from ray.util.state import list_nodes
        from ray.util.state.exception import RayStateApiException

        try:
            with self._reach() as head, unbroken():
                client = head.jobs()
                if client is None:
                    return []
                jobs = {one.submission_id: one for one in client.list_jobs()}
                nodes = list_nodes(client.get_address(), limit=10_000, detail=True, raise_on_missing_output=False)
        except (NoSshError, RayStateApiException):
            return []
        since = min((jobs[one].start_time or 0 for one in attempts(self._name, jobs)), default=0)
        found = bill.stays([dataclasses.asdict(node) for node in nodes], since, int(time.time() * 1000))
        return bill.told(found, self.machines.cluster, load_gpus())

    @contextmanager
    def _reach(self) -> Iterator[Head]:
        self._gate = self._gate or self.machines.gate()
        with reached(self._gate) as head:
            yield head

    def _answer(self, head: Head) -> JobSubmissionClient:
        """The dashboard of a Ray that may just have begun."""
        deadline = time.monotonic() + WELL
        while (client := head.jobs()) is None:
            if time.monotonic() > deadline:
                message = f"Ray's dashboard does not answer on the head node at 127.0.0.1:{DASHBOARD}"
                hint = "the file's head_start_ray_commands start it: ray start --head --dashboard-host=127.0.0.1 ..."
                raise UserError(Problem(message, hint=hint))
            time.sleep(1)
        return client

    def _running(self, client: JobSubmissionClient) -> str | None:
        """The job of this experiment and store that goes on."""
        jobs = {one.submission_id: one for one in client.list_jobs()}
        names = [name for name in attempts(self._name, jobs) if not jobs[name].status.is_terminal()]
        if not names:
            return None
        if (jobs[names[-1]].metadata or {}).get("asked") != self._asked:
            message = f"another form of experiment '{self._experiment.name}' runs there, as job {names[-1]}"
            hint = f"wait for it, or stop it: {stop_command(self.machines.cluster.path, names[-1])}"
            raise UserError(Problem(message, hint=hint))
        return names[-1]

    @property
    def _asked(self) -> str:
        """What tells one form of an experiment from another."""
        return content_hash([self._experiment.model_dump(mode="json"), self._retry_failed])

    def _submit(self, head: Head, client: JobSubmissionClient) -> str:
        arguments = self._shipment.arguments({one.key: self._place(one) for one in self._shipment.folders})
        self._send(head)
        with unbroken():
            before = attempts(self._name, (one.submission_id for one in client.list_jobs()))
            return client.submit_job(
                entrypoint=entrypoint(self._name, [*arguments, *(["--retry-failed"] if self._retry_failed else [])]),
                submission_id=next_attempt(self._name, before),
                runtime_env={"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOPPING)}},
                metadata={"experiment": self._experiment.name, "store": self._experiment.store, "asked": self._asked},
            )

    def _send(self, head: Head) -> None:
        """What the head alone needs: the small files, and the variables, which may be secrets."""
        with tempfile.TemporaryDirectory(prefix="sweep-launch-") as place:
            for name, path in self._shipment.files.items():
                target = Path(place, name)
                target.parent.mkdir(exist_ok=True)
                copyfile(path, target)
            self.machines.send(Path(place), folder(self._name))
        variables = chosen(os.environ, self.machines.cluster.provider, self._experiment.environment)
        head.write(f"{folder(self._name)}/{ENVIRONMENT}", script(variables))

    def _place(self, one: Folder) -> str:
        """Puts a folder where all nodes find it, as far as it is not there yet, and says where that is."""
        uri = self._experiment.store
        root, asks, options = uri.partition("?")
        place = f"{root.rstrip('/')}/{one.kept}{asks}{options}"
        size = sum(path.stat().st_size for path in one.files.values())
        self._tell(f"'{one.here}' ({size / 1e6:,.0f} MB) goes to {place}")
        if "://" in uri:
            upload(one, Store(uri))
        else:
            self.machines.send(one.here, place)
        return place

    def _code(self, details: JobDetails) -> int:
        """That of the run; another where it did not come to one."""
        code = exit_code(details.status, details.driver_exit_code)
        if code is None:
            reason = (details.message or "").strip().partition("\n")[0]
            self._tell(f"Ray lost the job: {reason or 'it does not say why'}")
        return BROKEN_DOWN if code is None else code

    def _tell(self, text: str) -> None:
        self._console.say(text)


def check_bucket(store: Store) -> None:
    """Raises UserError where there is no such bucket, or it cannot be seen: hours and machines later is too late."""
    bucket = store.root.partition("/")[0]
    try:
        found = store.filesystem.get_file_info(bucket).type
    except OSError as error:
        message = f"the bucket of store '{store.uri}' cannot be seen from here: {error}"
        raise UserError(Problem(message, hint=S3_HINT)) from error
    if found == fs.FileType.NotFound:
        hint = f"make it, where the machines will be: aws s3 mb s3://{bucket}"
        raise UserError(Problem(f"there is no bucket '{bucket}' for the store '{store.uri}'", hint=hint))


def upload(one: Folder, store: Store) -> None:
    """Copies a folder into a bucket, the files that are not there in their full size."""
    for name, path in one.files.items():
        kept = f"{one.kept}/{name}"
        if not store.exists(kept) or store.size(kept) != path.stat().st_size:
            with path.open("rb") as source, store.writing(kept) as target:
                copyfileobj(source, target)


def stop_command(cluster: Path, job: str) -> str:
    """What stops a job: on the head node, where its dashboard is."""
    return f"ray exec {cluster} 'ray job stop {job}'"
