"""`sweep run`: the plan less what the ledger has, through Ray Tune, into the ledger."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.experiment import Experiment
from sweep.ledger import DamagedLedger, Entry, Ledger, of_earlier_code, runs
from sweep.planning import history, precision
from sweep.planning.plan import Plan, Study
from sweep.planning.planner import make_plan
from sweep.planning.pricing import disk
from sweep.planning.weights import known_weights, record
from sweep.running import lease
from sweep.running.check import check
from sweep.running.cluster import RayLost, ray_cluster
from sweep.running.doctor.ready import quick
from sweep.running.driver import Driver
from sweep.running.logs import Logs
from sweep.running.progress import Progress
from sweep.running.provenance import provenance
from sweep.running.scratch import scratch
from sweep.running.stop import Stop, Stopped
from sweep.search import Outcome, Search
from trainables.errors import Problem, UserError
from trainables.models.segments import tells_texts
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.workers.environment import Environment, keep_out_of_logs

if TYPE_CHECKING:
    from ray.actor import ActorHandle

    from trainables.workers.broker import Group
    from trainables.workers.group import GroupConfig

HEAD = "node:__internal_head__"
"""The resource of Ray's head node."""

SHARE = 0.0001
"""What an actor in front of a worker group takes of its node's own resource: the least that Ray knows."""

CALLS = 100_000
"""Calls that the broker answers at once: each trial and each worker waits in one or two."""


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Attributes:
        started: how many trials it started.
        failed: the trials of this plan that failed, now or before.
        collapsed: trials of this run that ended at chance.
        blocked: studies that cannot be run because the one before them has no winner.
    """

    plan: Plan
    started: int
    failed: list[Outcome]
    collapsed: int
    blocked: list[Study]


def run(
    experiment: Experiment,
    progress: Progress,
    on_loss: Callable[[str], object],
    stop: Stop,
    address: str | None = None,
    retry_failed: bool = False,
    file: str | None = None,
    command: str | None = None,
    on_entry: Callable[[Entry], object] = lambda entry: None,
) -> Summary:
    """Runs or resumes an experiment, and returns when nothing is left to do.

    Args:
        experiment: checked by `experiment_file.load`.
        progress: what a person sees of it.
        on_loss: called when Ray breaks down, see `ray_cluster`.
        stop: what signals ask for.
        address: of a running Ray cluster; None starts one here.
        retry_failed: whether trials that failed before are run again.
        file: the experiment's text, which is kept.
        command: as it was typed, which is kept, too.
        on_entry: called with each trial that ended, once the ledger has it. It must neither wait nor raise.

    Raises:
        UserError: data, model, store or cluster are not as they should be, or the store is in use. Also where they stop
            being so: the same command goes on then.
        RayLost: Ray broke down in a way that needs no `on_loss`; the same command goes on.
        Stopped: somebody stopped it; the same command goes on.
    """
    weights = known_weights(experiment)
    tells_texts(experiment.model, weights)  # a plan could do without
    chosen = precision.choose(experiment)
    plan = make_plan(experiment)
    store = Store(experiment.store)
    ledger = Ledger(store)
    try:  # a look first: a run with nothing left to do leaves the store as it is
        search = _search(plan, ledger, retry_failed)
    except DamagedLedger:
        search = Search(plan)
    driver = Driver(experiment, search, ledger, progress)
    driver.on_entry = on_entry
    driver.want_models()
    if search.is_over:
        progress.replaces(history.keep(store, plan))
    if search.is_over and lease.read(store) is not None:  # the run before this one was killed at its very end
        with suppress(UserError), lease.hold(store, progress.describe, progress.wait_for):
            driver.needed_elsewhere = _needed_elsewhere(store, search)
            driver.tidy()
    if not search.is_over:
        environment = Environment.of_command(experiment.environment)
        if experiment.precision == "auto":
            progress.chose(chosen)
        progress.warn(check(experiment, weights))
        store.check_writable()
        with lease.hold(store, progress.describe, progress.wait_for) as held:
            record(experiment, weights)
            precision.record(experiment, plan.studies[0].question.precision)
            try:  # again: from now on nobody else adds to it
                driver.search = search = _search(plan, ledger, retry_failed)
            except DamagedLedger:
                progress.set_aside(ledger.set_aside())
                driver.search = search = _search(plan, ledger, retry_failed)
            driver.want_models()
            progress.replaces(history.keep(store, plan))
            progress.earlier(of_earlier_code(search.outcomes.values()))
            driver.lease, driver.stop = held, stop
            driver.run = runs.record(store, provenance(experiment.name, file, command))
            driver.needed_elsewhere = _needed_elsewhere(store, search)
            driver.tidy()
            _check_disk(experiment, search, store)
            with stop.later(), scratch() as folder:
                _run_trials(experiment, environment, driver, progress, on_loss, stop, address, folder)
            driver.tidy()
    return Summary(
        plan=plan,
        started=driver.started,
        failed=[one for study in plan.studies for one in search.ended(study) if one.status == "failed"],
        collapsed=driver.collapsed,
        blocked=[study for study in plan.studies if not search.is_reachable(study)],
    )


def _run_trials(
    experiment: Experiment,
    environment: Environment,
    driver: Driver,
    progress: Progress,
    on_loss: Callable[[str], object],
    stop: Stop,
    address: str | None,
    folder: Path,
) -> None:
    """Everything that is left of the search, with Ray. Raises as `run` does."""
    logs = Logs(driver.ledger.store, folder)

    def lost(reason: str) -> None:
        logs.save(broke_down=True)
        on_loss(f"{reason} (its logs: {logs.breakdown})")

    try:
        cluster = ray_cluster(address, experiment.resources, logs.file, lost, folder)
        with progress.running(driver.search.plan, driver.search, logs.told), cluster as found:
            stop.listen()
            stop.check()
            if address is not None:
                progress.warn(one.problem for one in quick(experiment, driver.search.plan, driver.ledger.store))
            progress.room(found.room.slots)
            driver.slots = lambda: found.room.slots
            found.on_look = lambda cluster: progress.look(cluster.room.slots, cluster.room.need, cluster.why)
            from trainables.workers.group import start_group

            question = driver.search.plan.studies[0].question  # one model and one precision, in all studies
            tune_all(driver, partial(start_group, _group_config(experiment, question, environment)), folder)
    except RayLost as error:
        logs.save(broke_down=True)
        raise RayLost(f"{error} (its logs: {logs.breakdown})") from error
    except BaseException as error:
        logs.save(broke_down=not isinstance(error, (UserError, Stopped)))
        raise
    finally:
        stop.listen()
    logs.save(broke_down=driver.met_faults)


def _search(plan: Plan, ledger: Ledger, retry_failed: bool) -> Search:
    return Search(plan, (one for one in ledger.outcomes() if not (retry_failed and one.status == "failed")))


def _needed_elsewhere(store: Store, search: Search) -> set[str]:
    """The trials whose weights the other experiments of the store need: what is over for one may not be for another."""
    others = [name for name in history.experiments(store) if name != search.plan.experiment]
    plans = history.current(store, others) if others else []
    outcomes = search.outcomes.values()
    return {trial_id for kept in plans for trial_id in Search(kept.plan, outcomes).needed()}


def _check_disk(experiment: Experiment, search: Search, store: Store) -> None:
    """Raises UserError where even the lowest estimate of the checkpoints does not fit; an unknown one is fine."""
    free = store.free_space()
    room = disk(experiment, search.plan, {study.name: search.left(study) for study in search.plan.studies})
    if free is None or room.peak is None:
        return
    need = room.peak.low - sum(store.size(name) for name in store.list("checkpoints"))
    if free < need:
        message = (
            f"the disk of the store '{store.uri}' has {free / 1e9:.2g} GB left, and this needs {need / 1e9:.2g} GB"
        )
        hint = f"free some, or give a larger one: store=DIR ({room.why})"
        raise UserError(Problem(message, hint=hint))


def _group_config(experiment: Experiment, question: TrialSpec, environment: Environment) -> GroupConfig:
    """What the worker groups of an experiment are made of."""
    from trainables.workers.group import GroupConfig

    resources, store = experiment.resources, Store(experiment.store)
    return GroupConfig(
        store=store.root if store.is_local else store.uri,
        data=experiment.data_config,
        tasks=experiment.catalogue.own,
        workers=resources.workers,
        cpus_per_worker=resources.cpus_per_worker,
        gpus_per_worker=resources.gpus_per_worker,
        save_minutes=experiment.save_minutes,
        model=question.model,
        weights=question.weights,
        precision=question.precision,
        gradient_checkpointing=experiment.gradient_checkpointing,
        environment=environment,
    )


def tune_all(driver: Driver, start_group: Callable[[str], Group], scratch: Path) -> None:
    """One Tuner for the whole grid: warm groups serve every study, and there is one queue.

    Args:
        start_group: starts a worker group of a name, in the broker's process.
        scratch: a folder for what Tune writes; nothing in it is needed again.

    Raises:
        UserError: the run must stop.
        RayLost: the broker is gone, or all of Ray.
        Stopped: somebody stopped it.
    """
    from ray import tune
    from ray.air._internal import usage

    from sweep.running.scheduler import PlanScheduler
    from sweep.running.searcher import PlanSearcher, ReportCallback
    from trainables.workers.trainable import FineTuneTrainable

    keep_out_of_logs()
    usage.tag_callbacks = lambda callbacks: False  # which imports every tracker that is installed
    broker = start_broker(start_group)
    trainable = tune.with_parameters(FineTuneTrainable, broker=broker)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {_this_node(): SHARE}),
        tune_config=tune.TuneConfig(
            metric="progress",
            mode="max",
            num_samples=-1,
            search_alg=PlanSearcher(driver, broker),
            scheduler=PlanScheduler(),
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=str(scratch),
            verbose=0,
            callbacks=[ReportCallback(driver, broker)],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False, checkpoint_frequency=0),
        ),
    )
    try:
        tuner.fit()
    except Exception:
        if driver.stopped is not None:  # Tune wraps what is raised in its callbacks
            raise driver.stopped from None
        raise
    if not driver.search.is_over:
        raise Stopped(signal.SIGUSR1)  # the signal that Tune itself ends for


def start_broker(start_group: Callable[[str], Group]) -> ActorHandle[Any]:
    """The broker, up and running on the driver's own node: others come and go, and the run cannot do without it."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from trainables.workers.broker import Broker
    from trainables.workers.group import draining

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    made = ray.remote(Broker).options(num_cpus=0, scheduling_strategy=here, max_concurrency=CALLS, max_task_retries=-1)
    broker: Any = made.remote(start_group, draining)
    ray.get(broker.take_last.remote(""))
    assert isinstance(broker, ray.actor.ActorHandle)
    return broker


def _this_node() -> str:
    """The resource that only the driver's node has. The actors in front of the groups wait, and are light: on another
    node they would keep it from being given back, and go when it goes.
    """
    import ray

    here = ray.get_runtime_context().get_node_id()
    nodes: Any = ray.nodes()  # type: ignore[no-untyped-call]
    (resources,) = [one["Resources"] for one in nodes if one["NodeID"] == here]
    return next(str(name) for name in (HEAD, *resources) if name in resources and name.startswith("node:"))
