"""`sweep tasks`: every task, and where its data lies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sweep.cli import completion


def tasks(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="TASK", help="Which; without one all.", autocompletion=completion.tasks),
    ] = None,
    files: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="A folder of release files, or s3://...: what of each task is there?"),
    ] = None,
    own: Annotated[list[Path] | None, typer.Option("--task", help="A task file of your own; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """List tasks. Of each its kind, languages, metric, and where its examples come from."""
    from sweep.console import Console, hand_out
    from sweep.results.tables import rich_table, to_json
    from trainables.errors import Problem, UserError, nearest
    from trainables.tasks import Catalogue, parse

    catalogue = Catalogue([parse(path) for path in own or ()])
    unknown = [name for name in names or () if name not in catalogue]
    if unknown:
        raise UserError([Problem(f"unknown task '{name}'", hint=nearest(name, list(catalogue))) for name in unknown])
    listed = {name: task for name, task in _listed(catalogue, files).items() if name in (names or catalogue)}
    if as_json:
        hand_out(to_json(listed))
        return
    rows = [
        [name, task["kind"], task["main_score"], len(task["languages"]), task["training_set"] or "", _found(task)]
        for name, task in listed.items()
    ]
    console = Console()
    console.print(rich_table(["task", "kind", "score", "languages", "trained on", "data"], rows))
    if files is None:
        console.say("With --files DIR: what of it is in a folder of release files.")


def _listed(catalogue: Any, files: str | None) -> dict[str, dict[str, Any]]:
    """What is said of each task. `data` has the languages of each split; `where` is a place, None: not there."""
    from trainables.data import open_source
    from trainables.tasks.layout import SPLITS

    folder = open_source({"files": files}, catalogue) if files else None
    embedded, hub = open_source("mini"), open_source("hub", catalogue)
    listed = {}
    for name, task in catalogue.items():
        if task.mini:
            source, where = embedded, "embedded"
        elif folder is not None:
            source, where = folder, "files"
        else:
            datasets = [catalogue[part].hub for part in task.parts or (name,)]
            names = dict.fromkeys(layout.dataset for one in datasets for layout in one)
            source, where = hub, ", ".join(names) or "release files"
        data = {split: list(source.languages(task, split)) for split in SPLITS}
        listed[name] = {
            "title": task.title,
            "kind": task.kind,
            "metric": task.metric,
            "main_score": task.main_metric,
            "chosen_by": list(task.chosen_by),
            "languages": list(task.languages),
            "training_set": task.training_set,
            "after": task.after,
            "without": list(task.without),
            "score_on": task.score_on,
            "where": where if any(data.values()) or folder is None else None,
            "data": {split: languages for split, languages in data.items() if languages},
            "note": task.note,
            "citation": task.citation,
            "licence": task.licence,
        }
    return listed


def _found(task: dict[str, Any]) -> str:
    splits = (
        f"{split} {languages[0] if len(languages) == 1 else len(languages)}"
        for split, languages in task["data"].items()
    )
    return "not there" if task["where"] is None else ": ".join(filter(None, [task["where"], ", ".join(splits)]))
