"""What an experiment needs of the machines that it runs on, as questions and as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep.experiment import Experiment, Resources, tasks_used
from sweep.ledger import MEASURED, OUTCOME, Ledger, measured, outcome
from sweep.planning.plan import Plan
from sweep.planning.planner import make_plan
from sweep.planning.pricing import Disk, Price, disk, load_gpus, price
from sweep.planning.pricing.disk import largest_file
from sweep.search import Search
from trainables.errors import Problem, UserError
from trainables.models.shapes import is_on_hub, name_and_revision, weights_of
from trainables.store import S3_HINT, Store
from trainables.workers.environment import Environment


@dataclass(frozen=True)
class Needs:
    """Of what is left of a plan.

    Attributes:
        left: trials to run, as far as is known.
        spool: bytes of a machine's temporary files: what is sent to a bucket waits there; None: not known.
        download: bytes of the model, if it comes from the hub and its size is known.
    """

    experiment: Experiment
    plan: Plan
    store: Store
    left: int
    disk: Disk
    price: Price
    spool: float | None
    download: float | None

    @property
    def resources(self) -> Resources:
        """Of one trial."""
        return self.experiment.resources

    def questions(self, probe: str | None) -> dict[str, Any]:
        """What `node.examine` is asked. Raises UserError where a variable that the experiment lists is not set.

        Args:
            probe: a file that is in the store, whose content is its name.
        """
        experiment, question = self.experiment, self.plan.studies[0].question
        environment = Environment.of_command(experiment.environment)
        data: Any = experiment.data_config
        if isinstance(data, Mapping):
            data = dict(data)
        model = experiment.model
        return {
            "store": self.store.root if self.store.is_local else self.store.uri,
            "probe": probe,
            "data": {"hub": True} if data == "hub" else data,
            "datasets": self._datasets(),
            "model": model,
            "weights": question.weights,
            "bf16": on_cpus_in_bf16(experiment, self.plan),
            "hub_model": name_and_revision(model)[0] if is_on_hub(model) else None,
            "torch": True,
            "environment": {"values": dict(environment.values), "named": environment.named},
        }

    def _datasets(self) -> list[tuple[str, str | None]]:
        """Of the hub's datasets those of the experiment's tasks."""
        catalogue = self.experiment.catalogue
        parts = [catalogue[name] for task in tasks_used(self.experiment) for name in task.parts or (task.name,)]
        return list(dict.fromkeys((layout.dataset, layout.revision) for task in parts for layout in task.hub))


def on_cpus_in_bf16(experiment: Experiment, plan: Plan) -> bool:
    """Whether the plan's trials want CPUs that have bf16."""
    return plan.studies[0].question.precision == "bf16" and not experiment.resources.gpus_per_worker


def needs(experiment: Experiment) -> Needs:
    """As `sweep plan` counts them. Raises UserError where the store cannot be read."""
    store = Store(experiment.store)
    try:
        plan = make_plan(experiment)
        rows = Ledger(store).read([*OUTCOME, *MEASURED]).to_pylist()
    except OSError as error:
        hint = None if store.is_local else S3_HINT
        raise UserError(Problem(f"the store cannot be read: {error}", hint=hint)) from error
    search = Search(plan, [outcome(row) for row in rows])
    left = {study.name: search.left(study) for study in plan.studies}
    took = [measured(row) for row in rows if row["status"] == "finished"]
    weights = weights_of(experiment.model)
    return Needs(
        experiment=experiment,
        plan=plan,
        store=store,
        left=sum(left.values()),
        disk=disk(experiment, plan, left),
        price=price(experiment, plan, left, took, load_gpus(), None),
        spool=None if store.is_local else largest_file(experiment),
        download=4.0 * weights.all if weights and is_on_hub(experiment.model) else None,
    )
