"""A network, process and mount namespace of a test's own: nothing in it is seen outside, and all of it ends with it."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
"""Where `sweep` and `ray` are."""

ISOLATE = ("unshare", "--pid", "--fork", "--net", "--mount", "--mount-proc", "--kill-child")

BEGINNING = """
set -eu
ip link set lo up
for address in $ADDRESSES; do ip address add $address/32 dev lo; done
mkdir -p /tmp/ray /run/sshd && mount -t tmpfs tmpfs /tmp/ray
"""
"""Each namespace has a loopback, further addresses if it asks for them, and a folder for Ray that is its own."""


@functools.cache
def reason_against(*programs: str) -> str | None:
    """Why no namespace can be made here, or what is missing in it; None if all is well."""
    missing = [name for name in ("unshare", "ip", *programs) if not _is_there(name)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    tried = subprocess.run([*ISOLATE, "ip", "link", "set", "lo", "up"], capture_output=True, text=True)
    return f"no namespaces are allowed here: {tried.stderr.strip()}" if tried.returncode else None


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips, with the reason, where no namespace can be made or a program of Debian's is missing."""
    reason = reason_against(*programs)
    return pytest.mark.skipif(reason is not None, reason=str(reason))


def popen(script: str, folder: Path, addresses: tuple[str, ...] = (), **environment: str) -> subprocess.Popen[str]:
    """Starts a bash script in a namespace of its own: HOME is `folder`/home, `sweep` and `ray` are on the PATH.

    The output of the script, standard error with it, comes through the process's `stdout`. To kill the process ends
    everything in the namespace.
    """
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return subprocess.Popen(
        [*ISOLATE, "bash", "-c", BEGINNING + script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**outer(), "HOME": str(home), "ADDRESSES": " ".join(addresses), **environment},
    )


def run(
    script: str, folder: Path, addresses: tuple[str, ...] = (), seconds: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs such a script to its end. Raises subprocess.TimeoutExpired after `seconds`; all of it has ended then."""
    process = popen(script, folder, addresses, **environment)
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        process.kill()
        error.output, _ = process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, "")


def _is_there(program: str) -> bool:
    return any(os.access(Path(folder) / program, os.X_OK) for folder in [*os.get_exec_path(), "/usr/sbin", "/sbin"])


def outer() -> Mapping[str, str]:
    """This process's environment less what leads to another Ray."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TMPDIR"))}
    return {**kept, "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin", "RAY_USAGE_STATS_ENABLED": "0"}
