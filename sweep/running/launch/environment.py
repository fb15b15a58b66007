"""Which variables of this machine the sweep on the cluster needs, and the file in which they travel."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from trainables.workers.environment import CREDENTIALS, FOLDERS, PLAIN


def chosen(here: Mapping[str, str], provider: str, named: Iterable[str]) -> dict[str, str]:
    """The variables that go along, of those that are set: what `sweep run` hands on to its workers.

    Args:
        here: this machine's.
        provider: that of the cluster. On AWS its machines have permissions of their own, which do not run out as those
            of a person do: the person's go along only where they are for another server than AWS. Folders of this
            machine mean something on own machines alone.
        named: what the experiment names itself.
    """
    wanted = [*PLAIN]
    if provider == "aws" and "AWS_ENDPOINT_URL" not in here:
        wanted = [name for name in wanted if name not in CREDENTIALS]
    if provider == "local":
        wanted += FOLDERS
    return {name: here[name] for name in dict.fromkeys([*wanted, *named]) if name in here}


def script(values: Mapping[str, str]) -> str:
    """For a shell to read."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
