"""Which variables of this machine the sweep on the cluster needs. They travel in a file that nobody else can read."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

HUB = ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HUB_DOWNLOAD_TIMEOUT")

FOLDERS = ("HF_HOME", "HF_HUB_CACHE", "SWEEP_CACHE")
"""Places of this machine: the nodes have them only if they share its disks."""

SERVER = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE")
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def chosen(here: Mapping[str, str], provider: str, asked: Iterable[str]) -> dict[str, str]:
    """The variables that go along, of those that are set.

    Args:
        here: this machine's.
        provider: that of the cluster. On AWS its machines have permissions of their own, which do not run out as those
            of a person do: the person's go along only where they are for another server than AWS.
        asked: what the experiment names itself.
    """
    names = [*HUB, *SERVER]
    if provider != "aws" or "AWS_ENDPOINT_URL" in here:
        names += CREDENTIALS
    if provider == "local":
        names += FOLDERS
    return {name: here[name] for name in dict.fromkeys([*names, *asked]) if name in here}


def script(values: Mapping[str, str]) -> str:
    """For a shell to read."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
