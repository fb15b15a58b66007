"""The head node of a cluster, as it is spoken to from here: a tunnel to its dashboard, through which Ray's jobs go."""

from __future__ import annotations

import os
import select
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from aiohttp import ClientError

from sweep.running.address import no_token
from sweep.running.launch.machines import Gate
from trainables.errors import Problem, UserError

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

DASHBOARD = 8265
"""The port of Ray's dashboard, on the head node's own 127.0.0.1."""

PATIENCE = 12.0
"""Seconds in which ssh, and then the dashboard, must answer."""

READY = "sweep-launch-is-here"

ALIVE = f"pgrep -x gcs_server >/dev/null && echo {READY} ray || echo {READY} no-ray; exec cat"
"""What runs at the other end: says whether Ray does, and ends with us, whatever ends us."""


class NoSshError(Exception):
    """The head node does not answer, with the reason."""


BROKEN = (OSError, RuntimeError, ClientError)
"""How requests (whose errors are OSErrors), Ray's client and aiohttp say that a connection broke."""


@contextmanager
def unbroken() -> Iterator[None]:
    """Something is asked of the dashboard. Raises NoSshError where the line breaks before it has answered."""
    try:
        yield
    except BROKEN as error:
        raise NoSshError(str(error).partition("\n")[0]) from error


class Head:
    """A head node that ssh reaches.

    Attributes:
        runs_ray: whether Ray's own process runs on it.
    """

    def __init__(self, gate: Gate, port: int, runs_ray: bool) -> None:
        self._gate, self._port, self.runs_ray = gate, port, runs_ray

    def write(self, file: str, text: str) -> None:
        """Writes a file that only the head node's user can read. It lies nowhere else on the way there.

        Args:
            file: its place; `~` is the home of the user there.

        Raises:
            NoSshError: it cannot be written.
        """
        command = shlex.join([*self._gate.container, "sh", "-c", f"umask 077 && cat >{file}"])
        done = subprocess.run(  # noqa: S603
            [*_ssh(self._gate), self._gate.target, command], input=text, capture_output=True, text=True
        )
        if done.returncode:
            raise NoSshError(_said(done.stderr) or f"{file} cannot be written there")

    def run(self, command: str, patience: float) -> str:
        """What a command says there, in a shell as its user has it: where Ray runs, PATH leads to `sweep`.

        Raises:
            NoSshError: it has not ended after so many seconds.
        """
        shell = shlex.join([*self._gate.container, "bash", "--login", "-i", "-c", command])
        try:
            done = subprocess.run(  # noqa: S603
                [*_ssh(self._gate), self._gate.target, shell],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=patience,
            )
        except subprocess.TimeoutExpired:
            raise NoSshError(f"it took more than {patience:g} s") from None
        return done.stdout or done.stderr

    def jobs(self) -> JobSubmissionClient | None:
        """Ray's jobs on the cluster; None where the dashboard does not answer.

        Raises:
            UserError: it answers, but not to this user, or is another version's.
        """
        import ray
        import requests
        from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available
        from ray.exceptions import AuthenticationError
        from ray.job_submission import JobSubmissionClient

        maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
        url = f"http://127.0.0.1:{self._port}"
        for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):  # Ray would go there instead
            os.environ.pop(name, None)
        direct = os.environ.get("NO_PROXY", "").split(",")
        if "127.0.0.1" not in direct:
            os.environ["NO_PROXY"] = ",".join(["127.0.0.1", *filter(None, direct)])
        try:
            requests.get(f"{url}/api/version", timeout=PATIENCE)
        except requests.RequestException:
            return None
        try:
            client = JobSubmissionClient(url)
            client.list_jobs()
        except AuthenticationError as error:
            raise no_token(self._gate.target, str(error).splitlines()[0].rstrip(": ")) from None
        except (RuntimeError, ConnectionError, requests.RequestException) as error:
            reason = str(error).splitlines()[0]
            raise UserError(Problem(f"Ray's dashboard at {self._gate.target} does not answer well: {reason}")) from None
        theirs = client._server_ray_version
        if theirs is not None and theirs != ray.__version__:
            hint = f"bring it to the version of this machine: ray {ray.__version__}, then `ray up` again"
            raise UserError(Problem(f"the cluster at {self._gate.target} runs ray {theirs}", hint=hint))
        return client


@contextmanager
def reached(gate: Gate) -> Iterator[Head]:
    """The head node, as long as the context lasts. Raises NoSshError where ssh does not get there in time."""
    port = _free_port()
    with tempfile.TemporaryFile() as errors:
        tunnel = subprocess.Popen(  # noqa: S603 - ssh, with what the cluster file says
            [*_ssh(gate), "-L", f"127.0.0.1:{port}:127.0.0.1:{DASHBOARD}", gate.target, ALIVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for us
        )
        try:
            yield Head(gate, port, _wait(tunnel, errors).endswith(" ray"))
        finally:
            tunnel.kill()
            tunnel.communicate()


def _ssh(gate: Gate) -> Sequence[str]:
    """Alone: it shares no connection with Ray's, asks no questions, and what stands first counts."""
    own = ("ControlPath=none", "BatchMode=yes", "LogLevel=ERROR", f"ConnectTimeout={PATIENCE - 2:.0f}")
    return ["ssh", *(flag for one in own for flag in ("-o", one)), *gate.options]


def _wait(tunnel: subprocess.Popen[bytes], errors: IO[bytes]) -> str:
    """The line with which the other end says that it is there; a login shell may say others before."""
    assert tunnel.stdout is not None
    deadline, said = time.monotonic() + PATIENCE, b""
    while True:
        ready, _, _ = select.select([tunnel.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise NoSshError(f"ssh did not get there within {PATIENCE:g} s")
        part = os.read(tunnel.stdout.fileno(), 4096)
        if not part:
            tunnel.wait()
            errors.seek(0)
            raise NoSshError(_said(errors.read().decode(errors="replace")) or "ssh ended without a word")
        said += part
        for line in said.decode(errors="replace").splitlines():
            if line.startswith(READY) and said.endswith(b"\n"):
                return line.strip()


def _said(errors: str) -> str:
    """The last line that ssh wrote."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: Any = server.getsockname()[1]
    return int(port)
