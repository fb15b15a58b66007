"""The command line: fast to start, exact in what it says."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import write_experiment
from tests.integration.test_run import sweep
from tests.unit.test_driver import Rig
from tests.unit.test_views import play

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    conditions = ["none", {"name": "nli_1", "tasks": ["mini-nli"]}]
    play(Rig(folder, conditions=conditions, targets=["mini-pos"], languages=["de"]))
    return folder / "store"


def test_help_names_every_command() -> None:
    done = sweep("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("plan", "run", "query"))


def test_the_plan_of_a_shipped_experiment(tmp_path: Path) -> None:
    one, two = (sweep("plan", "demo", "--json", cwd=tmp_path) for _ in range(2))
    assert one.returncode == 0
    assert one.stdout == two.stdout
    plan = json.loads(one.stdout)
    assert plan["trials"] == sum(study["to_run"] for study in plan["studies"])
    text = sweep("plan", "demo", "trials.target=3", "--studies", cwd=tmp_path).stdout
    assert "target/none/mini-qa" in text
    assert not list(tmp_path.iterdir())  # planning writes nothing


def test_mistakes_exit_with_2_and_no_traceback(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, targets=["mini-pso"])
    for arguments in (["plan", path], ["run", path], ["plan", "demoo"], ["plan", "demo", "trials=x"], ["nonsense"]):
        done = sweep(*arguments, cwd=tmp_path)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr
    assert "did you mean 'mini-pos'?" in sweep("run", path).stderr
    assert not (tmp_path / "store").exists()


def test_an_address_without_a_cluster_is_refused(tmp_path: Path) -> None:
    done = sweep("run", write_experiment(tmp_path), "--address", "127.0.0.1:1")
    assert done.returncode == 2
    assert "no Ray cluster answers at '127.0.0.1:1'" in done.stderr
    assert "Traceback" not in done.stderr


SQL = "select condition, language, mean from best where main order by all"


def test_every_format_says_the_same(store: Path, tmp_path: Path) -> None:
    rows = [["nli_1", "de", 65.0], ["none", "de", 60.0]]
    assert list(csv.reader(io.StringIO(sweep("query", store, SQL, "--format", "csv").stdout)))[1:] == [
        [str(value) for value in row] for row in rows
    ]
    assert [list(row.values()) for row in json.loads(sweep("query", store, SQL, "--format", "json").stdout)] == rows
    assert "| none | de | 60 |" in sweep("query", store, SQL, "--format", "markdown").stdout
    assert r"nli\_1 & de & 65 \\" in sweep("query", store, SQL, "--format", "latex").stdout
    assert "nli_1" in sweep("query", store, SQL).stdout
    target = tmp_path / "x.parquet"
    assert sweep("query", store, SQL, "--format", "parquet", "--output", target).returncode == 0
    assert [list(row.values()) for row in pq.read_table(target).to_pylist()] == rows


def test_pivot_works(store: Path) -> None:
    sql = "pivot (select condition, language, mean from best where main) on language using any_value(mean)"
    assert "65.0" in sweep("query", store, sql, "--format", "csv").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "from best"], "there is no store 'nowhere'"),
        (["STORE", "from bset"], "did you mean 'best'?"),
        (["STORE", "drop view best"], "the ledger is never changed"),
        (["STORE", "from best", "--format", "parquet"], "give --output FILE"),
        (["STORE", "selec 1"], "syntax error"),
    ],
)
def test_a_wrong_query_exits_with_2(store: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = sweep("query", *(str(store) if one == "STORE" else one for one in arguments), cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_cannot_be_had_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = sweep("run", write_experiment(tmp_path, model="somebody/nothing"))
    assert done.returncode == 2
    assert "the commit of 'somebody/nothing' is not known here" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists()


def test_an_address_is_of_the_form_host_and_port(tmp_path: Path) -> None:
    done = sweep("run", write_experiment(tmp_path), "--address", "somewhere")
    assert done.returncode == 2
    assert "give HOST:PORT" in done.stderr
