"""Which trials speak for which experiment: what follows from a store's plans and from the search over its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from sweep.planning.history import KeptPlan
from sweep.search import Outcome, Search
from trainables.spec import TrialSpec

MEMBERS = pa.schema(
    [
        ("experiment", pa.string()),
        ("plan", pa.string()),  # its hash
        ("study", pa.string()),
        ("condition", pa.string()),
        ("training_set", pa.string()),
        ("regime", pa.string()),  # in which languages the targets are trained; null of intermediate training
        ("source_language", pa.string()),  # of an evaluation: whose development data chose the winner
        ("trained_in", pa.list_(pa.string())),  # the languages of all training on the way, its own included
        ("role", pa.string()),  # search, seed, sequel, evaluation
        ("winner", pa.bool_()),
        ("chosen", pa.bool_()),  # whether the search was on its seed; null where nothing was trained
        ("rank", pa.int64()),  # of an evaluation of a trial of a search: that one's place by development score
        ("trial_id", pa.string()),
    ]
)
"""A row per experiment, study and trial that ended: the same trial may be part of several."""

SEEDS = pa.schema(
    [
        ("experiment", pa.string()),
        ("condition", pa.string()),
        ("target", pa.string()),
        ("regime", pa.string()),
        ("seed", pa.int64()),
        ("fate", pa.string()),  # finished, failed, missing
        ("collapsed", pa.bool_()),  # whether the trial that was scored had ended at chance
    ]
)
"""A row per experiment, condition, target, training and seed that the plan asks for, whatever became of it."""


def members(
    plans: Sequence[KeptPlan],
    outcomes: Sequence[Outcome],
    collapsed: Mapping[str, bool],
    answered: Mapping[str, frozenset[str]],
) -> tuple[pa.Table, pa.Table]:
    """MEMBERS and SEEDS of some plans.

    Args:
        outcomes: all that the ledger has.
        collapsed: by trial, whether it ended at chance.
        answered: by evaluation that failed, the targets that it has scores of all the same.
    """
    specs = {one.spec.trial_id: one.spec for one in outcomes}
    found: list[dict[str, Any]] = []
    seeds: list[dict[str, Any]] = []
    for kept in plans:
        search = Search(kept.plan, outcomes)
        for study in kept.plan.studies:
            of_study = {"experiment": kept.plan.experiment, "condition": study.condition}
            ended = search.members(study)
            for one in ended:
                trained = study.phase != "evaluate" or one.outcome.spec.parent is not None
                found.append(
                    {
                        **of_study,
                        "plan": kept.hash,
                        "study": study.name,
                        "training_set": study.training_set,
                        "regime": study.regime,
                        "source_language": study.source_language,
                        "trained_in": _trained_in(one.outcome.spec, specs),
                        "role": one.role,
                        "winner": one.winner,
                        "chosen": one.outcome.spec.seed == study.seeds[0] if trained else None,
                        "rank": one.rank,
                        "trial_id": one.outcome.spec.trial_id,
                    }
                )
            if study.phase != "evaluate":
                continue
            scored = {one.outcome.spec.seed: one.outcome.spec for one in ended if one.winner}
            for seed in study.seeds:
                spec, fate = scored.get(seed), search.fate(study, seed)
                of_seed = {"seed": seed, "collapsed": spec is not None and collapsed.get(spec.parent or "", False)}
                has = answered.get(spec.trial_id, frozenset()) if spec is not None else frozenset()
                for target in study.question.tasks:
                    own_fate = "finished" if target in has else fate
                    seeds.append({**of_study, "target": target, "regime": study.regime, **of_seed, "fate": own_fate})
    return pa.Table.from_pylist(found, schema=MEMBERS), pa.Table.from_pylist(seeds, schema=SEEDS)


def _trained_in(spec: TrialSpec, specs: Mapping[str, TrialSpec]) -> list[str]:
    """The languages in which a trial and those that it starts from were trained, in any task."""
    own = set() if spec.phase == "evaluate" else set(spec.languages)
    parent = specs.get(spec.parent or "")
    return sorted(own.union(() if parent is None else _trained_in(parent, specs)))
