"""Translated training data: rows of JSON in a folder for each language, and the task file that reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from trainables.data.examples import Example, LabelledText, MultipleChoice, TextPair
from trainables.errors import Problem, UserError
from trainables.spec import content_hash
from trainables.tasks import Task

Translate = Callable[[Sequence[str]], Sequence[str]]

ABOUT = "translation.json"
"""In a language's folder: what its rows were made of, and by what. Its hash stands in every row, so that it is part of
the data's fingerprint."""

AT_ONCE = 512
"""Examples after which what is done is safe on disk."""

_WHY_NOT: Mapping[str, str] = {
    "span_qa": "an answer is a place in its passage, which translation loses; squad-mt and tydiqa-mt ship, aligned",
    "tagging": "a tag belongs to a word, and its translation may have any number of words",
}

_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "pair_classification": {"text_a": "text_a", "text_b": "text_b", "label": "label", "id": "id"},
    "text_classification": {"text": "text", "label": "label", "id": "id"},
    "multiple_choice": {"context": "context", "label": "label", "id": "id"},
}


def check_translatable(task: Task) -> None:
    """Raises UserError for a task whose training data cannot be translated, with the reason."""
    if task.kind not in _COLUMNS:
        hint = _WHY_NOT.get(task.kind, f"only {', '.join(_COLUMNS)} can")
        raise UserError(Problem(f"'{task.name}' cannot be translated: it is of kind {task.kind}", hint=hint))
    if not task.is_trainable:
        instead = f"translate '{task.training_set}', which it is trained on" if task.training_set else None
        raise UserError(Problem(f"'{task.name}' has no training data of its own", hint=instead))


def set_out(folder: Path, made: Mapping[str, Any]) -> str:
    """Writes down what a language's rows are made of and by what, and returns its hash.

    Raises:
        UserError: the folder has rows that were made in another way.
    """
    path = folder / ABOUT
    if path.exists() and any(file.stat().st_size for file in folder.glob("*.jsonl*")):
        try:
            before = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise UserError(
                Problem(f"is not what was written there: {error}", str(path), hint=_anew(folder))
            ) from error
        if before != made:
            other = sorted(key for key in {*before, *made} if before.get(key) != made.get(key))
            told = "; ".join(f"{key} {before.get(key)!r}, now {made.get(key)!r}" for key in other)
            raise UserError(Problem(f"its rows were made in another way: {told}", str(path), hint=_anew(folder)))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    return content_hash(made)


def write_rows(path: Path, examples: Sequence[Example], by: str) -> None:
    """Writes examples as they are."""
    _write(path, "".join(_row(example, {}, by) for example in examples))


def translate_rows(
    path: Path,
    examples: Sequence[Example],
    by: str,
    translate: Translate,
    tell: Callable[[int], None] = lambda done: None,
) -> None:
    """Writes examples with their texts translated; what an interrupted call had written is not translated again.

    Every text is translated once, however many examples have it. A blank one stays as it is.

    Args:
        by: stands in every row.
        tell: told how many examples are done, each time that more are.

    Raises:
        UserError: what is there already is of other examples.
    """
    if path.exists():
        return
    part = path.with_name(f"{path.name}.part")
    known: dict[str, str] = {}
    done = _resume(part, examples, by, known)
    with part.open("ab") as file:
        for start in range(done, len(examples), AT_ONCE):
            chunk = examples[start : start + AT_ONCE]
            texts = [text for example in chunk for text in texts_of(example) if text.strip()]
            new = [text for text in dict.fromkeys(texts) if text not in known]
            known.update(zip(new, translate(new), strict=True))
            file.write("".join(_row(example, known, by) for example in chunk).encode())
            file.flush()
            os.fsync(file.fileno())
            tell(start + len(chunk))
    part.replace(path)


def texts_of(example: Example) -> tuple[str, ...]:
    """The texts of an example that can be translated."""
    match example:
        case TextPair():
            return example.text_a, example.text_b
        case LabelledText():
            return (example.text,)
        case MultipleChoice():
            return (example.context, *example.choices)
    raise TypeError(f"{type(example).__name__} is not translated")


def write_task(task: Task, name: str, folder: Path, model: str, example: Example) -> tuple[Path, list[str]]:
    """Writes the file of the task that reads what the folder has of a task's examples.

    Returns:
        The file, and its languages: those that are there in whole.
    """
    rows = folder / name
    whole = sorted(one.parent.name for one in rows.glob("*/train.jsonl") if one.parent.name != task.source_language)
    languages = [task.source_language, *whole]
    columns = dict(_COLUMNS[task.kind])
    if isinstance(example, MultipleChoice):
        columns["choices"] = [f"{{choices[{position}]}}" for position in range(len(example.choices))]
    layout = {
        "format": "jsonl",
        "columns": columns,
        "train": [f"{name}/{{lang}}/train.jsonl"],
        "dev": [f"{name}/{{lang}}/dev.jsonl"],
    }
    values: dict[str, Any] = {
        "name": name,
        "kind": task.kind,
        "title": f"{task.title}, machine-translated but for '{task.source_language}'",
        "metric": task.metric,
        "objective": list(task.objective),
        "labels": list(task.labels),
        "languages": languages,
        "training_set": name,
        "translates": task.name,
        "source_language": task.source_language,
        "score_on": "dev",
        "max_length": task.max_length,
        "note": f"made by sweep translate {task.name}; {name}/*/{ABOUT} says by which model each language",
        "citation": task.citation,
        "licence": f"{task.licence}; and that of the translations by {model}",
        "files": [layout],
    }
    path = folder / f"{name}.yaml"
    told = {key: value for key, value in values.items() if value not in ([], "")}
    _write(path, yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=120))
    return path, languages


def _row(example: Example, translations: Mapping[str, str], by: str) -> str:
    def said(text: str) -> str:
        return translations.get(text, text)

    values: dict[str, Any]
    match example:
        case TextPair():
            values = {"text_a": said(example.text_a), "text_b": said(example.text_b)}
        case LabelledText():
            values = {"text": said(example.text)}
        case MultipleChoice():
            values = {"context": said(example.context), "choices": [said(one) for one in example.choices]}
        case _:
            raise TypeError(f"{type(example).__name__} is not translated")
    row = {"id": example.id, **values, "label": example.label, "by": by}
    return json.dumps(row, ensure_ascii=False) + "\n"


def _resume(part: Path, examples: Sequence[Example], by: str, known: dict[str, str]) -> int:
    """How many examples are done; their translations become known. A line that was cut off is taken away."""
    if not part.exists():
        return 0
    content = part.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        part.write_bytes(whole)
    lines = whole.decode().split("\n")[:-1]  # a text may hold U+2028
    for line, example in zip(lines, examples, strict=False):
        row = json.loads(line)
        if (row["id"], row["by"]) != (example.id, by):
            raise UserError(Problem("its rows are of other examples", str(part), hint=_anew(part.parent)))
        translated = [row[key] for key in ("text_a", "text_b", "text", "context") if key in row]
        known.update(zip(texts_of(example), [*translated, *row.get("choices", ())], strict=True))
    return len(lines)


def _anew(folder: Path) -> str:
    return f"remove '{folder}' to begin it anew, or give another --name"


def _write(path: Path, text: str) -> None:
    """A file that is there as a whole, or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
