"""A model card: what a winner is, how it was made, what it is worth. In the form that the Hugging Face hub reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pyarrow as pa
from huggingface_hub import EvalResult, ModelCardData

from sweep.console import counted, visible
from sweep.experiment.condition import BASELINE
from sweep.results.query import query
from sweep.results.tables import as_markdown
from sweep.results.winner import Winner, intervals
from trainables.errors import Problem, UserError
from trainables.models.shapes import is_on_hub, name_and_revision
from trainables.reports import ERROR_RATE
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.tasks import Catalogue, Task

PIPELINES = {
    "pair_classification": "text-classification",
    "text_classification": "text-classification",
    "tagging": "token-classification",
    "span_qa": "question-answering",
    "multiple_choice": "multiple-choice",
    "retrieval": "sentence-similarity",
    "bitext_retrieval": "sentence-similarity",
    "bitext_mining": "sentence-similarity",
    "bitext_ranking": "sentence-similarity",
}
"""What the hub calls the kinds of tasks."""

SIGNS = re.compile(r"[\\`*_{}\[\]<>#|~&$]")
"""What Markdown, or HTML in it, may take for more than itself."""

_SCORES = """
select target, language, split, metric, value, n, seen, is_source, chance
from scores
where trial_id = $trial and winner and main and list_contains($targets, target)
order by target, language
"""

_SEEDS = """
select target, mean, std, seeds, planned, collapsed, mean_without_source, source_language
from means
where condition = $condition and regime = $regime and list_contains($targets, target)
order by target
"""

_SEARCHED = "select count(*) as trials from trials where study = $study and role = 'search'"

Row = Mapping[str, Any]


def card(
    store: Store,
    winner: Winner,
    targets: Sequence[str],
    catalogue: Catalogue,
    loader: str | None = None,
    vector: str | None = None,
) -> str:
    """The card of a winner, on some of the targets that it was scored on: Markdown behind a header of YAML.

    Args:
        catalogue: with the user's own tasks, if there are any.
        loader, vector: of a folder that it is put into, see `trainables.models.plain`.

    Raises:
        UserError: the experiment was limited to a part of the data, or the labels of a target are hidden.
    """
    asked = {"trial": winner.evaluation.trial_id, "targets": list(targets)}
    experiments = [winner.experiment]
    scores = query(store, _SCORES, asked, experiments).to_pylist()
    _check(winner, scores)
    of_seeds = {"condition": winner.condition, "regime": winner.regime, "targets": list(targets)}
    seeds = query(store, _SEEDS, of_seeds, experiments).to_pylist()
    tasks = {name: catalogue[name] for name in targets if name in catalogue}
    sure = intervals(store, winner, targets)
    scores = [{**row, **_interval(sure.get((row["target"], row["language"])))} for row in scores]
    parts = [
        f"# {_text(_title(winner))}",
        _summary(winner, targets, tasks),
        *([_use(loader, vector)] if loader else []),
        "## Scores",
        _table(scores, ("target", "language", "metric", "split", "value", "low", "high", "chance", "n", "seen")),
        "`value`: of this very model; `low` and `high`: its 95% interval, were the examples drawn again. `seen`: it "
        "was trained in that language, in whatever task; without, transfer is zero-shot. `chance`: the score of "
        "guesses that ignore the text.",
        _of_recipe(winner, seeds),
        "## How it was made",
        _table([_stage(spec) for spec in winner.trained]) if winner.trained else "Nothing was trained.",
        _choice(store, winner),
        "## Data",
        _table(_data(winner, targets, catalogue)),
        "## Limitations",
        "\n".join(f"- {line}" for line in _limitations(winner, scores, seeds)),
        "## Where it comes from",
        _provenance(store, winner),
    ]
    return f"---\n{_header(winner, scores, tasks)}\n---\n\n" + "\n\n".join(parts) + "\n"


def _interval(found: tuple[float, float] | None) -> dict[str, float | None]:
    return {"low": found and found[0], "high": found and found[1]}


def _check(winner: Winner, scores: Sequence[Row]) -> None:
    """Raises UserError where numbers would be taken for what they are not."""
    problems = []
    specs = (*winner.trained, winner.evaluation)
    limits = {
        "train_examples": [one.train_examples for one in specs],
        "eval_examples": [one.eval_examples for one in specs],
    }
    if wrong := [f"limits.{name}" for name, values in limits.items() if any(values)]:
        message = f"{' and '.join(wrong)} cut the data, so these are no scores of the tasks"
        problems.append(Problem(message, hint="run the experiment without limits, and make the card of that"))
    for target in dict.fromkeys(row["target"] for row in scores if row["value"] is None):
        hint = "`sweep export` writes the submission that is scored elsewhere; --target names another task"
        problems.append(Problem(f"the release hides labels of '{target}', so its scores are not known", hint=hint))
    if not scores:
        problems.append(Problem("the winner has no scores", hint="has its evaluation finished?"))
    if problems:
        raise UserError(problems)


def _header(winner: Winner, scores: Sequence[Row], tasks: Mapping[str, Task]) -> str:
    """The YAML that the hub reads, with a `model-index`."""
    model = winner.evaluation.model
    kinds = list(dict.fromkeys(PIPELINES[task.kind] for task in tasks.values() if task.kind in PIPELINES))
    results = [
        EvalResult(
            task_type=PIPELINES.get(tasks[row["target"]].kind, "other") if row["target"] in tasks else "other",
            dataset_type=_dataset(tasks.get(row["target"])) or row["target"],
            dataset_name=tasks[row["target"]].title if row["target"] in tasks else row["target"],
            dataset_config=row["language"],
            dataset_split=row["split"],
            metric_type=row["metric"],
            metric_name=row["metric"],
            metric_value=round(row["value"], 2),
        )
        for row in scores
    ]
    data = ModelCardData(
        model_name=_title(winner),
        eval_results=results,
        base_model=name_and_revision(model)[0] if is_on_hub(model) else None,
        language=sorted({row["language"] for row in scores}),
        library_name="transformers",
        pipeline_tag=kinds[0] if kinds else None,
        datasets=sorted({found for task in tasks.values() if (found := _dataset(task))}) or None,
        tags=["cross-lingual-transfer", "crosslingual-sweep"],
    )
    return str(data.to_yaml()).strip()


def _dataset(task: Task | None) -> str | None:
    return task.hub[0].dataset if task is not None and task.hub else None


def _task(catalogue: Catalogue, name: str) -> Task | None:
    try:
        return catalogue[name]
    except UserError:  # a task of somebody's own, whose file was not given
        return None


def _title(winner: Winner) -> str:
    after = f" after {winner.condition}" if winner.condition != BASELINE else ""
    trained = f", trained on {winner.training_set}" if winner.training_set else ""
    return f"{winner.evaluation.model}{after}{trained}"


def _summary(winner: Winner, targets: Sequence[str], tasks: Mapping[str, Task]) -> str:
    model, revision = winner.evaluation.model, winner.evaluation.weights
    of = f" (weights {_code(revision)})" if revision else ""
    named = ", ".join(_text(tasks[name].title if name in tasks else name) for name in targets)
    before = f"with the intermediate training of condition {_code(winner.condition)}"
    before = before if winner.condition != BASELINE else "without intermediate training"
    return f"{_code(model)}{of}, {before}, {winner.regime}, scored on {named}. Seed {winner.seed}."


def _use(loader: str, vector: str | None) -> str:
    lines = [
        f"from transformers import AutoTokenizer, {loader}",
        "",
        'tokenizer = AutoTokenizer.from_pretrained("DIR")',
        f'model = {loader}.from_pretrained("DIR")',
    ]
    code = "\n".join(["```python", *lines, "```"])
    compared = f" Texts are compared by the cosine of {_text(vector)}." if vector else ""
    return f"{code}\n\nThe tokenizer cuts texts with `truncation=True` to what was seen in training.{compared}"


def _of_recipe(winner: Winner, seeds: Sequence[Row]) -> str:
    """What other seeds of the same recipe came to."""
    several = [row for row in seeds if row["std"] is not None]
    if not several:
        return "One seed only: what training again would give is not known."
    shown = _table(several, ("target", "mean", "std", "seeds", "collapsed", "mean_without_source", "source_language"))
    return f"The same recipe over all seeds, as means over languages:\n\n{shown}"


def _stage(spec: TrialSpec) -> dict[str, Any]:
    return {
        "trial": spec.trial_id,
        "phase": spec.phase,
        "tasks": " ".join(spec.tasks),
        "languages": " ".join(spec.languages),
        **spec.hyperparameters,
        "dropout": "the model's own" if spec.dropout is None else spec.dropout,
        "precision": spec.precision,
        "trained": "all weights" if spec.lora is None else f"LoRA of rank {spec.lora.rank}",
        "mixed": "in proportion" if not spec.recipe.to_dict() else str(spec.recipe.to_dict()),
        "seed": spec.seed,
        "examples": spec.data,
    }


def _choice(store: Store, winner: Winner) -> str:
    """How many trials it was the best of."""
    studies = query(
        store,
        "select trial_id, study from trials where list_contains($trials, trial_id)",
        {"trials": [spec.trial_id for spec in winner.trained]},
        [winner.experiment],
    ).to_pylist()
    told = []
    for study in dict.fromkeys(row["study"] for row in studies):
        (row,) = query(store, _SEARCHED, {"study": study}, [winner.experiment]).to_pylist()
        if row["trials"]:
            told.append(f"{_code(study)}: {counted(row['trials'], 'trial')}")
    if not told:
        return "No hyper-parameters were searched."
    again = "" if winner.is_chosen else " This is the winner's training again, on another seed."
    searched = "Hyper-parameters were searched, and chosen by the development score in the source language"
    return f"{searched}: {'; '.join(told)}.{again}"


def _data(winner: Winner, targets: Iterable[str], catalogue: Catalogue) -> list[dict[str, Any]]:
    """The tasks that were trained on or scored, and where their releases are."""
    uses: dict[str, list[str]] = {}
    for spec in winner.trained:
        for name in spec.tasks:
            uses.setdefault(name, []).append(spec.phase)
    for name in targets:
        uses.setdefault(name, []).append("scored")
    rows = []
    for name, used in uses.items():
        task = _task(catalogue, name)
        layouts = task.hub if task else ()
        places = [f"{one.dataset}@{one.revision}" if one.revision else one.dataset for one in layouts]
        rows.append(
            {
                "task": name,
                "used": ", ".join(dict.fromkeys(used)),
                "what": task.title if task else "a task of the experiment's own",
                "on the hub": " ".join(dict.fromkeys(places)),
                "licence": task.licence if task else "",
            }
        )
    return rows


def _provenance(store: Store, winner: Winner) -> str:
    """The runs that made it, and by which code."""
    trials = [spec.trial_id for spec in (*winner.trained, winner.evaluation)]
    columns = "trial_id as trial, host, device, git_commit, git_dirty, python, torch, cuda, transformers, datasets, ray"
    sql = f"""
        select distinct {columns.replace("host", "trials.host")}
        from trials left join runs using (run)
        where list_contains($trials, trial_id)
        order by list_position($trials, trial_id)
    """  # noqa: S608 - no column is anybody's
    rows = query(store, sql, {"trials": trials}, [winner.experiment]).to_pylist()
    told = (
        f"Experiment {_code(winner.experiment)}, condition {_code(winner.condition)}, evaluation "
        f"{_code(winner.evaluation.trial_id)}; the card is of crosslingual-sweep {version('crosslingual-sweep')}."
    )
    return f"{told}\n\n{_table(rows)}"


def _limitations(winner: Winner, scores: Sequence[Row], seeds: Sequence[Row]) -> Iterable[str]:
    unseen = [row["language"] for row in scores if not row["seen"]]
    if unseen:
        yield f"It was not trained in {', '.join(dict.fromkeys(unseen))}: what it does there is transfer."
    source = next((row["language"] for row in scores if row["is_source"]), None)
    if source is not None:
        yield f"Development data in {source} chose it, so its score in {source} is not what new data would give."
    if winner.is_chosen:
        yield "Its seed is that of the search: it was chosen for being good, and other seeds tend to be a little worse."
    collapsed = sum(row["collapsed"] for row in seeds)
    if collapsed:
        yield f"{counted(collapsed, 'seed')} of the recipe ended at chance."
    if any(row["metric"].partition("/")[0] == ERROR_RATE for row in scores):
        yield "Scores called error_rate are better the lower they are."
    longest = winner.evaluation.max_length
    if longest is not None:
        yield f"It sees {longest} tokens at once."
    yield "Other languages, domains and kinds of text were not measured, nor what errors do to whom."


def _table(rows: Sequence[Row], columns: Sequence[str] = ()) -> str:
    shown = [{name: row[name] for name in (columns or row)} for row in rows]
    return as_markdown(pa.Table.from_pylist([{name: _cell(one) for name, one in row.items()} for row in shown])).strip()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return round(value, 2) if isinstance(value, float) and abs(value) >= 0.01 else value


def _text(text: str) -> str:
    """Text on one line that is nothing but text in Markdown: a backslash takes the meaning from any sign behind it."""
    return SIGNS.sub(r"\\\g<0>", " ".join(visible(text).split()))


def _code(text: str) -> str:
    """Text that Markdown leaves as it is, on one line."""
    return f"`{' '.join(visible(text).split()).replace('`', chr(39))}`"
