"""`sweep.open`: a store's results as data frames."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

import sweep
from sweep.results.opened import CALLS
from tests.unit.test_driver import Rig
from tests.unit.test_views import ONE_TARGET, play
from trainables.errors import UserError

NAME = "<b>nli"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("opened")
    conditions = ["none", "mini-nli", {"name": NAME, "tasks": ["mini-nli"], "languages": ["en", "de"]}]
    return play(Rig(folder, **{**ONE_TARGET, "conditions": conditions, "seeds": [1, 2]})).store.uri


def test_every_view_is_a_data_frame(store: str) -> None:
    opened = sweep.open(store)
    for frame in (opened.trials(), opened.scores(), opened.best(), opened.transfer(), opened.leaderboard()):
        assert isinstance(frame, pd.DataFrame)
    best = opened.best()
    means = best[best.main & (best.language == "de")].set_index("condition")["mean"]
    assert means.to_dict() == {"none": 60.5, "mini-nli": 65.5, NAME: 65.5}


def test_polars_is_there_for_the_asking(store: str) -> None:
    opened = sweep.open(store, frames="polars")
    best = opened.best()
    assert isinstance(best, pl.DataFrame)
    assert best.filter(pl.col("main"), pl.col("condition") == "none")["mean"].sort().to_list() == [60.5, 80.5]


def test_values_are_parameters_and_never_sql(store: str) -> None:
    opened = sweep.open(store)
    found = opened.sql("select distinct condition from best where condition = $name", name=NAME)
    assert found["condition"].tolist() == [NAME]
    assert opened.sql("select count(*) as rows from best where condition = $name", name="' or true --")["rows"][0] == 0


def test_transfer_takes_any_baseline(store: str) -> None:
    opened = sweep.open(store)
    usual, other = opened.transfer(), opened.transfer(baseline="mini-nli")
    assert list(other.columns) == list(usual.columns)
    deltas = other.groupby("condition")["delta"].unique().map(list).to_dict()
    assert deltas == {"none": [-5.0], NAME: [0.0]}
    with pytest.raises(UserError, match=r"no condition 'mini-nil'\n.*did you mean 'mini-nli'"):
        opened.transfer(baseline="mini-nil")


def test_without_data_frames_it_says_what_to_install(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    gone = {"pandas", "polars"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else real(name))
    with pytest.raises(UserError, match=r"neither pandas nor polars is installed\n.*\[analysis\]"):
        sweep.open(store)
    gone.remove("polars")
    assert sweep.open(store).frames == "polars"
    with pytest.raises(UserError, match="pandas is not installed"):
        sweep.open(store, frames="pandas")


def test_the_comparison_is_that_of_the_command_line(store: str) -> None:
    opened = sweep.open(store)
    frame, said = opened.compare(), opened.sentences()
    assert set(frame["condition"]) == {"mini-nli", NAME}
    assert {"difference", "low", "high", "p_adjusted", "verdict"} <= set(frame.columns)
    assert isinstance(said[0], str)
    assert isinstance(sweep.open(store, frames="polars").compare(by="language"), pl.DataFrame)


def test_what_is_wrong_is_said_as_on_the_command_line(store: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'small'"):
        sweep.open(store, experiment="smal").best()
    with pytest.raises(UserError, match="there is no ledger"):
        sweep.open(tmp_path).best()
    with pytest.raises(UserError, match="known: pandas, polars"):
        sweep.open(store, frames="spark")  # type: ignore[arg-type]


def test_a_notebook_shows_what_is_there_and_what_to_call(store: str, tmp_path: Path) -> None:
    class Texts(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.text: list[str] = []

        def handle_data(self, data: str) -> None:
            self.text.append(data)

    page = Texts()
    page.feed(sweep.open(store)._repr_html_())
    assert {store, "small", "finished", *CALLS} <= set(page.text)
    assert "no experiment was run here yet" in sweep.open(tmp_path)._repr_html_()
    for call in CALLS:
        assert hasattr(sweep.open(store), call[1:].partition("(")[0])
    assert repr(sweep.open(store, experiment="small")).startswith(f"sweep.open({store!r}, experiment='small')")


def test_importing_sweep_imports_nothing_heavy() -> None:
    code = (
        "import sweep, sys; print(sorted({'pandas', 'polars', 'pyarrow', 'duckdb', 'torch', 'ray'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"
