"""The file of an experiment: found, overridden from the command line, and answered with every mistake at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import experiments
from sweep.experiment import Experiment
from sweep.experiment.expansion import expand
from sweep.experiment.findings import places_of, problems_of
from sweep.experiment.grid import check_grid
from sweep.experiment.overrides import override
from trainables import tasks
from trainables.errors import Problem, UserError, nearest
from trainables.store import holds
from trainables.tasks import Catalogue, Task, misfits
from trainables.yaml_file import Place, YamlFile, read_yaml

SHIPPED = Path(experiments.__file__).parent


def shipped() -> tuple[str, ...]:
    """The names of the experiments that come with the package."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def find(name: str) -> Path:
    """The file of an experiment: a path, or the name of a shipped one. Raises UserError where there is none."""
    if holds(Path(name).is_file):
        return Path(name)
    if name in shipped():
        return SHIPPED / f"{name}.yaml"
    hint = f"{nearest(Path(name).stem, shipped())} (shipped experiments; or give a file)"
    raise UserError(Problem(f"there is no experiment '{name}'", hint=hint))


def load(name: str, overrides: Sequence[str] = ()) -> Experiment:
    """Reads, overrides and checks an experiment.

    Args:
        name: a file or the name of a shipped experiment.
        overrides: `KEY=VALUE`, the key a dotted path, the value YAML: `trials.target=4`, `seeds=[1,2]`.

    Raises:
        UserError: with every problem of the file, the overrides and the data they name.
    """
    document = read_yaml(find(name))
    if not isinstance(document.values, dict):
        raise UserError(document.problem("is not an experiment: keys and values are expected at the top"))
    problems = list(override(document, overrides))
    document, wrong = expand(document)
    problems += wrong
    catalogue, wrong = _own_tasks(document)
    problems += wrong
    experiment, errors = _validate(document, catalogue)
    problems += dict.fromkeys(problem for error in errors for problem in problems_of(error, document))
    # What is right is checked all the same, so that everything wrong is said at once.
    rest = document
    while errors:
        pruned = _pruned(rest, [place for error in errors for place in places_of(error, rest.values)])
        if pruned.values == rest.values:
            break
        rest = pruned
        experiment, errors = _validate(rest, catalogue)
        # A list is read for what is in it twice once each value is right.
        problems += [problem for one in errors if one["type"] == "twice" for problem in problems_of(one, rest)]
    if experiment is not None and not wrong:
        problems += check_grid(experiment, rest)
    if problems or experiment is None:
        problems = [*dict.fromkeys(problems)]  # a row of conditions has what is wrong with its template once for each
        raise UserError(sorted(problems, key=lambda problem: (problem.file or "", problem.line or 0)))
    return experiment


def _own_tasks(document: YamlFile) -> tuple[Catalogue, list[Problem]]:
    """The shipped tasks and those of the files under `tasks`; files that are no tasks are taken out of the document."""
    own: dict[Path, Task] = {}
    paths = document.values.get("tasks", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        return Catalogue(), []  # said when the whole document is validated
    files = [Path(path).resolve() for path in paths]
    problems: list[Problem] = []
    for position, path in enumerate(paths):
        if files[position] in files[:position]:
            message = f"task file '{path}' stands here twice"
            problems.append(document.problem(message, ("tasks", position), "remove one"))
            continue
        try:
            task = tasks.parse(Path(path))
        except UserError as error:
            problems += error.problems
            continue
        if task.name in Catalogue([*own.values()]):
            message = f"there is a task called '{task.name}' already"
            problems.append(document.problem(message, ("tasks", position), "give it, and its file, another name"))
        else:
            own[Path(path)] = task
    catalogue = Catalogue([*own.values()])
    for path, task in own.items():
        problems += [read_yaml(path).problem(said, (key,), hint) for key, said, hint in misfits(task, catalogue)]
    document.values["tasks"] = [str(path) for path in own]
    return catalogue, problems


def _validate(document: YamlFile, catalogue: Catalogue) -> tuple[Experiment | None, list[Any]]:
    """The experiment, or pydantic's findings."""
    try:
        return Experiment.model_validate(document.values, context={"catalogue": catalogue}), []
    except ValidationError as error:
        return None, error.errors()


def _pruned(document: YamlFile, wrong: Sequence[Place]) -> YamlFile:
    """The document without the values at the wrong places; what is left keeps its lines."""
    lines: dict[Place, int] = {}

    def copy(value: Any, old: Place, new: Place) -> Any:
        if old in document.lines:
            lines[new] = document.lines[old]
        if isinstance(value, dict):
            return {key: copy(one, (*old, key), (*new, key)) for key, one in value.items() if (*old, key) not in wrong}
        if isinstance(value, list):
            kept = [position for position in range(len(value)) if (*old, position) not in wrong]
            return [copy(value[position], (*old, position), (*new, place)) for place, position in enumerate(kept)]
        return value

    return YamlFile(document.name, copy(document.values, (), ()), lines)
