"""`sweep doctor`: is this machine, this cluster, this store ready and whole, and if not, what is to be done?"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweep.cli.completion import experiments
from sweep.cli.plan import OverridesArgument
from sweep.console import Console, hand_out, styled

if TYPE_CHECKING:
    from sweep.running.doctor.finding import Finding
    from trainables.store import Store

SHOWN = 4
"""Nodes that are named, and different things that are said of nodes on which all is fine."""

STYLES = {"fine": "green", "warning": "yellow", "wrong": "red"}


def doctor(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPERIMENT|STORE",
            help="What is to be run, or a store to look through.",
            autocompletion=experiments,
        ),
    ] = None,
    overrides: OverridesArgument = None,
    address: Annotated[str | None, typer.Option(help="Of a running Ray cluster, whose nodes are looked at.")] = None,
    on: Annotated[Path | None, typer.Option("--on", help="The cluster.yaml of a cluster.")] = None,
    mend: Annotated[
        bool, typer.Option("--mend", help="Of a store: set damaged files aside, remove what nobody needs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Look whether all is ready or whole. Exit code 0: all is fine, 1: there are warnings, 2: something is wrong."""
    from sweep.results.tables import to_json
    from sweep.running.doctor.finding import exit_code, worst

    store = None if what is None else _store(what)
    _check_options(store is not None, overrides or [], address, on, mend)
    console = Console()
    done: list[str] = []
    if store is not None:
        from sweep.running.doctor import store as of_store

        if mend:
            progress = Console(stderr=True)
            done = of_store.mend(store, lambda found: progress.say(f"a run on {found['host']} is silent: waiting"))
        findings = of_store.check(store).findings
    else:
        findings = _ready(what, overrides or [], address, on)
    if as_json:
        values = {"level": worst(findings), "findings": [dataclasses.asdict(one) for one in findings]}
        hand_out(to_json({**values, "done": done} if mend else values))
    else:
        for line in done:
            console.say(line)
        _show(console, findings)
    raise typer.Exit(exit_code(findings))


def _store(what: str) -> Store | None:
    """The store that is meant; None: an experiment is. Raises UserError where it is both, or neither."""
    from sweep.experiment.file import shipped
    from sweep.running.doctor.store import is_store
    from trainables.errors import Problem, UserError, nearest
    from trainables.store import Store, expanded, holds

    experiment = holds(Path(what).is_file) or what in shipped()
    if "://" not in what and not holds(expanded(what).is_dir):
        if experiment:
            return None
        hint = f"an experiment is a file or one of {', '.join(shipped())}; a store is a folder, or s3://BUCKET/PREFIX"
        close = nearest(Path(what).stem, shipped())
        hint = f"{close} {hint}" if close.startswith("did you mean") else hint
        raise UserError(Problem(f"there is neither an experiment nor a store '{what}'", hint=hint))
    store = Store(what)
    found = is_store(store)
    if found and experiment:
        hint = f"for the store give ./{what}; for the experiment the path of its file"
        raise UserError(Problem(f"'{what}' is a shipped experiment, and a store here", hint=hint))
    if not found and not experiment:
        hint = "a store is what stands after 'store:' in the experiment, once that was run; an experiment is a file"
        raise UserError(Problem(f"'{what}' is no store: there are neither trials nor plans in it", hint=hint))
    return store if found else None


def _check_options(is_store: bool, overrides: Sequence[str], address: str | None, on: Path | None, mend: bool) -> None:
    from trainables.errors import Problem, UserError

    problems = []
    if is_store and (overrides or address is not None or on is not None):
        hint = "leave KEY=VALUE, --address and --on out, or name the experiment instead"
        problems.append(Problem("a store is looked through by itself", hint=hint))
    if mend and not is_store:
        problems.append(Problem("--mend is for a store", hint="sweep doctor STORE --mend"))
    if address is not None and on is not None:
        problems.append(Problem("--address and --on both name a cluster", hint="give one of them"))
    if problems:
        raise UserError(problems)


def _show(console: Console, findings: Iterable[Finding]) -> None:
    """A line each, those that are wrong last, where they are seen; what several nodes have in common once."""
    from sweep.running.doctor.finding import LEVELS, worst

    listed = list(findings)
    width = max((len(one.check) for one in listed), default=0)
    for (level, check, message, todo), places in sorted(
        _together(listed).items(), key=lambda item: LEVELS.index(item[0][0])
    ):
        where = f"{_some(places)}: " if places else ""
        console.say(styled(f"{level:7}", STYLES[level]), f" {check:{width}}  {where}{message}")
        if todo is not None:
            console.say(f"{'':{width + 11}}{todo}", style="dim")
    counts = {level: sum(one.level == level for one in listed) for level in LEVELS}
    level = worst(listed)
    told = {"fine": "all is fine", "warning": f"warnings: {counts['warning']}", "wrong": f"wrong: {counts['wrong']}"}
    console.say(told[level], style=STYLES[level])


def _together(findings: Sequence[Finding]) -> Mapping[tuple[Any, ...], list[str]]:
    """Findings that differ in the place alone, with these; of what is fine on many nodes the first is an example."""
    messages: dict[str, set[str]] = defaultdict(set)
    for one in findings:
        if one.level == "fine" and one.where is not None:
            messages[one.check].add(one.message)
    examples = {one.check: one.message for one in reversed(findings) if len(messages[one.check]) > SHOWN}
    found: dict[tuple[Any, ...], list[str]] = {}
    for one in findings:
        is_alike = one.level == "fine" and one.where is not None and one.check in examples
        message = f"such as {examples[one.check]}" if is_alike else one.message
        places = found.setdefault((one.level, one.check, message, one.todo), [])
        places += [one.where] if one.where else []
    return found


def _some(places: Sequence[str]) -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return ", ".join(places[:SHOWN]) + more


def _ready(name: str | None, overrides: Sequence[str], address: str | None, on: Path | None) -> list[Finding]:
    """Of an experiment and the machines it is to run on, or of these alone."""
    from sweep.experiment.file import load, shipped
    from sweep.running.doctor.cluster_file import of_file
    from sweep.running.doctor.head import by_the_head
    from sweep.running.doctor.ready import ready
    from sweep.running.launch.cluster_file import read_cluster_file

    experiment = None if name is None else load(name, overrides)
    if on is None:
        return ready(experiment, address)
    cluster = read_cluster_file(on)
    found = of_file(cluster.document, experiment.resources if experiment else None)
    # The head knows the shipped experiments: another one gets there when it is launched.
    return [*found, *by_the_head(cluster, [name, *overrides] if name in shipped() else [])]
