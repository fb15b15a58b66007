"""Tasks are data: one YAML file each, next to this module. `load("xnli")` reads `xnli.yaml`."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from trainables.errors import Problem, UserError, nearest
from trainables.metrics import MAIN, METRICS
from trainables.spec import content_hash
from trainables.yaml_file import read_yaml

FOLDER = Path(__file__).parent

KINDS = ("pair_classification", "tagging", "span_qa", "bitext_retrieval")
"""The modules of `trainables.kinds`."""


@dataclass(frozen=True)
class Task:
    """What a task is: its shape, its languages, its metric, and where its examples lie.

    Attributes:
        training_set: the task that it is trained on, itself if it has training data; None: never trained on.
        score_on: the split that is scored in the target languages.
        mini: the generator of the embedded benchmark that makes its examples, if any.
        files: the release files: `format`, its options, and per split a list of patterns, of which the first that
            exists counts. `{lang}` stands for the language's code, or for its value in `codes`.
        max_length: the most tokens the encoder sees at once.
        window_stride, max_question, max_answer, best_answers: for span_qa, in tokens; the last a count of candidates.
        layer: for bitext_retrieval, the hidden layer that is pooled, as a share of the layers (`14/24`: the output of
            layer 14 of a model with 24).
    """

    name: str
    kind: str
    title: str
    metric: str
    languages: tuple[str, ...]
    labels: tuple[str, ...] = ()
    training_set: str | None = None
    score_on: str = "test"
    mini: str | None = None
    files: Mapping[str, Any] = field(default_factory=dict)
    max_length: int = 128
    window_stride: int = 128
    max_question: int = 64
    max_answer: int = 30
    best_answers: int = 20
    layer: Fraction | None = None
    citation: str = ""
    licence: str = ""

    @property
    def is_trainable(self) -> bool:
        """Whether models are trained on this task's own examples."""
        return self.training_set == self.name

    @property
    def main_metric(self) -> str:
        """The number that stands for the task in tables, and that chooses among trials in training."""
        return MAIN[self.metric]

    @property
    def definition(self) -> str:
        """A hash of everything that changes features, training or scores."""
        told = dataclasses.asdict(dataclasses.replace(self, title="", citation="", licence=""))
        return content_hash({**told, "layer": str(self.layer), "files": dict(self.files)})


def names() -> tuple[str, ...]:
    """All shipped tasks, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@functools.cache
def load(name: str) -> Task:
    """Reads a shipped task.

    Raises:
        UserError: there is no such task, or its file is wrong.
    """
    path = FOLDER / f"{name}.yaml"
    if name not in names():
        raise UserError(Problem(f"unknown task '{name}'", hint=nearest(name, names())))
    return parse(path)


def parse(path: Path) -> Task:
    """Reads and checks one task file. Raises UserError with every problem in it."""
    document = read_yaml(path)
    values = dict(document.values or {})
    fields = {field.name: field for field in dataclasses.fields(Task)}
    problems = [
        document.problem(f"unknown key '{key}'", (key,), nearest(str(key), sorted(fields)))
        for key in values
        if key not in fields
    ]
    required = [name for name, one in fields.items() if one.default is one.default_factory is dataclasses.MISSING]
    problems += [document.problem(f"'{key}' is missing") for key in required if key not in values]
    for key, known in (("kind", KINDS), ("metric", tuple(METRICS)), ("name", (path.stem,))):
        if key in values and values[key] not in known:
            problems.append(
                document.problem(f"unknown {key} '{values[key]}'", (key,), nearest(str(values[key]), known))
            )
    try:
        layer = Fraction(values["layer"]) if values.get("layer") else None
    except (ValueError, ZeroDivisionError):
        problems.append(document.problem("'layer' must be a fraction such as 14/24", ("layer",)))
    if problems:
        raise UserError(problems)
    values["languages"] = tuple(values["languages"])
    values["labels"] = tuple(map(str, values.get("labels", ())))
    return Task(**{**values, "layer": layer})
