"""What a metric compares: the predictions of a task in a language with its gold, both of them checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweep.scoring.benchmark import BenchmarkTask
from sweep.scoring.labels import Row, other_file, row_count, wrong_labels, wrong_rows
from sweep.scoring.submission import Pair
from sweep.scoring.submitted import Submitted, first, shown
from trainables.errors import Problem, UserError

FEW, ENOUGH = 5, 20
"""So many equal values are odd, and so many are no chance."""

Item = tuple[str, Any]  # an id, and what is right or predicted for it


@dataclass(frozen=True)
class Pairing:
    """What the metric compares, one by one. `share`: of the gold that is answered at all; the rest scores 0."""

    gold: Sequence[Any]
    predicted: Sequence[Any]
    share: float
    warnings: tuple[Problem, ...]


@dataclass
class _Check:
    """A task's two files, and what is wrong with them so far: each file's problems, and what is only odd."""

    task: BenchmarkTask
    gold: Submitted[Any]
    predicted: Submitted[Any]
    in_gold: list[Problem] = field(default_factory=list)
    in_predicted: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def pairing(self, gold: Sequence[Any], predicted: Sequence[Any], share: float = 1.0) -> Pairing:
        """Raises UserError if there is any problem."""
        if self.in_gold or self.in_predicted:
            raise UserError([*first(self.in_gold), *first(self.in_predicted)])
        return Pairing(gold, predicted, share, tuple(self.warnings))


def pair(task: BenchmarkTask, gold: Submitted[Any], predicted: Submitted[Any]) -> Pairing:
    """Puts each prediction beside its gold.

    Raises:
        UserError: the gold is no gold of the task, or the predictions do not fit it: the problems of both files.
    """
    check = _Check(task, gold, predicted)
    _check_alike(check)
    if gold.values == predicted.values and len(gold.values) >= ENOUGH:
        check.warnings.append(predicted.problem(f"says the same as {gold.path}: are these predictions?"))
    return _PAIRINGS[task.format](check)


def _check_alike(check: _Check) -> None:
    """Gold that says the same of everything: XTREME-R's download, for one, makes every label of COPA's test 0."""
    values = {str(value) for value in _gold_values(check)}
    number = len(check.gold.values)
    if len(values) > 1 or number < FEW:
        return
    message = f"all {number} examples have the same gold, {shown(values.pop())}: it seems to stand for hidden labels"
    found = check.in_gold if number >= ENOUGH else check.warnings
    found.append(check.gold.problem(message, None, "scores need the labels: take them from the dataset's own release"))


def _gold_values(check: _Check) -> Iterable[Any]:
    if check.task.format == "tags":
        return (tag for tags in check.gold.values for tag in tags)
    items = check.task.format in ("answers", "rankings")
    return (value[1] if items else value for value in check.gold.values)


def _by_line(check: _Check) -> Pairing:
    gold, predicted = check.gold, check.predicted
    if not check.task.labels:
        check.in_gold += wrong_rows(gold, row_count(gold.values), are_once=True)
        check.in_predicted += _different_number("line", gold, predicted)
        check.in_predicted += wrong_rows(predicted, row_count(gold.values))
    elif _check_labels(check, *([*zip(one.lines, one.values, strict=True)] for one in (gold, predicted))):
        check.in_predicted += _different_number("line", gold, predicted)
        check.in_predicted += _other_examples(gold, predicted)
    return check.pairing(gold.values, predicted.values)


def _by_sentence(check: _Check) -> Pairing:
    gold, predicted = check.gold, check.predicted
    if _check_labels(check, *map(_tags_by_line, (gold, predicted))):
        check.in_predicted += _different_number("sentence", gold, predicted)
        rows = zip(predicted.lines, gold.values, predicted.values, strict=False)
        for number, (line, gold_tags, tags) in enumerate(rows, start=1):
            if len(gold_tags) != len(tags):
                message = f"sentence {number} has the wrong number of tags: {len(tags)}"
                hint = f"expected: {len(gold_tags)}, one for each word"
                check.in_predicted.append(predicted.problem(message, line, hint))
    return check.pairing(gold.values, predicted.values)


def _tags_by_line(submitted: Submitted[list[list[str]]]) -> list[Row]:
    return [row for line, tags in zip(submitted.lines, submitted.values, strict=True) for row in enumerate(tags, line)]


def _check_labels(check: _Check, gold: Sequence[Row], predicted: Sequence[Row]) -> bool:
    """Whether each file's labels are the task's. False where the gold is another file, to compare nothing with."""
    check.in_predicted += wrong_labels(check.task, check.predicted, predicted)
    other = other_file(check.task, check.gold, gold)
    check.in_gold += [other] if other else wrong_labels(check.task, check.gold, gold, is_gold=True)
    return other is None


def _other_examples(gold: Submitted[list[str]], predicted: Submitted[list[str]]) -> Iterator[Problem]:
    """Lines that say of which example they are, and whose gold is of another one."""
    for line, right, own in zip(predicted.lines, gold.ids, predicted.ids, strict=False):
        if None not in (right, own) and right != own:
            message = f"is of idx {shown(str(own))}, its label of {shown(str(right))}"
            yield predicted.problem(message, line, "put the lines in the order of the labels")


def _by_id(check: _Check) -> Pairing:
    """Each row of the gold with the prediction for its id, also where an id has several rows: the official rule."""
    gold: Submitted[list[Item]] = check.gold
    predicted: Submitted[dict[str, Any]] = check.predicted
    lines: dict[str, int] = {}
    for (own_id, _), line in zip(gold.values, gold.lines, strict=True):
        if own_id in lines:
            message = f"question '{shown(own_id)}' stands here again, first in line {lines[own_id]}"
            hint = "both are scored with the one prediction that their id has, as the official scorer does"
            check.warnings.append(gold.problem(message, line, hint))
        lines.setdefault(own_id, line)
    if not lines.keys() & predicted.values.keys():
        check.in_predicted.append(_strangers("id", predicted, [*predicted.values], gold, [*lines]))
    else:
        check.in_predicted += [
            predicted.problem(f"unknown id '{shown(own_id)}'", line, f"expected: an id that is in {gold.path}")
            for own_id, line in zip(predicted.values, predicted.lines, strict=True)
            if own_id not in lines
        ]
    answered = [(value, predicted.values[own_id]) for own_id, value in gold.values if own_id in predicted.values]
    if len(answered) < len(gold.values):
        missing = next(own_id for own_id in lines if own_id not in predicted.values)
        message = f"{len(gold.values) - len(answered)} of {len(gold.values)} ids have no prediction, and score 0"
        check.warnings.append(predicted.problem(message, None, f"the first is '{shown(missing)}'"))
    if check.task.format == "rankings":
        _check_ranked(check)
    return check.pairing(
        [value for value, _ in answered], [one for _, one in answered], len(answered) / len(gold.values)
    )


def _check_ranked(check: _Check) -> None:
    """Whether what is ranked is of the kind that is right. That a weak model finds nothing is no mistake."""
    right = [own_id for _, ids in check.gold.values for own_id in ids]
    ranked = [own_id for ids in check.predicted.values.values() for own_id in ids]
    if ranked and not set(right) & set(ranked):
        of_other_form = len(_forms(right)) == 1 and not _forms(right) & _forms(ranked)
        found = check.in_predicted if of_other_form else check.warnings
        found.append(_strangers("ranked id", check.predicted, ranked, check.gold, right))


def _by_source(check: _Check) -> Pairing:
    gold: Submitted[list[Pair]] = check.gold
    predicted: Submitted[list[Pair]] = check.predicted
    if predicted.values:
        _check_columns(check, [*zip(*gold.values, strict=True)], [*zip(*predicted.values, strict=True)])
    gold_ids, predicted_ids = _by_key(gold.values), _by_key(predicted.values)
    sources = list(gold_ids | predicted_ids)
    return check.pairing(
        [gold_ids.get(source, set()) for source in sources], [predicted_ids.get(source, set()) for source in sources]
    )


def _check_columns(check: _Check, gold: Sequence[tuple[str, ...]], predicted: Sequence[tuple[str, ...]]) -> None:
    """Whether the ids of pairs are those of the gold's sentences. That few pairs miss all of them is no mistake."""
    if set(predicted[0]) & set(gold[1]) and not set(predicted[0]) & set(gold[0]):
        hint = f"there '{shown(gold[0][0])}', tab, '{shown(gold[1][0])}'; the English id comes last"
        message = f"its columns are those of {check.gold.path} in the other order"
        check.in_predicted.append(check.predicted.problem(message, 1, hint))
        return
    unknown = [column for column in (0, 1) if not set(predicted[column]) & set(gold[column])]
    for column in unknown:
        noun = ("source id", "English id")[column]
        is_wrong = len(unknown) == 2 or not _forms(predicted[column]) & _forms(gold[column])
        found = check.in_predicted if is_wrong else check.warnings
        found.append(_strangers(noun, check.predicted, predicted[column], check.gold, gold[column]))


def _strangers(
    noun: str, predicted: Submitted[Any], theirs: Sequence[str], gold: Submitted[Any], right: Sequence[str]
) -> Problem:
    """No id of the predictions is in the gold: an example of both tells why."""
    hint = f"here '{shown(theirs[0])}', there '{shown(right[0])}'"
    return predicted.problem(f"no {noun} of it is in {gold.path}", next(iter(predicted.lines), None), hint)


def _forms(ids: Iterable[str]) -> set[str]:
    """How ids look: Q64 and Q7, or de-12-3 and en-4-5, have the same form."""
    return {re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", own_id)) for own_id in ids}


def _by_key(pairs: Sequence[Pair]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for source, target in pairs:
        found.setdefault(source, set()).add(target)
    return found


_PAIRINGS: Mapping[str, Callable[[_Check], Pairing]] = {
    "labels": _by_line,
    "choices": _by_line,
    "tags": _by_sentence,
    "answers": _by_id,
    "rankings": _by_id,
    "pairs": _by_source,
}


def _different_number(noun: str, gold: Submitted[list[Any]], predicted: Submitted[list[Any]]) -> Iterator[Problem]:
    wanted, given = len(gold.values), len(predicted.values)
    if wanted != given:
        line = predicted.lines[min(wanted, given - 1)]  # the first too many, or the last there is
        few_or_many = "few" if given < wanted else "many"
        hint = f"expected: {wanted}, as in {gold.path}"
        yield predicted.problem(f"has too {few_or_many} {noun}s: {given}", line, hint)
