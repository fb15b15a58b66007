"""`sweep query`: SQL from the command line, its answer in every format. The store is a real one, made without Ray."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from sweep.cli import app
from tests.unit.test_driver import Rig
from tests.unit.test_views import play

NAME = "nli[en]"
ENDLESS = "select count(*) from range(100000000) a, range(100000000) b"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("query")
    conditions = ["none", {"name": NAME, "tasks": ["mini-nli"]}]
    play(Rig(folder, conditions=conditions, targets=["mini-pos"], languages=["de"]))
    return folder / "store"


def ask(store: Path, *arguments: str, code: int = 0, given: str | None = None) -> Result:
    done = CliRunner().invoke(app, ["query", str(store), *arguments], input=given)
    assert done.exit_code == code, done.output
    return done


def test_columns_of_one_name_are_all_kept(store: Path, tmp_path: Path) -> None:
    sql = "select a.mean, b.mean, 'x' as mean_1, b.mean from best a join best b using (condition) limit 1"
    names = ["mean", "mean_2", "mean_1", "mean_3"]
    (row,) = json.loads(ask(store, sql, "--format", "json").stdout)
    assert list(row) == names
    assert ask(store, sql, "--format", "csv").stdout.splitlines()[0] == ",".join(names)
    for form in ("table", "markdown"):
        assert ask(store, sql, "--format", form).stdout.count("mean") == 4
    file = tmp_path / "x.parquet"
    ask(store, sql, "--format", "parquet", "--output", str(file))
    assert pq.read_table(file).column_names == names


def test_show_tables_lists_what_there_is_to_query(store: Path) -> None:
    listed = ask(store, "show tables", "--format", "csv").stdout.split()[1:]
    assert listed == [
        "best", "budgets", "counts", "diagnostics", "examples", "languages", "leaderboard", "ledger", "means",
        "predictions", "runs", "scores", "trained",
        "transfer", "trials",
    ]  # fmt: skip
    for name in listed:
        assert ask(store, f"describe {name}", "--format", "csv").stdout.count("\n") > 4


def test_a_name_with_brackets_is_shown_and_found(store: Path) -> None:
    sql = f"select condition from best where condition = '{NAME}' and main"
    assert f"│ {NAME} " in ask(store, sql).stdout
    assert ask(store, "select '[/x]' as a").exit_code == 0


@pytest.mark.parametrize(
    "sql", ["-- the best\nselect 1 as x", "--best\nselect 1 as x", "--a=b\nselect 1 as x", "/* c */ select 1 as x"]
)
def test_sql_may_begin_with_a_comment(store: Path, sql: str) -> None:
    for arguments in ([sql, "--format", "csv"], ["--format", "csv", sql]):
        assert ask(store, *arguments).stdout == "x\n1\n"


def test_sql_may_come_from_standard_input(store: Path) -> None:
    assert ask(store, "-", "--format", "csv", given="-- from a file\nselect 1 as x").stdout == "x\n1\n"


@pytest.mark.parametrize("sql", ["", " ", ";", "-- nothing", "/* nothing */"])
def test_sql_without_a_statement_is_refused(store: Path, sql: str) -> None:
    assert "the SQL is empty" in ask(store, sql, code=2).stderr


def test_a_query_that_takes_too_long_is_ended(store: Path) -> None:
    begun = time.monotonic()
    assert (
        "took more than 1 second\n    give it more (--timeout)" in ask(store, ENDLESS, "--timeout", "1", code=2).stderr
    )
    assert time.monotonic() - begun < 30
    assert ask(store, "select 1 as x", "--timeout", "60", "--format", "csv").stdout == "x\n1\n"


def test_a_query_that_takes_too_much_memory_is_ended(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store)
    there = sorted(store.iterdir())
    sql = "select list(range) from range(10000000)"
    assert "more memory than 20MB\n    give it more (--memory)" in ask(store, sql, "--memory", "20MB", code=2).stderr
    assert sorted(store.iterdir()) == there  # nor does it go on in a file
    assert ask(store, "select 1 as x", "--memory", "1GB", "--format", "csv").stdout == "x\n1\n"
    for wrong in ("x", "2 gigs", "-1GB", "1", ""):
        assert f"'{wrong}' is no amount of memory" in ask(store, "select 1", "--memory", wrong, code=2).stderr


def test_ctrl_c_ends_a_query_at_once(store: Path) -> None:
    command = [sys.executable, "-m", "sweep", "query", str(store), ENDLESS]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while psutil.Process(process.pid).cpu_times().user < 3:  # a start takes one
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (".", "is a folder"),
        ("nowhere/x.csv", "there is no folder"),
        ("x" * 256, "it has 256 bytes"),
        ("ü" * 128, "it has 256 bytes"),
        ("a\x1b[2Jb", r"'a\x1b[2Jb' has control characters"),
        ("a\nb", "has control characters"),
    ],
)
def test_where_no_file_can_be_written_nothing_is_asked(output: str, words: str) -> None:
    assert words in ask(Path("no store"), "no sql", "--output", output, code=2).stderr


def test_two_plans_of_one_experiment_are_not_counted_together(tmp_path: Path) -> None:
    few = play(Rig(tmp_path, trials={"target": 1}, conditions=["none"], targets=["mini-pos"]))
    play(Rig(tmp_path, trials={"target": 2}, conditions=["none"], targets=["mini-pos"]))
    arguments = ["from counts", "--experiment", "small", "--experiment"]
    assert (
        "two plans of experiment 'small'"
        in ask(tmp_path / "store", *arguments, f"small@{few.plan.hash}", code=2).stderr
    )
    assert ask(tmp_path / "store", *arguments, "small", "--format", "csv").stdout.count("1 of 1") == 1


def test_sql_may_come_from_a_file(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "question.sql"
    file.write_text("\ufeff-- what\nselect 1 as x;\n", encoding="utf-8")
    for option in ("--file", "-f"):
        assert ask(store, option, str(file), "--format", "csv").stdout == "x\n1\n"
    assert ask(store, "-f", "-", "--format", "csv", given="select 2 as x").stdout == "x\n2\n"
    assert "give either SQL or --file" in ask(store, "from best", "-f", str(file), code=2).stderr
    assert "there is no SQL" in ask(store, code=2).stderr
    assert "nothing.sql: cannot be read: No such file" in ask(store, "-f", "nothing.sql", code=2).stderr
    file.write_bytes(b"\xff\xfe\x00")
    assert "question.sql: cannot be read: it is not UTF-8" in ask(store, "-f", str(file), code=2).stderr


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select condtion from best", "did you mean 'condition'?"),
        ("select b.conditoin from best b", "did you mean 'condition'?"),
        ("from bset", "did you mean 'best'?"),
        ("from transfer_form('none')", "did you mean 'transfer_from'?"),
        ("select avgg(mean) from best", 'Did you mean "avg"?'),
        ("from best where condition = nothing_like_it", "a text stands in single quotes: 'nothing_like_it'"),
        ("selct 1", 'syntax error at or near "selct"'),
        ("select 1 from 'sealed://../run.json'", "FileNotFoundError: sealed://../run.json"),
    ],
)
def test_wrong_sql_is_answered_with_the_nearest_right(store: Path, sql: str, words: str) -> None:
    said = ask(store, sql, code=2).stderr
    assert words in said
    assert "Traceback" not in said


def test_nothing_stands_in_the_midst_of_an_answer_that_takes_long(store: Path) -> None:
    sql = "select value from duckdb_settings() where name = 'enable_progress_bar'"
    assert ask(store, sql, "--format", "csv").stdout == "value\nfalse\n"


def test_what_is_no_store_or_an_empty_one_says_so(tmp_path: Path) -> None:
    assert "there is no store" in ask(tmp_path / "nowhere", "from best", code=2).stderr
    assert "there is no ledger" in ask(tmp_path, "from best", code=2).stderr
    begun = Rig(tmp_path, targets=["mini-pos"])
    assert "no trial has finished" in ask(tmp_path / "store", "from best", code=2).stderr
    begun.run(stop_at="evaluate")
    (tmp_path / "store" / "ledger" / "scores").mkdir(exist_ok=True)
    (tmp_path / "store" / "ledger" / "scores" / f".x.parquet.{'0' * 32}").write_bytes(b"PAR1")  # a writer was killed
    assert ask(tmp_path / "store", "select count(*) as n from scores", "--format", "csv").stdout == "n\n0\n"
