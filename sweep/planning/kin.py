"""Which studies of a plan touch which: the same work under two names, and what waits for what."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sweep.planning.plan import Plan
from trainables.spec import content_hash


@dataclass(frozen=True)
class Kin:
    """The studies around one, by their names.

    Attributes:
        twins: those that are the same work, itself among them.
        family: those in which something may start when one of its trials ends, itself among them.
    """

    twins: tuple[str, ...]
    family: frozenset[str]


def kin(plan: Plan) -> dict[str, Kin]:
    """That of every study."""
    twins = _twins(plan)
    after: dict[str, list[str]] = defaultdict(list)
    for study in plan.studies:
        for before in (study.parent, study.prior):
            if before is not None:
                after[before].append(study.name)
    found = {}
    for study in plan.studies:
        family: set[str] = set()
        waiting = [*twins[study.name]]
        while waiting:
            name = waiting.pop()
            if name in family:
                continue
            family.add(name)
            waiting += after[name]
            one = plan.study(name)
            if one.joint and one.parent is not None:  # which trials of the parent are repeated is up to this study
                waiting += twins[one.parent]
        found[study.name] = Kin(twins[study.name], frozenset(family))
    return found


def _twins(plan: Plan) -> dict[str, tuple[str, ...]]:
    shapes: dict[str, str] = {}
    alike: dict[str, list[str]] = defaultdict(list)
    for study in plan.studies:  # parents come before their children
        before = [shapes.get(name or "", "") for name in (study.parent, study.prior)]
        content = [
            study.question.to_dict(),
            study.sampler,
            study.trials,
            study.seeds,
            repr(study.parameters),
            study.goes_on,
            before,
        ]
        shapes[study.name] = content_hash(content)
        alike[shapes[study.name]].append(study.name)
    return {name: tuple(alike[shape]) for name, shape in shapes.items()}
