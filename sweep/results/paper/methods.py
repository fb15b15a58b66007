"""The words that go with a table: what the numbers are, how they came about, and which papers to name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweep.console import counted
from sweep.experiment.regimes import ZERO_SHOT
from sweep.planning.plan import Plan
from sweep.results.comparison.comparison import Comparison
from sweep.results.comparison.difference import Claim, Difference
from sweep.results.paper import references
from sweep.results.paper.printed import STARS, Prose
from sweep.scoring.benchmark import Benchmark
from trainables.reports import ERROR_RATE

CORRECTIONS = {"holm": "Holm's step-down procedure", "bh": "the procedure of Benjamini and Hochberg"}


@dataclass(frozen=True)
class Scored:
    """What is said of a target: its metric, the split and over how many languages the mean is."""

    metric: str
    split: str
    languages: int


def scored(rows: Sequence[Difference]) -> Mapping[str, Scored]:
    """By target, as far as any is scored. Where conditions share different languages with the baseline: the most."""
    found: dict[str, Scored] = {}
    for row in rows:
        if (
            row.target is not None
            and row.metric
            and (row.target not in found or len(row.languages) > found[row.target].languages)
        ):
            found[row.target] = Scored(row.metric, row.split, len(row.languages))
    return found


def caption(plan: Plan, compared: Comparison, what: str, ways: tuple[str, str] = ("column", "row")) -> Prose:
    """What the table shows, and how to read its marks.

    Args:
        ways: how what is compared stands, targets or languages, and how a condition does.
    """
    across, along = ways
    first, second = STARS
    turned = " Of error rates less is better." if any(row.metric == ERROR_RATE for row in compared.rows) else ""
    correction = CORRECTIONS[compared.rows[0].correction]
    return (
        f"{what} First {along}: scores of {compared.baseline}; others: differences to it, in points, for the better "
        f"positive (experiment {plan.experiment}).{turned} "
        f"Bold: not distinguishable from the best of its {across}, at the 5 % level. "
        f"* p < {first}, ** p < {second}, adjusted for {counted(compared.family, 'comparison')} by {correction}. "
        f"{_claimed(compared)}",
    )


def of_training(plan: Plan) -> Prose:
    """A paragraph: model, training, selection, seeds."""
    return (*_trained(plan), *_selected(plan), *_limits(plan))


def methods(plan: Plan, compared: Comparison, targets: Mapping[str, Scored], known: Benchmark) -> Prose:
    """A paragraph: model, training, selection, seeds, scores and test."""
    return (*_trained(plan), *_selected(plan), *_scores(targets, known), *_limits(plan), *_tested(compared))


def _trained(plan: Plan) -> Prose:
    studies = plan.studies
    model = studies[0].question.model
    tasks = dict.fromkeys(task for one in studies if one.phase == "intermediate" for task in one.question.tasks)
    sets = dict.fromkeys(task for one in studies if one.phase == "target" for task in one.question.tasks)
    regimes = dict.fromkeys(one.regime for one in studies if one.phase == "target" and one.regime)
    how = "in English" if [*regimes] == [ZERO_SHOT] else f"({', '.join(regimes)})"
    text: list[Prose] = [(f"We fine-tune {model}", *references.cite_model(model))]
    if tasks:
        text = [("With intermediate-task training", *references.cite("methods", ["intermediate"]), ", we fine-tune ")]
        text.append((model, *references.cite_model(model)))
        text.append((f" first on {', '.join(tasks)}", *references.cite("tasks", tasks), ", then"))
    if sets:
        text.append((f" on each target's training set {how}: {', '.join(sets)}", *references.cite("tasks", sets)))
    return (*(part for prose in text for part in prose), ". ")


def _selected(plan: Plan) -> Prose:
    sought = [one for one in plan.studies if one.phase != "evaluate" and not one.goes_on]
    if not sought:
        return ()
    names = sorted({name for one in sought for name, values in one.parameters.items() if not _is_fixed(values)})
    phases = [
        (phase, max(one.trials for one in sought if one.phase == phase))
        for phase in ("intermediate", "target")
        if any(one.phase == phase for one in sought)
    ]
    trials = " and ".join(f"{counted(number, 'trial')} for each {phase} training" for phase, number in phases)
    sampler = ", ".join(sorted({one.sampler for one in sought}))
    languages = sorted({one.source_language for one in plan.studies if one.source_language})
    development = f"development data in {', '.join(languages)}" if languages else "development data"
    how = f"{', '.join(name.replace('_', ' ') for name in names)} by {trials} ({sampler})" if names else trials
    return (
        f"We choose {how}: the winner has the best score on {development}; no other language chooses. {_seeds(plan)}",
    )


def _is_fixed(values: object) -> bool:
    return bool(getattr(values, "is_fixed", False))


def _seeds(plan: Plan) -> str:
    seeds = max((one.seeds for one in plan.studies), key=len)
    if len(seeds) == 1:
        return "There is one seed, that of the search. "
    numbers = ", ".join(map(str, seeds))
    return f"Winners are trained with {len(seeds)} seeds ({numbers}; the search was on the first). "


def _scores(targets: Mapping[str, Scored], known: Benchmark) -> Prose:
    text: list[Prose] = [("Scores, on the 0-100 scale, are means over languages (unweighted), then over seeds",)]
    if {task.name for task in known.tasks} & {*targets}:
        text.append((f", of tasks of {references.name(known.name)}", *references.cite("benchmarks", [known.name])))
    text.append((": ",))
    for place, (target, of) in enumerate(targets.items()):
        what = f"{'; ' if place else ''}{references.name(target)}"
        how = f" ({of.metric}, {of.split} split, {counted(of.languages, 'language')})"
        text.append((what, *references.cite("tasks", [target]), how))
    return (*(part for prose in text for part in prose), ". ")


def _limits(plan: Plan) -> Prose:
    """Whoever set limits has other numbers than whoever did not."""
    train = sorted({one.question.train_examples for one in plan.studies if one.question.train_examples is not None})
    scoring = [one for one in plan.studies if one.phase == "evaluate"]
    evaluated = sorted({one.question.eval_examples for one in scoring if one.question.eval_examples is not None})
    text = ""
    if train:
        text += f"Training was limited to {' or '.join(f'{number:,}' for number in train)} examples. "
    if evaluated:
        number = " or ".join(f"{number:,}" for number in evaluated)
        text += f"Only the first {number} examples of each language are scored: no official numbers. "
    return (text,) if text else ()


def _tested(compared: Comparison) -> Prose:
    correction = compared.rows[0].correction
    how: Prose = ("Differences are tested two-sidedly with examples as the only random effect",)
    if _claims(compared) & {"recipe"}:
        how = (
            "Differences are tested two-sidedly by t, with seeds and examples as crossed random effects and "
            "Satterthwaite's degrees of freedom",
            *references.cite("methods", ["freedom"]),
        )
    return (
        *how,
        "; examples that are translations of each other, or of one passage, are drawn as one",
        *references.cite("methods", ["examples"]),
        f"; p is adjusted for {counted(compared.family, 'comparison')}",
        *references.cite("methods", [correction]),
        f". {_claimed(compared)}",
    )


def _claims(compared: Comparison) -> set[Claim]:
    """What the rows that were tested are about."""
    return {row.claim for row in compared.rows if row.p is not None}


def _claimed(compared: Comparison) -> str:
    claims = _claims(compared)
    if claims == {"recipe"}:
        return "The claim is about the recipe: seeds are taken as random as well as examples."
    if claims == {"models"}:
        return "The claim is about these models alone: training again may show something else."
    if claims:
        return "The claim is about recipes, and about the models alone where a note says so."
    return "Nothing could be tested."
