"""The plans of a store: of each experiment every plan that was ever run, and which of them was run last.

`plans/<experiment>@<hash>.json`. What a trial in the ledger is for follows from these and from the search over them,
so a plan is kept before its first trial runs, and also where every trial of it was there already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sweep.planning.plan import Plan
from trainables.errors import Problem, UserError, nearest
from trainables.spec import content_hash
from trainables.store import Store

FOLDER = "plans"

VERSION = 1
"""Of the files. Those of before had no version and lay beside each other, one for each experiment."""


@dataclass(frozen=True)
class KeptPlan:
    """A plan in a store.

    Attributes:
        number: the highest of an experiment's is that of its current plan. Numbers, as clocks go back.
        at: when it became the current one last; None: kept by a version that did not say.
    """

    plan: Plan
    hash: str
    number: int
    at: datetime | None


def keep(store: Store, plan: Plan) -> KeptPlan | None:
    """Makes a plan the current one of its experiment. Returns the plan that was so before, if that was another."""
    before = history(store, plan.experiment)
    last = before[-1] if before else None
    if last is not None and last.number and last.hash == plan.hash:
        return None
    values = json.loads(plan.to_json())
    content = {
        "version": VERSION,
        "number": last.number + 1 if last else 1,
        "at": datetime.now(UTC).isoformat(),
        "checksum": content_hash(values),
        "plan": values,
    }
    store.write(f"{FOLDER}/{plan.experiment}@{plan.hash}.json", json.dumps(content).encode())
    return None if last is None or last.hash == plan.hash else last


def history(store: Store, experiment: str) -> list[KeptPlan]:
    """All plans of an experiment, the current one last; none if it was never run.

    Raises:
        UserError: files that are no plans, or those of a newer version; all of them.
    """
    return _read(store, [name for name in store.list(FOLDER, ".json") if _experiment(name) == experiment])


def experiments(store: Store) -> list[str]:
    """The experiments that were ever run in a store, sorted."""
    return sorted({_experiment(name) for name in store.list(FOLDER, ".json")})


def current(store: Store, wanted: Sequence[str] = ()) -> list[KeptPlan]:
    """The plans that answer for experiments.

    Args:
        wanted: names of experiments, each maybe with `@` and the first letters of a plan's hash: an earlier plan of it.
            None at all: the store's only experiment.

    Raises:
        UserError: the store has no such experiment or plan, or several experiments where none is named.
    """
    known = experiments(store)
    if not known:
        hint = "is this the path after 'store:' in the experiment, and was it ever run?"
        raise UserError(Problem(f"no experiment was run in '{store.uri}'", hint=hint))
    if not wanted and len(known) > 1:
        hint = f"say which: {' or '.join(f'--experiment {name}' for name in known)}"
        raise UserError(Problem(f"the store '{store.uri}' has {len(known)} experiments", hint=hint))
    problems = [
        Problem(f"no experiment '{name}' was run in '{store.uri}'", hint=nearest(name, known))
        for name in (one.partition("@")[0] for one in wanted)
        if name not in known
    ]
    if problems:
        raise UserError(problems)
    return [_chosen(store, one) for one in dict.fromkeys(wanted or known)]


@dataclass(frozen=True)
class UnreadablePlan:
    """A file that is no plan, or one of a `newer` version of this package."""

    name: str
    problem: Problem
    newer: bool


def everything(store: Store) -> tuple[list[KeptPlan], list[UnreadablePlan]]:
    """All plans of all experiments, each one's current plan last, and those that cannot be read."""
    return _sorted_out(_look(store, name) for name in store.list(FOLDER, ".json"))


def _chosen(store: Store, wanted: str) -> KeptPlan:
    name, at, start = wanted.partition("@")
    plans = history(store, name)
    if not at:
        return plans[-1]
    found = [one for one in plans if one.hash.startswith(start)]
    if len(found) != 1:
        message = f"experiment '{name}' has {'several plans' if found else 'no plan'} '{start}...'"
        hint = f"known: {', '.join(one.hash for one in plans)} (the last one is the current)"
        raise UserError(Problem(message, hint=hint))
    return found[0]


def _experiment(file: str) -> str:
    """Whose plan a file has: `plans/<experiment>@<hash>.json`, or `plans/<experiment>.json` of before."""
    return file.removeprefix(f"{FOLDER}/").removesuffix(".json").partition("@")[0]


def _read(store: Store, files: Iterable[str]) -> list[KeptPlan]:
    plans, unreadable = _sorted_out(_look(store, name) for name in files)
    if unreadable:
        raise UserError(one.problem for one in unreadable)
    return plans


def _sorted_out(found: Iterable[KeptPlan | UnreadablePlan]) -> tuple[list[KeptPlan], list[UnreadablePlan]]:
    seen = list(found)
    plans = [one for one in seen if isinstance(one, KeptPlan)]
    unreadable = [one for one in seen if isinstance(one, UnreadablePlan)]
    return sorted(plans, key=lambda one: (one.plan.experiment, one.number, one.hash)), unreadable


def _look(store: Store, name: str) -> KeptPlan | UnreadablePlan:
    try:
        return _parse(store.read(name))
    except ValueError as error:
        newer = isinstance(error, _NewerError)
        hint = "move the file away and run the experiment again, which writes its plan anew"
        problem = Problem(str(error), store.path(name), hint="update this package" if newer else hint)
        return UnreadablePlan(name, problem, newer)


class _NewerError(ValueError):
    """A file of a later version of this package."""


def _parse(content: bytes) -> KeptPlan:
    """Raises ValueError that says what is wrong."""
    try:
        values: Any = json.loads(content)
        if "version" not in values:  # of before
            plan = Plan.from_json(content)
            return KeptPlan(plan, plan.hash, 0, None)
        version = values["version"]
        if isinstance(version, int) and version > VERSION:
            raise _NewerError(f"is a plan of version {version}, and this package knows up to {VERSION}")
        plan = Plan.from_json(json.dumps(values["plan"]).encode())
        if values["checksum"] != content_hash(values["plan"]):
            raise ValueError("its checksum is another")
        at = datetime.fromisoformat(values["at"])
        return KeptPlan(plan, plan.hash, int(values["number"]), at)
    except _NewerError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise ValueError(f"is not a plan: {reason}") from error
