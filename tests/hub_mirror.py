"""Mirrors of hub datasets, in the hub's columns and classes, made of official release files.

Each builder is called after its task. `released` gives the examples of a language as the release files have them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, Features, List

from trainables import tasks

Columns = Mapping[str, Sequence[Any]]
Released = Callable[..., list[Any]]
NLI = ("entailment", "neutral", "contradiction")
UPOS = tasks.load("udpos").labels
NER = tasks.load("panx").labels
SIZE = 60
"""Examples of a split, where its file has more."""


def write(mirror: Path, name: str, config: str, split: str, columns: Columns, **classes: Any) -> None:
    """One split as the hub stores it; `classes` are the features of columns that are not plain."""
    rows = Dataset.from_dict(dict(columns))
    features = Features({**rows.features, **classes})
    path = mirror / name / config / f"{split}-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.cast(features).to_parquet(path)


def table(examples: Sequence[Any], **columns: str) -> dict[str, list[Any]]:
    """Columns from fields of examples."""
    return {column: [getattr(example, field) for example in examples] for column, field in columns.items()}


def lines(path: Path, count: int = SIZE) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for _, line in zip(range(count), file, strict=False)]


def columns_of(rows: Sequence[Mapping[str, Any]], *names: str) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in names}


def questions(path: Path, prefix: str = "") -> dict[str, list[Any]]:
    """As google/xtreme stores them: texts are stripped, but the starts of answers stay as they were."""
    found: dict[str, list[Any]] = {name: [] for name in ("id", "title", "context", "question", "answers")}
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                found["id"].append(prefix + qa["id"])
                found["title"].append(article.get("title", ""))
                found["context"].append(paragraph["context"].strip())
                found["question"].append(qa["question"].strip())
                texts = [answer["text"].strip() for answer in qa["answers"]]
                starts = [answer["answer_start"] for answer in qa["answers"]]
                found["answers"].append({"text": texts, "answer_start": starts})
    return found


def xnli(mirror: Path, release: Path, released: Released) -> None:
    pairs = {language: released(language)[:SIZE] for language in ("en", "sw")}
    both = [pair for found in pairs.values() for pair in found]
    columns = table(both, sentence1="text_a", sentence2="text_b", gold_label="label")
    languages = [language for language, found in pairs.items() for _ in found]
    write(mirror, "google/xtreme", "XNLI", "validation", {"language": languages, **columns})


def pawsx(mirror: Path, release: Path, released: Released) -> None:
    columns = table(released()[:SIZE], sentence1="text_a", sentence2="text_b")
    labels = [int(pair.label) for pair in released()[:SIZE]]
    numbers = list(range(1, SIZE + 1))
    names = ClassLabel(names=["0", "1"])
    columns = {"id": numbers, **columns, "label": labels}
    # A pair without a label, as the hub marks it: it is left out.
    columns = {name: [*values, {"id": 0, "label": -1}.get(name, "NS")] for name, values in columns.items()}
    write(mirror, "google-research-datasets/paws-x", "de", "validation", columns, label=names)


def panx(mirror: Path, release: Path, released: Released) -> None:
    found = released()[:SIZE]
    columns = table(found, tokens="tokens")
    tags = [[NER.index(tag) for tag in sentence.tags] for sentence in found]
    langs = [["sw"] * len(sentence.tokens) for sentence in found]
    features = List(ClassLabel(names=list(NER)))
    columns = {**columns, "ner_tags": tags, "langs": langs}
    write(mirror, "google/xtreme", "PAN-X.sw", "validation", columns, ner_tags=features)


def udpos(mirror: Path, release: Path, released: Released) -> None:
    found = released()[:SIZE]
    names = [*UPOS, "_"]  # a class more than tags
    tags = [[names.index(tag) for tag in sentence.tags] for sentence in found]
    columns = {**table(found, tokens="tokens"), "pos_tags": tags}
    write(mirror, "google/xtreme", "udpos.Hindi", "test", columns, pos_tags=List(ClassLabel(names=names)))


def xquad(mirror: Path, release: Path, released: Released) -> None:
    write(mirror, "google/xtreme", "XQuAD.zh", "validation", questions(release / "xquad" / "xquad.zh.json"))


def mlqa(mirror: Path, release: Path, released: Released) -> None:
    path = release / "mlqa" / "MLQA_V1" / "dev" / "dev-context-es-question-es.json"
    write(mirror, "google/xtreme", "MLQA.es.es", "validation", questions(path))


def tydiqa(mirror: Path, release: Path, released: Released) -> None:
    names = {"english": "en", "swahili": "sw"}
    paths = {name: release / "tydiqa" / f"tydiqa.goldp.{code}.train.json" for name, code in names.items()}
    parts = [questions(path, f"{name}-") for name, path in paths.items()]
    columns = {name: [value for part in parts for value in part[name]] for name in parts[0]}
    write(mirror, "google/xtreme", "tydiqa", "train", columns)


def squad(mirror: Path, release: Path, released: Released) -> None:
    path = release / "squad_v1.1" / "dev-v1.1.json"
    write(mirror, "rajpurkar/squad", "plain_text", "validation", questions(path))


def squad2(mirror: Path, release: Path, released: Released) -> None:
    path = release / "squad_v2.0" / "dev-v2.0.json"
    write(mirror, "rajpurkar/squad_v2", "squad_v2", "validation", questions(path))


def tatoeba(mirror: Path, release: Path, released: Released) -> None:
    names = {"source_sentence": "swh", "target_sentence": "eng"}
    texts = {
        column: (release / "tatoeba" / f"tatoeba.swh-eng.{code}").read_text(encoding="utf-8").splitlines(keepends=True)
        for column, code in names.items()
    }
    write(mirror, "google/xtreme", "tatoeba.swh", "validation", texts)


def mnli(mirror: Path, release: Path, released: Released) -> None:
    found = released()[:SIZE]
    columns = table(found, premise="text_a", hypothesis="text_b")
    labels = [NLI.index(pair.label) for pair in found]
    columns = {**columns, "label": labels, "idx": list(range(len(found)))}
    write(mirror, "nyu-mll/glue", "mnli", "validation_matched", columns, label=ClassLabel(names=list(NLI)))


def qqp(mirror: Path, release: Path, released: Released) -> None:
    found = released()
    columns = table(found, question1="text_a", question2="text_b")
    columns = {**columns, "label": [int(pair.label) for pair in found], "idx": list(range(len(found)))}
    names = ClassLabel(names=["not_duplicate", "duplicate"])
    write(mirror, "nyu-mll/glue", "qqp", "validation", columns, label=names)


def snli(mirror: Path, release: Path, released: Released) -> None:
    with (release / "snli" / "snlisample_dev.tsv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    labels = [NLI.index(row[1]) if row[1] in NLI else -1 for row in rows]
    columns = {"premise": [row[2] for row in rows], "hypothesis": [row[3] for row in rows], "label": labels}
    columns = {name: [*values, {"label": -1}.get(name, "x")] for name, values in columns.items()}
    write(mirror, "stanfordnlp/snli", "plain_text", "validation", columns, label=ClassLabel(names=list(NLI)))


def hellaswag(mirror: Path, release: Path, released: Released) -> None:
    rows = lines(release / "hellaswag" / "hellaswag_val.jsonl")
    columns = columns_of(rows, "ind", "ctx_a", "ctx_b", "endings")
    labels = [str(row["label"]) for row in rows]
    write(mirror, "Rowan/hellaswag", "data", "validation", {**columns, "label": labels})


def cosmosqa(mirror: Path, release: Path, released: Released) -> None:
    with (release / "cosmosqa" / "valid.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:SIZE]
    columns = columns_of(rows, "id", "context", "question", *(f"answer{number}" for number in range(4)))
    columns = {**columns, "label": [int(row["label"]) for row in rows]}
    write(mirror, "allenai/cosmos_qa", "default", "validation", columns)


def commonsenseqa(mirror: Path, release: Path, released: Released) -> None:
    rows = lines(release / "commonsenseqa" / "dev_rand_split.jsonl")
    stems = [row["question"]["stem"] for row in rows]
    choices = [{key: [one[key] for one in row["question"]["choices"]] for key in ("label", "text")} for row in rows]
    columns = {**columns_of(rows, "id", "answerKey"), "question": stems, "choices": choices}
    write(mirror, "tau/commonsense_qa", "data", "validation", columns)


def siqa(mirror: Path, release: Path, released: Released) -> None:
    rows = lines(release / "socialiqa" / "socialIQa_v1.4_dev.jsonl")
    columns = columns_of(rows, "context", "question", "answerA", "answerB", "answerC")
    labels = [str("ABC".index(row["correct"]) + 1) for row in rows]
    write(mirror, "allenai/social_i_qa", "default", "validation", {**columns, "label": labels})


def copa(mirror: Path, release: Path, released: Released) -> None:
    rows = lines(release / "xcopa" / "val-en.jsonl", 100)
    columns = columns_of(rows, "premise", "choice1", "choice2", "question", "idx", "label")
    names = ClassLabel(names=["choice1", "choice2"])
    write(mirror, "aps/super_glue", "copa", "validation", columns, label=names)


def xcopa(mirror: Path, release: Path, released: Released) -> None:
    rows = lines(release / "xcopa" / "data" / "sw" / "test.sw.jsonl")
    columns = columns_of(rows, "premise", "choice1", "choice2", "question", "idx", "label")
    write(mirror, "cambridgeltl/xcopa", "sw", "test", columns)
