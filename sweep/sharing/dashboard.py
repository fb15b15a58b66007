"""Optuna's own dashboard over the studies of a store: made anew from the ledger, on this machine alone, read-only."""

from __future__ import annotations

import json
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces.axes import encode
from search_spaces.space import contains
from sweep.planning import history
from sweep.planning.plan import Study
from sweep.results.query import query
from trainables.errors import Problem, UserError
from trainables.spec import SEARCHED
from trainables.store import Store

HOST = "127.0.0.1"
"""It asks nobody who they are, so nobody else reaches it."""

NAMES = (HOST, "localhost")
"""What a browser may call it. A page from elsewhere that has its name point here calls it otherwise."""

REFRESH = 30.0
"""Seconds after which the ledger is read again, when somebody looks."""

STATES = {"finished": TrialState.COMPLETE, "failed": TrialState.FAIL, "pruned": TrialState.PRUNED}

ATTRIBUTES = ("trial_id", "role", "winner", "seed", "parent", "collapsed", "seconds", "device", "error")
"""The columns of `trials` that are shown beside a trial's hyper-parameters."""

Respond = Callable[..., Any]
"""WSGI's start_response."""


def studies(store: Store, experiments: Sequence[str] = ()) -> BaseStorage:
    """An Optuna storage with a study for each study of the plans that trains something.

    Its trials are those of the search; of a study without one, all. The winner on further seeds is none of the search.

    Raises:
        UserError: as `query` does.
    """
    plans = history.current(store, experiments)
    sql = "from trials where phase <> 'evaluate' and role <> 'seed' order by finished_at, trial_id"
    rows: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in query(store, sql, None, experiments).to_pylist():
        rows.setdefault((row["experiment"], row["study"]), []).append(row)
    storage = InMemoryStorage()
    for kept in plans:
        for study in kept.plan.studies:
            if study.phase == "evaluate":
                continue
            name = study.name if len(plans) == 1 else f"{kept.plan.experiment}/{study.name}"
            shown = optuna.create_study(storage=storage, study_name=name, direction="maximize")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)  # of the names of what is measured
                shown.set_metric_names(["development score"])
            about: dict[str, Any] = {
                "experiment": kept.plan.experiment,
                "condition": study.condition,
                "phase": study.phase,
            }
            about |= {"training set": study.training_set, "sampler": study.sampler, "trials planned": study.trials}
            for key, value in about.items():
                shown.set_user_attr(key, value)
            shown.add_trials(_trial(study, row) for row in rows.get((kept.plan.experiment, study.name), []))
    return storage


def _trial(study: Study, row: Mapping[str, Any]) -> FrozenTrial:
    """A trial as Optuna has it. What was not searched is an attribute."""
    given = {name: row[name] for name in SEARCHED if row[name] is not None}
    values: dict[str, Any] = {}
    axes: dict[str, BaseDistribution] = {}
    if contains(study.parameters, given):
        values, axes = encode(study.parameters, given, on_scales=False)
    fixed = {name: value for name, value in given.items() if not any(axis.partition("[")[0] == name for axis in axes)}
    curve = dict(enumerate(row["curve"] or (), start=1))
    trial = create_trial(
        state=STATES[row["status"]],
        value=row["objective"] if row["status"] == "finished" else None,
        params=values,
        distributions=axes,
        intermediate_values=curve,
        user_attrs={**{name: row[name] for name in ATTRIBUTES if row[name] is not None}, **fixed},
    )
    trial.datetime_start, trial.datetime_complete = _local(row["started_at"]), _local(row["finished_at"])
    return trial


def _local(moment: datetime) -> datetime:
    """As Optuna keeps times: this machine's, without saying so."""
    return moment.astimezone().replace(tzinfo=None)


class Dashboard:
    """The WSGI application: Optuna's, which it lets read, and only from this machine."""

    def __init__(self, load: Callable[[], BaseStorage]) -> None:
        self._load, self._lock = load, threading.Lock()
        self._app = _application(load())
        self._read = time.monotonic()

    def __call__(self, environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        host = str(environ.get("HTTP_HOST", "")).rpartition(":")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _refuse(respond, "what is shown here is the ledger's, and not changed from here")
        if (host[0] or host[2]) not in NAMES:
            return _refuse(respond, f"this is for {' and '.join(NAMES)} alone")
        with self._lock:
            if time.monotonic() - self._read > REFRESH:
                self._refresh()
            app = self._app
        found: Iterable[bytes] = app(environ, respond)
        return found

    def _refresh(self) -> None:
        self._read = time.monotonic()
        try:
            self._app = _application(self._load())
        except (UserError, OSError):
            return  # the store is away for now: what was there is shown


def _application(storage: BaseStorage) -> Callable[..., Any]:
    import optuna_dashboard

    found: Callable[..., Any] = optuna_dashboard.wsgi(storage)
    return found


def _refuse(respond: Respond, reason: str) -> list[bytes]:
    respond("403 Forbidden", [("Content-Type", "application/json")])
    return [json.dumps({"reason": reason}).encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Without the base class's question to the network for this machine's name."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, int(self.server_address[1])
        self.setup_environ()


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: each page asks every few seconds."""


def open_dashboard(store: Store, experiments: Sequence[str] = (), port: int = 0) -> WSGIServer:
    """A server that waits for `serve_forever`.

    Args:
        port: 0: any that is free.

    Raises:
        UserError: optuna-dashboard is not installed, somebody has the port, or as `studies` does.
    """
    if find_spec("optuna_dashboard") is None:
        hint = 'pip install optuna-dashboard, or pip install "crosslingual-sweep[dashboard]"'
        raise UserError(Problem("optuna-dashboard is not installed", hint=hint))
    dashboard = Dashboard(lambda: studies(store, experiments))
    try:
        return make_server(HOST, port, dashboard, server_class=_Server, handler_class=_Silent)
    except OSError as error:
        hint = "give another one: --port 0 takes any that is free"
        raise UserError(Problem(f"port {port} cannot be had: {error.strerror}", hint=hint)) from error
