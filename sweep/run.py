"""`sweep run`: the plan less what the ledger has, through Ray Tune, into the ledger."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.cluster import ray_cluster
from sweep.experiment import Experiment
from sweep.experiment_file import read_all_data
from sweep.ledger import Entry, Ledger
from sweep.plan import Plan, Study, make_plan
from sweep.progress import Progress
from sweep.search import Outcome, Search
from trainables.minilm import minilm_folder
from trainables.spec import TrialSpec
from trainables.store import Store, checkpoint_name

if TYPE_CHECKING:
    from ray.actor import ActorHandle

ACTOR_MEMORY = 200 * 2**20
"""What the actor in front of a worker group takes, in bytes. It needs no CPU: it waits."""


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Attributes:
        failed: the trials of this plan that failed, now or before.
        blocked: studies that cannot be run because the one before them has no winner.
        interrupted: whether somebody stopped it before its end.
    """

    plan: Plan
    started: int
    failed: list[Outcome]
    blocked: list[Study]
    interrupted: bool


def run(experiment: Experiment, progress: Progress, address: str | None = None, retry_failed: bool = False) -> Summary:
    """Runs or resumes an experiment, and returns when nothing is left to do or somebody stops it.

    Args:
        experiment: checked by `experiment_file.load`.
        progress: what a person sees of it.
        address: of a running Ray cluster; None starts one here.
        retry_failed: whether trials that failed before are run again.

    Raises:
        UserError: data, model, store or cluster are not as they should be; nothing was started.
    """
    plan = make_plan(experiment)
    store = Store(experiment.store)
    ledger = Ledger(store)
    outcomes = [one for one in ledger.outcomes() if not (retry_failed and one.status == "failed")]
    search = Search(plan, outcomes)
    driver = Driver(experiment, search, ledger, progress)
    if not search.is_over:
        read_all_data(experiment)
        _prepare_model(experiment.model)
        store.check_writable()
        logs = Path(store.root) / "logs" if store.is_local else Path(tempfile.mkdtemp(prefix="sweep-logs-"))
        log = logs / f"{datetime.now():%Y%m%d-%H%M%S}.log"
        with ray_cluster(address, experiment.resources, log) as slots, progress.running(plan, search, slots, log):
            _tune(driver, experiment, slots)
    return Summary(
        plan=plan,
        started=driver.started,
        failed=[one for study in plan.studies for one in search.ended(study) if one.status == "failed"],
        blocked=[study for study in plan.studies if not search.is_reachable(study)] if search.is_over else [],
        interrupted=not search.is_over,
    )


def _prepare_model(model: str) -> None:
    """Imports or checks a model once, before several workers ask for it."""
    if model == "minilm" or model.startswith("random:"):
        minilm_folder()
    else:
        from trainables.model import check_model  # imports torch, which the driver does not need otherwise

        check_model(model)


class Driver:
    """Between Tune and the search: hands out trials, writes what comes back into the ledger."""

    def __init__(self, experiment: Experiment, search: Search, ledger: Ledger, progress: Progress) -> None:
        self.experiment, self.search, self.ledger, self.progress = experiment, search, ledger, progress
        self.started = 0
        self._begun: dict[str, float] = {}

    def next(self) -> tuple[Study, TrialSpec] | None:
        """The next trial, or None if there is none for now."""
        found = self.search.next()
        if found is not None:
            study, spec = found
            self.started += 1
            self._begun[spec.trial_id] = time.time()
            self.progress.started(study, spec)
        return found

    def report(self, result: dict[str, Any]) -> None:
        """A running trial's numbers after an epoch."""
        self.progress.reported(result["trial"], result)

    def finish(self, trial_id: str, result: dict[str, Any] | None, message: Any) -> None:
        """Writes a trial that ended, well or not, into the ledger, and drops the checkpoints nobody needs any more."""
        study, spec = self.search.running[trial_id]
        report = message.report if message else None
        error = (message.error if message else None) or (None if report else "the process of the trial died")
        entry = Entry(
            spec=spec,
            experiment=self.experiment.name,
            study=study.name,
            condition=study.condition,
            training_set=study.training_set,
            started_at=datetime.fromtimestamp(self._begun.pop(trial_id), UTC),
            finished_at=datetime.now(UTC),
            objective=report.objective if report else None,
            startup_seconds=report.startup_seconds if report else None,
            examples_per_second=report.examples_per_second if report else None,
            worker_group=(result or {}).get("group"),
            error=error,
            scores=report.scores if report else (),
            predictions=report.predictions if report else (),
        )
        self.ledger.write(entry)
        self.search.finish(entry.outcome)
        for loser in self.search.losers(study):
            self.ledger.store.delete(checkpoint_name(loser.trial_id))
        self.progress.finished(study, entry)


def _tune(driver: Driver, experiment: Experiment, slots: int) -> None:
    """One Tuner for the whole grid: warm groups serve every study, and there is one queue."""
    import ray
    from ray import tune

    from sweep.searcher import PlanSearcher, ReportCallback
    from trainables.broker import Broker
    from trainables.group import GroupConfig
    from trainables.trainable import FineTuneTrainable

    broker: ActorHandle[Any] = Broker.remote()  # type: ignore[attr-defined]
    ray.get(broker.take_last.remote(""))  # it is up
    resources = experiment.resources
    group = GroupConfig(
        store=driver.ledger.store.uri if not driver.ledger.store.is_local else driver.ledger.store.root,
        data=experiment.data_config,
        tasks=experiment.catalogue.own,
        workers=resources.workers,
        cpus_per_worker=resources.cpus_per_worker,
        gpus_per_worker=resources.gpus_per_worker,
    )
    trainable = tune.with_parameters(FineTuneTrainable, broker=broker, group=group)
    with tempfile.TemporaryDirectory(prefix="sweep-tune-") as scratch:  # nothing in it is needed again
        tune.Tuner(
            tune.with_resources(trainable, {"memory": ACTOR_MEMORY}),
            tune_config=tune.TuneConfig(
                metric="progress",
                mode="max",
                num_samples=-1,
                search_alg=PlanSearcher(driver, broker),
                max_concurrent_trials=slots,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=scratch,
                verbose=0,
                callbacks=[ReportCallback(driver)],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False, checkpoint_frequency=0),
            ),
        ).fit()
