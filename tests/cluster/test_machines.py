"""The machines of tests are what they say: a machine's end is its own, and its network goes and comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster import machines, namespace

pytestmark = [pytest.mark.integration, namespace.needs(*machines.PROGRAMS)]


def test_machines_go_and_come_back_one_by_one(tmp_path: Path) -> None:
    with machines.Machines(tmp_path, 2) as both:
        assert both.run("hostname; echo $HOME", on=1).stdout.split() == ["machine1", str(both.home(1))]
        assert both.run("sleep 1000 >/dev/null 2>&1 & touch ~/here", on=2).returncode == 0
        assert both.run("pgrep --full '[s]leep 1000'", on=1).returncode == 1  # one does not see what runs on the other
        both.cut(2)
        assert "timed out" in both.run("true", on=2).stdout
        both.mend(2)
        assert both.run("pgrep --full '[s]leep 1000'", on=2).returncode == 0
        both.kill(2)
        assert "timed out" in both.run("true", on=2).stdout
        both.start(2)
        assert both.run("pgrep --full '[s]leep 1000'; ls", on=2).stdout.split() == ["here", "sweep-env"]
        assert both.run("true", on=1).returncode == 0
