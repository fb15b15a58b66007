"""What the shell offers after the tab key. Files it offers by itself, where none of these fits."""

from __future__ import annotations


def experiments(begun: str) -> list[str]:
    """The shipped experiments."""
    from sweep.experiment.file import shipped

    return [name for name in shipped() if name.startswith(begun)]


def tasks(begun: str) -> list[str]:
    """The shipped tasks."""
    from trainables.tasks import Catalogue

    return [name for name in Catalogue() if name.startswith(begun)]


def benchmarks(begun: str) -> list[str]:
    """The benchmarks that `sweep score` knows."""
    from sweep.scoring import benchmark

    return [name for name in benchmark.names() if name.startswith(begun)]


def trackers(begun: str) -> list[str]:
    """The experiment trackers that results can be shown in."""
    from sweep.sharing.tracker import PACKAGES

    return [name for name in PACKAGES if name.startswith(begun)]
