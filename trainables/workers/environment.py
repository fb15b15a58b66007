"""Which of the command's environment variables reach workers on other nodes, and how: never through a log.

Ray starts its processes with the environment of the node that they are on. What Ray itself would carry over, a
runtime environment, its agent logs in clear text where every user of the node can read it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from trainables.errors import Problem, UserError

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""They belong together: keys of the command's and a token of the node's would fit no lock."""

PLAIN = (
    *CREDENTIALS, "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION",
    "HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE",
)  # fmt: skip
"""What means the same on every node: what the command has, its workers have."""

FOLDERS = ("HF_HOME", "HF_HUB_CACHE", "SWEEP_CACHE")
"""Folders of the machine of the command. Workers take them where they have a folder of that name, and none of their
own set: a shared disk, or nodes that are alike.
"""

PROFILE = "AWS_PROFILE"
"""A section of files in ~/.aws: workers take it where theirs have it too."""


@dataclass(frozen=True)
class Environment:
    """Variables on their way to workers. Their values are in no `repr`, so that no log shows them.

    Attributes:
        named: those that the experiment lists, which hold everywhere.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    named: tuple[str, ...] = ()

    @classmethod
    def of_command(cls, named: Iterable[str] = ()) -> Environment:
        """Those of this process that workers may need, and those that are named.

        Raises:
            UserError: one that is named is not set.
        """
        named = tuple(named)
        if missing := [name for name in named if name not in os.environ]:
            hint = "export it before the command, or take it out of the experiment's environment"
            raise UserError([Problem(f"the variable {name} is not set here", hint=hint) for name in missing])
        wanted = dict.fromkeys([*PLAIN, *FOLDERS, PROFILE, *named])
        return cls({name: os.environ[name] for name in wanted if name in os.environ}, named)

    def apply(self, environ: MutableMapping[str, str] = os.environ) -> None:
        """Sets them in a worker, before the libraries that read them are imported."""
        if self.values.keys() & CREDENTIALS:
            for name in CREDENTIALS:
                environ.pop(name, None)
        environ.update({name: value for name, value in self.values.items() if self._holds(name, value, environ)})

    def _holds(self, name: str, value: str, environ: Mapping[str, str]) -> bool:
        """Whether a variable means on this node what it means where the command was given."""
        if name in self.named or name in PLAIN:
            return True
        if name == PROFILE:
            return name not in environ and _has_profile(value, environ)
        return name not in environ and Path(value).expanduser().is_dir()


def _has_profile(name: str, environ: Mapping[str, str]) -> bool:
    """Whether this node's files of AWS know a profile."""
    places = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
    for variable, usual in places.items():
        path = Path(environ.get(variable) or usual).expanduser()
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        if {f"[{name}]", f"[profile {name}]"} & {" ".join(line.split()) for line in lines}:
            return True
    return False


def keep_out_of_logs() -> None:
    """Takes AWS's keys out of the runtime environments that Tune makes, whose agent logs them in clear text; and what
    is for Lightning alone: a process without an environment of its own is there a second earlier.
    """
    from ray.tune.execution import class_cache

    class_cache.ENV_VARS_TO_PROPAGATE -= {name for name in class_cache.ENV_VARS_TO_PROPAGATE if name.startswith("AWS_")}
    class_cache.DEFAULT_ENV_VARS.clear()
