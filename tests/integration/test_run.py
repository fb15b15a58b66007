"""`sweep run` as a user meets it: a real process with real Ray, Tune, Train and Optuna on a tiny model."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sweep.results.query import query
from tests.conftest import ONE_GROUP, write_experiment
from trainables.store import Store

pytestmark = pytest.mark.integration
SWEEP = str(Path(sys.executable).with_name("sweep"))


def sweep(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SWEEP, *map(str, arguments)], capture_output=True, text=True, timeout=280, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """An experiment that was run to its end, with two seeds."""
    path = write_experiment(tmp_path_factory.mktemp("run"), seeds=[1, 2])
    return path, sweep("run", path)


def test_a_run_ends_with_a_table_and_what_to_do_next(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    path, done = finished
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for words in ("mini-pos", "mini-bitext", "chance", "Parquet files:", "sweep query"):
        assert words in done.stdout
    # a line per trial: 2 + 1 for the condition, 2 x (2 + 1) for the pairs, 2 x 2 + 1 + 2 evaluations
    lines = re.findall(r"^\d\d:\d\d:\d\d \d+/16 ", done.stdout, re.MULTILINE)
    assert len(lines) == 16
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if "│" in line)
    (log,) = (path.parent / "store" / "logs").iterdir()
    assert "ray" in log.read_text().lower()


def test_the_store_that_it_leaves_is_whole(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    path, _ = finished
    done = sweep("doctor", path.parent / "store")
    assert done.returncode == 0, done.stdout
    assert "small is done" in done.stdout and "16 trials" in done.stdout


def test_the_ledger_answers_the_question(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    path, _ = finished
    store = path.parent / "store"
    done = sweep(
        "query",
        store,
        "select condition, target, language, mean, seeds from best where main order by all",
        "--format",
        "csv",
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    found = {(row["condition"], row["target"], row["language"]): row["seeds"] for row in rows}
    assert found == {
        ("mini-nli", "mini-bitext", "de"): "2 of 2",
        ("mini-nli", "mini-pos", "de"): "2 of 2",
        ("mini-nli", "mini-pos", "en"): "2 of 2",
        ("none", "mini-bitext", "de"): "1 of 1",  # the model's own weights know no seed
        ("none", "mini-pos", "de"): "2 of 2",
        ("none", "mini-pos", "en"): "2 of 2",
    }
    statuses = query(Store(str(store)), "select distinct status from trials").to_pylist()
    assert statuses == [{"status": "finished"}]
    shared = query(Store(str(store)), "select count(distinct worker_group) as groups from trials").to_pylist()
    assert shared[0]["groups"] <= len(os.sched_getaffinity(0))  # groups are handed on


def test_the_conditions_winners_alone_leave_checkpoints(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    store = Store(str(finished[0].parent / "store"))
    kept = {Path(name).stem for name in store.list("checkpoints")}
    sql = "select distinct parent from trials where phase = 'target' and parent is not null"
    assert kept == {row["parent"] for row in query(store, sql).to_pylist()}
    assert len(kept) == 2  # one for each seed
    assert not store.list("states")
    assert not list(Path(store.root).rglob(".*"))


def test_a_second_run_starts_nothing(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    path, _ = finished
    files = {file: file.stat().st_mtime_ns for file in (path.parent / "store").rglob("*") if file.is_file()}
    began = time.monotonic()
    done = sweep("run", path)
    assert time.monotonic() - began < 15
    assert done.returncode == 0
    assert "Nothing was left to run." in done.stdout
    assert {file: file.stat().st_mtime_ns for file in (path.parent / "store").rglob("*") if file.is_file()} == files


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, limits={"train_examples": 200, "eval_examples": 16}, resources=ONE_GROUP)
    process = subprocess.Popen([SWEEP, "run", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    before = ""
    for line in process.stdout:
        before += line
        if " 3/" in line:
            beside = [" ".join(one.cmdline()) for one in psutil.Process(process.pid).children(recursive=True)]
            process.send_signal(signal.SIGINT)
            break
    rest, errors = process.communicate(timeout=120)
    assert process.returncode == 130, rest + errors
    assert "to go on:" in rest
    work = ("gcs_server", "raylet", "Agent", "Broker", "Trainable", "_Controller", "RayTrainWorker")
    sorts = {next((name for name in work if name in title), title) for title in beside if "ray::IDLE" not in title}
    assert sorts == {*work}  # and none that nobody asks
    assert f"sweep run {path}" in rest
    assert errors == ""
    assert _ray_processes(process.pid) == []
    trials = tmp_path / "store" / "ledger" / "trials"
    interrupted = {file.name for file in trials.iterdir()}
    assert len(interrupted) >= 3
    stamps = {name: (trials / name).stat().st_mtime_ns for name in interrupted}
    done = sweep("run", path)
    assert done.returncode == 0, done.stderr
    assert f"{len(interrupted)} of them in the store already" in done.stdout
    assert {name: (trials / name).stat().st_mtime_ns for name in interrupted} == stamps
    assert "Nothing was left" in sweep("run", path).stdout


def _ray_processes(parent: int) -> list[str]:
    """Ray processes whose session belongs to a driver of that id."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"_{parent}/" in command and "ray" in command:
            found.append(command)
    return found


def test_on_a_terminal_the_view_is_kept_up_to_date(tmp_path: Path) -> None:
    path = write_experiment(
        tmp_path, conditions=["none"], targets=["mini-pos"], trials={"target": 2}, resources=ONE_GROUP
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "LINES": "40", "TERM": "xterm"}
    process = subprocess.Popen([SWEEP, "run", str(path)], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # what Linux says when the other side is closed
        pass
    assert process.wait(timeout=60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    for words in ("/3 trials", "running", "best so far", "target/none/mini-pos", "chance", "Next:"):
        assert words in text, text
    lines = text.replace("\r", "\n").splitlines()
    assert all(len(line.rstrip()) <= 80 for line in lines if "│" in line or "trials" in line)


UNBOUNDED = """
from search_spaces import reader
reader.BOUNDS = {**reader.BOUNDS, "learning_rate": (0, 1e31)}
from sweep.cli import main
main()
"""
"""The command, with learning rates that no file may name: of these a trial fails for sure."""


def test_a_failing_trial_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    parameters = "batch_size: 8, warmup: 0.0, weight_decay: 0.01, epochs: {values: [1, 2], first: 1}"
    space.write_text(
        f"intermediate:\n  all: {{learning_rate: {{values: [1.0e-3, 1.0e+30], first: 1.0e+30}}, {parameters}}}\n"
        f"target:\n  all: {{learning_rate: {{values: [1.0e-3, 2.0e-3]}}, {parameters}}}\n"
    )
    path = write_experiment(
        tmp_path, search_space=str(space), trials={"intermediate": 4, "target": 1}, resources=ONE_GROUP
    )

    def failing() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", UNBOUNDED, "run", str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    done = failing()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    failed = query(
        Store(str(tmp_path / "store")), "select study, error from trials where status = 'failed'"
    ).to_pylist()
    assert {row["study"] for row in failed} == {"intermediate/mini-nli"}
    assert all("the gradient is" in row["error"] for row in failed)
    best = query(Store(str(tmp_path / "store")), "select distinct condition from best").to_pylist()
    assert {row["condition"] for row in best} == {"none", "mini-nli"}  # the others of the study had a winner
    again = failing()
    assert again.returncode == 1  # still not all done, and nothing is run again by itself
    assert "Nothing was left to run." in again.stdout


def test_a_trial_that_needs_more_than_there_is_is_refused(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, resources={"cpus_per_worker": 4096})
    done = sweep("run", path)
    assert done.returncode == 2
    assert "a trial needs a machine with 4,096 CPUs" in done.stderr
    assert "Traceback" not in done.stderr


def test_local_ray_listens_on_the_loopback_alone(tmp_path: Path) -> None:
    code = """
import os, sys, pathlib
from sweep.running.cluster import ray_cluster
from sweep.running.scratch import scratch
from sweep.experiment import Resources
with scratch() as folder, ray_cluster(None, Resources(), pathlib.Path(sys.argv[1]), print, folder):
    import ray
    @ray.remote
    class Actor:
        def ping(self): return 1
    actor = Actor.remote()
    ray.get(actor.ping.remote())
    inodes = set()
    for folder in pathlib.Path("/proc").glob("[0-9]*/fd"):
        try:
            command = (folder.parent / "cmdline").read_bytes().decode(errors="replace")
            if str(os.getpid()) in command.split("session_")[-1][:60] or int(folder.parent.name) == os.getpid():
                inodes |= {os.readlink(fd)[8:-1] for fd in folder.iterdir() if os.readlink(fd).startswith("socket:")}
        except OSError:
            continue
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                addresses.add(fields[1].split(":")[0])
    found = sorted(addresses)
print(found)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    addresses = json.loads(done.stdout.strip().splitlines()[-1].replace("'", '"'))
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    assert addresses
    assert set(addresses) <= loopback


def test_hopeless_trials_are_told_to_end(tmp_path: Path) -> None:
    """Learning rates that do nothing, against such that do, under the same schedule: workers wait for the verdict."""
    space = tmp_path / "space.yaml"
    parameters = "batch_size: 8, warmup: 0.0, weight_decay: 0.01, epochs: {values: [4, 5]}"
    rates = "learning_rate: {values: [2.0e-3, 3.0e-3, 4.0e-3, 1.0e-7, 2.0e-7, 3.0e-7]}"
    space.write_text("".join(f"{name}:\n  all: {{{rates}, {parameters}}}\n" for name in ("intermediate", "target")))
    path = write_experiment(
        tmp_path,
        search_space=str(space),
        sampler="grid",
        pruning="median",
        trials={"target": 12},
        conditions=["none"],
        targets=["mini-pos"],
        limits={"train_examples": 120, "eval_examples": 16},
        resources=ONE_GROUP,
    )
    done = sweep("run", path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = query(
        Store(str(tmp_path / "store")),
        "select status, learning_rate, len(curve) as told, epochs, objective from trials where phase = 'target'",
    ).to_pylist()
    assert len(rows) == 12
    pruned = [row for row in rows if row["status"] == "pruned"]
    assert pruned
    assert "pruned" in done.stdout
    assert all(row["objective"] is None and row["told"] < row["epochs"] for row in pruned)
    assert all(row["told"] == row["epochs"] for row in rows if row["status"] == "finished")
    assert max(rows, key=lambda row: row["objective"] or 0)["learning_rate"] > 1e-3
    assert not (tmp_path / "store" / "states").exists() or not list((tmp_path / "store" / "states").iterdir())
