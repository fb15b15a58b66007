"""`sweep translate`: training data in other languages, made by a translation model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sweep.cli import completion


def translate(
    name: Annotated[str, typer.Argument(metavar="TASK", help="Whose.", autocompletion=completion.tasks)],
    to: Annotated[str, typer.Option("--to", metavar="LANGUAGES", help="Into which, with commas: de,ru,sw.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="A hub id or folder of a model that translates; {lang} in it stands for the language's code.",
        ),
    ],
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="A folder for the data and its task file, such as that of --files.")
    ],
    files: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the task's release files are, or s3://...; else the hub.")
    ] = None,
    hub: Annotated[str | None, typer.Option(metavar="DIR", help="A folder that mirrors the hub.")] = None,
    own: Annotated[list[Path] | None, typer.Option("--task", help="A task file of your own; may be repeated.")] = None,
    called: Annotated[str | None, typer.Option("--name", help="Of the new task; without it TASK-mt.")] = None,
    codes: Annotated[
        list[str] | None,
        typer.Option("--code", metavar="de=deu_Latn", help="What the model calls a language; may be repeated."),
    ] = None,
    beams: Annotated[int, typer.Option(min=1, max=64, help="How many translations are followed at a time.")] = 4,
) -> None:
    """Translate a task's training data. Called again it goes on where it was, and takes further languages."""
    from sweep.cli.output import check_folders
    from sweep.console import Console
    from trainables.data import open_source, translated
    from trainables.models.identity import identify
    from trainables.tasks import Catalogue, parse

    catalogue = Catalogue([parse(path) for path in own or ()])
    task = catalogue[name]
    translated.check_translatable(task)
    languages = _languages(to, task.source_language)
    calls = _codes(codes or [])
    new = called or f"{task.name}-mt"
    _check_name(new, output, translated.ABOUT)
    check_folders([output / new])
    places = {"files": files, "hub": hub}
    given = {key: place for key, place in places.items() if place is not None}
    source = open_source("mini" if task.mini else given or "hub", catalogue)
    own_language = task.source_language
    examples, chosen_by = (source.examples(task, split, own_language) for split in ("train", "dev"))
    made = {"task": task.name, "from": own_language, "data": source.fingerprint(task, "train", own_language)}

    err, out = Console(stderr=True), Console()
    folder = output / new / own_language
    by = translated.set_out(folder, made)
    translated.write_rows(folder / "train.jsonl", examples, by)
    translated.write_rows(folder / "dev.jsonl", chosen_by, by)
    loaded: Any = None
    for language in languages:
        folder = output / new / language
        called_model = model.replace("{lang}", calls.get(language, language))
        weights = identify(called_model)
        how = {"model": called_model, "weights": weights, "beams": beams}
        asked = {"source": calls.get(own_language, own_language), "target": calls.get(language, language)}
        by = translated.set_out(folder, {**made, "to": language, **how, **asked})
        if (folder / "train.jsonl").exists():
            err.say(f"{language}: is there")
            continue
        if loaded is None or loaded.name != called_model:
            from trainables.models.translator import Translator

            loaded = Translator(called_model, weights, beams)
            _check_direction(loaded, model, languages)
        cut = loaded.cut
        into = loaded.into(asked["source"], asked["target"])

        def tell(done: int, language: str = language) -> None:
            err.say(f"{language}: {done} of {len(examples)} examples")

        translated.translate_rows(folder / "train.jsonl", examples, by, into, tell)
        if loaded.cut > cut:
            err.say(
                f"warning: {language}: {loaded.cut - cut} texts are longer than the model reads, and lost their end"
            )
    path, there = translated.write_task(task, new, output, model, examples[0])
    out.say(f"{path}: {len(examples)} training examples in each of {', '.join(there)}")
    out.say(f"In an experiment: tasks: [{path}], data: {{files: {output}}}, and a condition with tasks: [{new}]")


def _check_name(name: str, output: Path, about: str) -> None:
    """Refuses a name that no task can have, and that of a task file which somebody wrote."""
    from trainables.errors import Problem, UserError
    from trainables.tasks.parse import FORMS

    form, told = FORMS["name"]
    if not form.fullmatch(name):
        raise UserError(Problem(f"'{name}' is no name of a task", hint=told))
    file = output / f"{name}.yaml"
    if file.exists() and not any((output / name).glob(f"*/{about}")):
        raise UserError(Problem("is not of this command's making", str(file), hint="give another --name"))


def _languages(to: str, source: str) -> list[str]:
    from trainables.errors import Problem, UserError
    from trainables.tasks.parse import FORMS

    languages = [one.strip() for one in to.split(",")]
    form, told = FORMS["languages"]
    problems = [Problem(f"'{one}' is no language", hint=told) for one in languages if not form.fullmatch(one)]
    if source in languages:
        problems.append(Problem(f"'{source}' is the language that is translated from", hint="leave it out of --to"))
    if problems:
        raise UserError(problems)
    return list(dict.fromkeys(languages))


def _codes(given: list[str]) -> dict[str, str]:
    from trainables.errors import Problem, UserError

    pairs = [one.partition("=") for one in given]
    if wrong := [one for one, (left, _, right) in zip(given, pairs, strict=True) if not (left and right)]:
        raise UserError(
            Problem(f"'--code {wrong[0]}' is no language and its name", hint="for example --code de=deu_Latn")
        )
    return {left: right for left, _, right in pairs}


def _check_direction(translator: Any, model: str, languages: list[str]) -> None:
    """Refuses one model of one language for several."""
    from trainables.errors import Problem, UserError

    if translator.is_for_one_language and len(languages) > 1 and "{lang}" not in model:
        hint = "put {lang} into its name, as in Helsinki-NLP/opus-mt-en-{lang}, or give one language"
        raise UserError(Problem(f"model '{model}' translates into one language alone", hint=hint))
