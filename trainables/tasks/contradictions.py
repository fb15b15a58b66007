"""What a task's keys, each right by itself, say against each other: what kind, metric or training cannot take."""

from __future__ import annotations

from collections.abc import Iterator

from trainables.errors import Problem, nearest
from trainables.metrics import METRICS
from trainables.metrics.question_answering import MLQA_LANGUAGES
from trainables.reports import ERROR_RATE
from trainables.tasks.task import KINDS, LABELLED, OF_RANKING, UNTRAINED, Task
from trainables.yaml_file import YamlFile

_MOST_TOKENS = 1_000_000
"""More than any encoder sees."""

_MOST_SCALE = 10_000
"""More than any temperature asks for."""


def contradictions(document: YamlFile, task: Task, has_layouts: bool) -> Iterator[Problem]:
    """Every contradiction in a task, each at its line of the document. `task` has no layouts yet."""
    if not (has_layouts or task.mini or task.parts):
        yield document.problem("the task has no data", (), "say where its examples lie: files, hub, or both")
    if task.metric not in KINDS[task.kind]:
        hint = f"for {task.kind}: {', '.join(KINDS[task.kind])}"
        yield document.problem(f"metric '{task.metric}' cannot score {task.kind}", ("metric",), hint)
    yield from _of_training(document, task)
    yield from _of_labels(document, task)
    yield from _of_answers(document, task)
    yield from _of_lengths(document, task)
    yield from _of_objective(document, task)
    yield from _of_ranking(document, task)


def _of_training(document: YamlFile, task: Task) -> Iterator[Problem]:
    if task.kind not in UNTRAINED:
        if task.training_set is None and not task.parts:
            hint = f"training_set: {task.name} if it has training data of its own, else the task that it is trained on"
            yield document.problem(f"nothing trains the head of a {task.kind} task", ("training_set",), hint)
        if task.layer is not None and task.kind != "bitext_ranking":
            yield document.problem(f"a {task.kind} task has no layer", ("layer",), "it is for bitext tasks")
    elif task.training_set is not None and task.layer is not None:
        yield document.problem("a layer is pooled only where nothing is trained", ("layer",), "leave out training_set")
    if task.layer is not None and not 0 <= task.layer <= 1:
        hint = "a share of the model's layers: 14/24, the output of layer 14 of 24"
        yield document.problem(f"'layer' is {task.layer}", ("layer",), hint)
    if task.metric == ERROR_RATE and task.is_trainable:
        hint = "name the task whose winner is tested: training_set: squad"
        yield document.problem(f"less {ERROR_RATE} is better: it chooses no trials", ("training_set",), hint)
    if task.without:
        yield from _of_leaks(document, task)
    if not 0 <= task.holdout < 1:
        yield document.problem(f"'holdout' is {task.holdout}", ("holdout",), "a share of the examples: 0.1")
    if task.is_trainable and task.source_language not in task.languages:
        hint = "name the language to train in: source_language: " + task.languages[0]
        yield document.problem(f"no language '{task.source_language}' to train in", ("languages",), hint)


def _of_leaks(document: YamlFile, task: Task) -> Iterator[Problem]:
    if task.compared is None:
        hint = "passages of span_qa are compared, and sentences of bitext tasks"
        yield document.problem(f"nothing of {task.kind} is compared with a test", ("without",), hint)
    elif task.parts:
        yield document.problem("'without' is of tasks with data of their own", ("without",), "say it of the parts")
    elif not task.is_trainable:
        hint = "it is of training data: name it in the file of the training set"
        yield document.problem(f"'{task.name}' is not trained on", ("without",), hint)


def _of_labels(document: YamlFile, task: Task) -> Iterator[Problem]:
    if task.labels and task.kind not in LABELLED | {"multiple_choice"}:
        yield document.problem(f"a {task.kind} task has no labels", ("labels",), "leave them out")
    elif task.kind == "multiple_choice" and task.labels:
        right = [str(position) for position in range(len(task.labels))]
        if list(task.labels) != right:
            hint = f'write {right}, and translate those of the data: label_map: {{"{task.labels[0]}": "0", ...}}'
            message = f"'labels' are {', '.join(task.labels)}: those of choices are their positions"
            yield document.problem(message, ("labels",), hint.replace("'", '"'))
    else:
        for position, label in enumerate(task.labels):
            if label == "-1":
                hint = "give it another name, and translate that of the data: label_map"
                yield document.problem("label '-1' stands for a hidden label in data", ("labels", position), hint)
            elif (wrong := task.unfit(label)) is not None:
                yield document.problem(wrong[0], ("labels", position), wrong[1])
        if task.metric == "accuracy_f1" and task.labels and "1" not in task.labels:
            hint = 'metric: accuracy, or labels ["0", "1"] with a label_map'
            yield document.problem("accuracy_f1 is the F1 of label 1, which is none", ("labels",), hint)


def _of_answers(document: YamlFile, task: Task) -> Iterator[Problem]:
    if task.kind != "span_qa":
        if task.unanswerable:
            yield document.problem(f"a {task.kind} task has no answers", ("unanswerable",), "leave it out")
        return
    if (task.metric == "squad2") != task.unanswerable:
        hint = "questions without an answer: metric: squad2 with unanswerable: true, else neither"
        yield document.problem(
            f"metric {task.metric} with 'unanswerable: {str(task.unanswerable).lower()}'", ("metric",), hint
        )
    without = [one for one in task.languages if one not in MLQA_LANGUAGES]
    if task.metric == "mlqa" and without:
        hint = f"its languages are {', '.join(MLQA_LANGUAGES)}; metric squad is for any"
        yield document.problem(f"metric mlqa has no rules for {', '.join(without)}", ("metric",), hint)


def _of_lengths(document: YamlFile, task: Task) -> Iterator[Problem]:
    for name in ("max_length", "window_stride", "max_question", "max_answer", "best_answers"):
        value = getattr(task, name)
        if not 0 < value <= _MOST_TOKENS:
            yield document.problem(f"'{name}' is {value}", (name,), "a number of tokens, at least 1")
            return
    if task.max_length < task.least_length:
        hint = f"at least {task.least_length}: room for special tokens, and in span_qa for max_question and max_answer"
        yield document.problem(f"'max_length' is {task.max_length}", ("max_length",), hint)


def _of_objective(document: YamlFile, task: Task) -> Iterator[Problem]:
    scores = METRICS[task.metric].names
    for name in dict.fromkeys(task.objective):
        if name not in scores:
            message = f"metric '{task.metric}' has no score '{name}'"
            yield document.problem(message, ("objective",), nearest(name, scores))
        elif name == "perplexity":
            hint = "likelihood is 100 over it, and chooses where nothing is said"
            yield document.problem("the lower a perplexity, the better", ("objective",), hint)
    if len(set(task.objective)) != len(task.objective):
        yield document.problem("a score stands twice", ("objective",), "their mean counts each once")
    if task.objective and not task.is_trainable:
        hint = "it chooses among trials in training: name it in the file of the training set"
        yield document.problem(f"'{task.name}' is not trained on", ("objective",), hint)


def _of_ranking(document: YamlFile, task: Task) -> Iterator[Problem]:
    if task.kind != "bitext_ranking":
        for name in OF_RANKING:
            if getattr(task, name) != getattr(Task, name):
                yield document.problem(f"a {task.kind} task has no '{name}'", (name,), "it is for bitext_ranking")
        return
    if not 0 <= task.margin <= _MOST_SCALE:
        hint = "by how much a translation must be closer than other texts: 0.3, or 0"
        yield document.problem(f"'margin' is {task.margin}", ("margin",), hint)
    if not 0 < task.scale <= _MOST_SCALE:
        hint = f"what similarities are multiplied with, at most {_MOST_SCALE}: 20, or 1 for the dot product"
        yield document.problem(f"'scale' is {task.scale}", ("scale",), hint)
    if task.learned_scale and task.similarity == "dot":
        hint = "leave it out: the lengths of the vectors are learned, which is a scale"
        yield document.problem("a scale is learned of the cosine alone", ("learned_scale",), hint)
