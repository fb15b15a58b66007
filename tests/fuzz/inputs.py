"""The kinds of input that people give, each as a strategy of cases: files to write, a command, what a refusal names."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import yaml
from hypothesis import strategies as st

from sweep.experiment import Resources
from sweep.planning.pricing import gpus
from sweep.running.doctor.cluster_file import of_file
from sweep.running.launch.cluster_file import read_cluster_file
from tests.fuzz.odd import TEXTS, VALUES, changed, flipped, scribbled
from tests.unit.test_ledger import filled_store

EXPERIMENT: dict[str, Any] = {
    "name": "fuzz", "model": "random:tiny", "data": "mini", "store": "{folder}/store", "search_space": "smoke",
    "sampler": "tpe",
    "strategy": "staged", "warm_start": True, "pruning": "median", "trials": {"intermediate": 1, "target": 2,
    "parallel": 1},
    "seeds": [1, 2], "conditions": ["none", "mini-nli", {"name": "two", "tasks": ["mini-nli", "mini-pos"],
    "languages": ["en"], "search": {"learning_rate": {"values": [1e-5, 2e-5]}}},
    {"for": [{"n": 2, "set": ["en", "de"]}],
    "name": "mix-{n}", "tasks": [{"task": "mini-nli", "languages": "{set}", "examples": "source", "batch_size": 4,
    "weight": 0.5}, {"task": "mini-pos", "languages": {"except": ["sw"]}, "examples": 9}], "budget": {"steps": 3},
    "mixing": {"temperature": 2.0, "cap": 99, "language_alpha": 0.3}}],
    "targets": ["mini-pos", "mini-ner"], "regimes": ["zero-shot", {"in-language": {"each": True, "languages": ["de"],
    "targets": ["mini-ner"]}}, {"few-shot": {"languages": ["de"], "examples": [5], "epochs": 3}}],
    "languages": ["en", "de"], "resources": {"workers": 1, "gpus_per_worker": 0,
    "concurrent": 2},
    "limits": {"train_examples": 16, "eval_examples": 8}, "sentence_vectors": {"layer": "1/2", "pooling": "mean"},
    "max_length": 128, "checkpoint": "last", "dropout": 0.1, "precision": "fp32", "keep": "winners", "save_minutes": 15,
    "tuning": {"intermediate": "full", "target": {"lora": {"rank": 2, "alpha": 4, "targets": ["query"]}}},
    "gradient_checkpointing": True, "evaluate": {"top": 2},
    "retries": 3, "environment": ["WANDB_API_KEY"], "tasks": [],
}  # fmt: skip

RATES = {"learning_rate": {"low": 1e-5, "high": 1e-4, "log": True, "first": 2e-5}, "epochs": {"values": [1, 2],
"first": 1},
         "batch_size": {"values": [8, 32]}, "warmup": 0.1, "weight_decay": 0.01}  # fmt: skip
SPACE: dict[str, Any] = {
    "sampler": "tpe",
    "intermediate": {"all": RATES, "mnli": {"epochs": {"values": [1, 2]}}},
    "target": {
        "all": {**RATES, "learning_rate": {"by": "batch_size", "cases": {8: {"values": [1e-5, 2e-5]}, 32: 3e-5}}}
    },
}

PAIRS = [{"a": f"text {n}", "b": "other", "y": str(n % 2), "i": f"id{n}"} for n in range(6)]
CHOICES = [{"q": f"what {n}", "a": "x", "b": "y", "y": n % 2} for n in range(4)]
ASKED = [
    {"i": f"q{n}", "q": "where?", "c": "it is in Ulm now", "a": {"text": ["Ulm"], "answer_start": [9]}}
    for n in range(3)
]
WORDS = [{"t": ["Amina", "joined"], "g": ["B-PER", "O"]}, {"t": ["Umoja", "Bank"], "g": ["B-ORG", "I-ORG"]}]
SQUAD = {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "it is in Ulm now", "qas": [
    {"id": f"q{n}", "question": "where?", "answers": [{"text": "Ulm",
    "answer_start": 9}]} for n in range(3)]}]}]}  # fmt: skip
CONLL = "Amina B-PER\njoined O\n\nUmoja B-ORG\nBank I-ORG\n"
CONLLU = (
    "# id = 1\n1-2\tim\t_\t_\t_\t_\t_\t_\t_\t_\n1\tin\tin\tADP\t_\t_\t0\troot\t_\t_\n"
    "2\tdem\tder\tDET\t_\t_\t1\tdet\t_\t_\n\n1\tja\tja\tINTJ\t_\t_\t0\troot\t_\t_\n"
)


@dataclass(frozen=True)
class Shape:
    """A task of the user's own: its keys, its layout, and what its files hold."""

    keys: Mapping[str, Any]
    layout: Mapping[str, Any]
    content: str


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


SHAPES: Mapping[str, Shape] = {
    "jsonl": Shape(
        {"kind": "pair_classification", "metric": "accuracy", "labels": ["0", "1"]},
        {"format": "jsonl", "columns": {"text_a": "a", "text_b": "{b} {a}", "label": "y", "id": "i"}},
        _lines(PAIRS),
    ),
    "tsv": Shape(
        {"kind": "pair_classification", "metric": "accuracy_f1"},
        {"format": "tsv", "header": True, "quoting": True, "columns": {"text_a": "a", "text_b": "b", "label": "y"}},
        "a\tb\ty\n" + "".join(f"one {n}\t\"two\"\t{n % 2}\n" for n in range(5)),
    ),
    "csv": Shape(
        {"kind": "pair_classification", "metric": "accuracy", "max_length": 64},
        {"format": "csv", "columns": {"text_a": 0, "text_b": 1, "label": 2}, "label_map": {"y": "yes"},
        "drop_labels": ["-"]},
        "".join(f'one {n},"two, or ""three""",{"y" if n % 2 else "no"}\n' for n in range(5)),
    ),
    "texts": Shape(
        {"kind": "text_classification", "metric": "accuracy"},
        {"format": "jsonl", "columns": {"text": "{a[{lang}]}", "label": "y"}},
        _lines([{"a": {"en": f"one {n}"}, "y": f"l{n % 2}"} for n in range(5)]),
    ),
    "choices": Shape(
        {"kind": "multiple_choice", "metric": "accuracy", "labels": ["0", "1"]},
        {"format": "jsonl", "columns": {"context": "q", "choices": ["a", "b"], "label": "y"}},
        _lines(CHOICES),
    ),
    "answers": Shape(
        {"kind": "span_qa", "metric": "squad", "max_question": 16},
        {"format": "jsonl", "columns": {"question": "q", "context": "c", "answers": "a", "id": "i"}},
        _lines(ASKED),
    ),
    "tests": Shape(
        {"kind": "span_qa", "metric": "error_rate", "training_set": "squad"},
        {"format": "jsonl", "columns": {"question": "q", "context": "c", "answers": "a", "test": "t", "case": "n"}},
        _lines([{**one, "a": ["Ulm"], "t": "places", "n": n // 2} for n, one in enumerate(ASKED)]),
    ),
    "words": Shape(
        {"kind": "tagging", "metric": "entity_f1"},
        {"format": "jsonl", "columns": {"tokens": "t", "tags": "g"}},
        _lines(WORDS),
    ),
    "translations": Shape(
        {"kind": "bitext_ranking", "metric": "accuracy", "margin": 0.2, "scale": 5, "layer": "1/2", "pooling": "cls"},
        {"format": "jsonl", "columns": {"text": "{t[{lang}]}", "english": "{t[x]}"}},
        _lines([{"t": {"en": f"eins {n}", "x": f"one {n}"}} for n in range(4)]),
    ),
    "text": Shape({"kind": "mlm", "metric": "perplexity", "max_length": 16}, {"format": "text"}, "Ulm.\n\nOld.\n"),
    "conll": Shape(
        {"kind": "tagging", "metric": "entity_f1"},
        {"format": "conll", "separator": " ", "token_column": 0, "tag_column": -1, "skip": ["-DOCSTART-"]},
        CONLL,
    ),
    "conllu": Shape({"kind": "tagging", "metric": "pos_f1"}, {"format": "conllu"}, CONLLU),
    "squad": Shape({"kind": "span_qa", "metric": "squad"}, {"format": "squad"}, json.dumps(SQUAD, indent=1)),
}  # fmt: skip


def own_task(shape: Shape) -> dict[str, Any]:
    """The file of a task of that shape."""
    layout = {**shape.layout, "train": ["data/train"], "dev": ["data/dev"]}
    base = {"name": "mine", "title": "t", "languages": ["en"], "training_set": "mine", "score_on": "dev"}
    return {**base, **shape.keys, "files": [layout]}


@dataclass(frozen=True)
class Case:
    """Files to write below a folder, the command, and what a refusal must name.

    `{folder}` in an argument or a name stands for the folder.
    """

    files: Mapping[str, bytes]
    arguments: tuple[str, ...]
    names: str = ""
    read: Callable[[Path], object] | None = None
    """Of a command that would go on to machines the part that reads, below the folder."""

    def command(self, folder: Path) -> list[str]:
        """Writes the files, and returns the arguments."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return [one.replace("{folder}", str(folder)) for one in self.arguments]


def as_yaml(values: Any) -> bytes:
    """The bytes of a YAML file."""
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogateescape")


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape" if "\udc80" in text else "surrogatepass")


@st.composite
def experiments(draw: st.DrawFn) -> Case:
    """An experiment in which a value or two is odd."""
    return Case({"e.yaml": as_yaml(draw(changed(EXPERIMENT)))}, ("plan", "{folder}/e.yaml"), "e.yaml")


@st.composite
def yaml_texts(draw: st.DrawFn) -> Case:
    """An experiment's text, scribbled into."""
    text = draw(scribbled(yaml.safe_dump(EXPERIMENT, sort_keys=False)))
    return Case({"e.yaml": _text(text)}, ("plan", "{folder}/e.yaml"), "e.yaml")


@st.composite
def spaces(draw: st.DrawFn) -> Case:
    """A search space in which something is odd."""
    odd = draw(st.one_of(changed(SPACE).map(as_yaml), scribbled(yaml.safe_dump(SPACE)).map(_text)))
    experiment = {**EXPERIMENT, "search_space": "{folder}/space.yaml"}
    return Case({"space.yaml": odd, "e.yaml": as_yaml(experiment)}, ("plan", "{folder}/e.yaml"), ".yaml")


def with_task(task: bytes, content: bytes) -> Case:
    """An experiment on a task of the user's own, whose files are checked before it runs."""
    experiment = {
        **EXPERIMENT, "tasks": ["{folder}/mine.yaml"], "data": {"files": "{folder}"}, "conditions": ["none"],
        "regimes": ["zero-shot"],
        "warm_start": False, "targets": ["mine"], "languages": ["en"],
    }  # fmt: skip
    files = {"mine.yaml": task, "e.yaml": as_yaml(experiment), "data/train": content, "data/dev": content}
    files |= dict.fromkeys(("squad/train-v1.1.json", "squad/dev-v1.1.json"), json.dumps(SQUAD).encode())
    return Case(files, ("plan", "{folder}/e.yaml", "--check"), "{folder}")


@st.composite
def task_files(draw: st.DrawFn) -> Case:
    """A task of the user's own in whose file something is odd."""
    shape = draw(st.sampled_from(sorted(SHAPES)))
    good = own_task(SHAPES[shape])
    odd = draw(
        st.one_of(changed(good).map(as_yaml), changed(good).map(as_yaml), scribbled(as_yaml(good).decode()).map(_text))
    )
    return with_task(odd, SHAPES[shape].content.encode())


@st.composite
def data_files(draw: st.DrawFn) -> Case:
    """A task's data in which something is odd."""
    shape = SHAPES[draw(st.sampled_from(sorted(SHAPES)))]
    ways = [scribbled(shape.content).map(_text), flipped(shape.content.encode())]
    if shape.content.startswith("{"):
        rows = [json.loads(line) for line in shape.content.splitlines()] if shape.layout["format"] == "jsonl" else None
        odd = changed(rows).map(_lines_of) if rows else changed(json.loads(shape.content)).map(_json)
        ways += [odd, odd]
    return with_task(as_yaml(own_task(shape)), draw(st.one_of(ways)))


def _lines_of(rows: Any) -> bytes:
    return _text("".join(json.dumps(row, default=str) + "\n" for row in rows))


def _json(value: Any) -> bytes:
    return _text(json.dumps(value, default=str))


KEYS = (
    "trials.target", "trials", "seeds", "seeds.0", "conditions.0", "conditions.1.name", "data.files", "data",
    "languages", "targets.0", "name", "store", "model", "resources.workers", "", ".", "x", "trials..target", "name.x",
    "conditions.9.name",
)  # fmt: skip


@st.composite
def arguments(draw: st.DrawFn) -> Case:
    """Overrides and options that nobody means."""
    values = st.one_of(
        st.sampled_from(VALUES).map(str), st.sampled_from(TEXTS), st.sampled_from(["4", "[1,2]", "{a: 1}"])
    )
    shown = values.map(lambda one: one.replace("\0", "").encode("utf-8", "ignore").decode())
    over = st.builds(lambda key, value: f"{key}={value}", st.sampled_from(KEYS), shown)
    overrides = draw(st.lists(st.one_of(over, shown), max_size=3))
    options = draw(
        st.lists(st.sampled_from(["--json", "--gpu", "--gpus", "--chekc", "--gpu=H100", "--studies"]), max_size=2)
    )
    return Case({"e.yaml": as_yaml(EXPERIMENT)}, ("plan", "{folder}/e.yaml", *overrides, *options))


SQL = (
    "select * from trials",
    "select condition, mean from best",
    "from scores",
    "from transfer order by delta desc limit 3",
)
WORDS_OF_SQL = (
    "select", "from", "trials", "scores", "best", "means", "ledger", "predictions", "where", "1/0", "count(*)", "*",
    "group by all",
    "order by", "limit", "-1", "'[/x]'", "'", '"', ";", "--", "/*", "$x", "?", "copy trials to '/tmp/x'",
    "attach 'x'", "install httpfs",
    "read_csv('/etc/passwd')", "pragma version", "set threads=1", "with", "as", "union", "pivot", "unnest", "null",
    "nan", "1e999",
    "'\x1b[31m'", "[1,[2]]", "{'a': 1}", "map {1: 2}", "'\\'", "now()", "uuid()", "interval 1 day", "x" * 300,
    "(" * 300, "", "drop table",
)  # fmt: skip


@st.composite
def statements(draw: st.DrawFn) -> Case:
    """SQL of all sorts over a store."""
    parts = st.lists(st.sampled_from(WORDS_OF_SQL), max_size=6).map(" ".join)
    sql = draw(st.one_of(parts, scribbled(draw(st.sampled_from(SQL)), 2), parts.map(lambda one: f"select {one}")))
    shown = draw(st.sampled_from(["table", "csv", "json", "markdown", "latex"]))
    clean = sql.replace("\0", " ").encode("utf-8", "ignore").decode()
    return Case(store_files(), ("query", "{folder}/store", clean, "--format", shown))


@st.composite
def stores(draw: st.DrawFn) -> Case:
    """A store with a file that somebody changed."""
    files = dict(store_files())
    name = draw(st.sampled_from(sorted(files)))
    content = files[name]
    if name.endswith(".json"):
        values = json.loads(content)
        files[name] = draw(
            st.one_of(changed(values).map(_json), scribbled(content.decode()).map(_text), flipped(content))
        )
    else:
        files[name] = draw(flipped(content))
    command = draw(
        st.sampled_from(
            [("status", "{folder}/store"), ("query", "{folder}/store", "from best"), ("doctor", "{folder}/store")]
        )
    )
    return Case(files, command)


GOLD: Mapping[str, str] = {
    "xnli/test-de.tsv": "entailment\nneutral\ncontradiction\n",
    "panx/test-en.tsv": "B-PER\nO\n\nB-ORG\nI-ORG\n",
    "udpos/test-en.tsv": "NOUN\nVERB\n\nADP\n",
    "xquad/test-de.json": json.dumps(SQUAD),
    "tatoeba/test-de.tsv": "0\n1\n2\n",
    "bucc2018/test-de.tsv": "de-1\ten-1\nde-2\ten-2\n",
}
PREDICTED = {**GOLD, "xquad/test-de.json": json.dumps({f"q{n}": "Ulm" for n in range(3)})}


@st.composite
def submissions(draw: st.DrawFn) -> Case:
    """A submission, or its gold, with a file that is odd."""
    files = {f"gold/{name}": content.encode() for name, content in GOLD.items()}
    files |= {f"predictions/{name}": content.encode() for name, content in PREDICTED.items()}
    name = draw(st.sampled_from(sorted(files)))
    odd = [scribbled(files[name].decode()).map(_text), flipped(files[name])]
    if name.endswith(".json"):
        odd.append(changed(json.loads(files[name])).map(_json))
    files[name] = draw(st.one_of(odd))
    asked = ("score", "--benchmark", "xtreme", "--predictions", "{folder}/predictions", "--labels", "{folder}/gold")
    return Case(files, asked)


GPUS = yaml.safe_load((Path(gpus.__file__).parent / "gpus.yaml").read_text(encoding="utf-8"))


@st.composite
def gpu_tables(draw: st.DrawFn) -> Case:
    """A table of GPU types in which something is odd."""
    odd = draw(st.one_of(changed(GPUS).map(as_yaml), scribbled(as_yaml(GPUS).decode()).map(_text)))
    return Case(
        {"g.yaml": odd, "e.yaml": as_yaml(EXPERIMENT)}, ("plan", "{folder}/e.yaml", "--gpus", "{folder}/g.yaml")
    )


CLUSTER: dict[str, Any] = {
    **yaml.safe_load((Path(__file__).parents[2] / "clusters" / "local.yaml").read_text(encoding="utf-8")),
    "auth": {"ssh_user": "nobody"},
    "file_mounts": {},
}


def _read_cluster(folder: Path) -> None:
    read = read_cluster_file(folder / "cluster.yaml")
    of_file(read.document, Resources(gpus_per_worker=1, cpus_per_worker=4))


@st.composite
def cluster_files(draw: st.DrawFn) -> Case:
    """A file of `ray up` in which something is odd."""
    odd = draw(st.one_of(changed(CLUSTER).map(as_yaml), scribbled(as_yaml(CLUSTER).decode()).map(_text)))
    return Case({"cluster.yaml": odd}, (), "cluster.yaml", _read_cluster)


@st.composite
def mirrors(draw: st.DrawFn) -> Case:
    """A mirror of the hub whose file, or whose entry in the task, is odd."""
    columns = {"text_a": "a", "text_b": "b", "label": "y", "id": "i"}
    entry = {"dataset": "me/pairs", "splits": {"train": "train", "dev": "validation"}, "columns": columns}
    task = {**own_task(SHAPES["jsonl"]), "hub": [entry]}
    del task["files"]
    rows = pa.Table.from_pylist(PAIRS)
    ending = draw(st.sampled_from(["jsonl", "csv", "parquet"]))
    content = {"jsonl": _lines(PAIRS).encode(), "csv": _csv(rows), "parquet": _parquet(rows)}[ending]
    if draw(st.booleans()):
        content = draw(flipped(content) if ending == "parquet" else scribbled(content.decode()).map(_text))
    else:
        task = draw(changed(task))
    files = {f"hub/me/pairs/{split}.{ending}": content for split in ("train", "validation")}
    case = with_task(as_yaml(task), b"")
    return replace(
        case,
        files={
            **case.files,
            **files,
            "e.yaml": case.files["e.yaml"].replace(b"files:", b"hub:").replace(b"'{folder}'", b"'{folder}/hub'"),
        },
    )


def _csv(rows: pa.Table) -> bytes:
    stream = io.BytesIO()
    pyarrow.csv.write_csv(rows, stream)
    return stream.getvalue()


def _parquet(rows: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(rows, stream)
    return stream.getvalue()


@cache
def model_files() -> Mapping[str, bytes]:
    """The files of a checkpoint: a tiny XLM-R with a tokenizer of characters."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    from tests.toy import tokenizer
    from trainables.models.shapes import SHAPES

    with tempfile.TemporaryDirectory() as folder:
        config = XLMRobertaConfig(vocab_size=len(tokenizer()), max_position_embeddings=514, **SHAPES["tiny"])
        XLMRobertaModel(config).save_pretrained(folder)
        tokenizer().save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@st.composite
def model_folders(draw: st.DrawFn) -> Case:
    """A model's folder with a file that is odd."""
    files = dict(model_files())
    name = draw(st.sampled_from(sorted(files)))
    ways = [flipped(files[name])]
    if name.endswith(".json"):
        odd = changed(json.loads(files[name])).map(_json)
        ways += [odd, odd, scribbled(files[name].decode()).map(_text)]
    files[name] = draw(st.one_of(ways))
    experiment = {**EXPERIMENT, "model": "{folder}/model", "sentence_vectors": {}}
    return Case(
        {"e.yaml": as_yaml(experiment), **{f"model/{file}": content for file, content in files.items()}},
        ("plan", "{folder}/e.yaml", "--check"),
    )


KINDS: Mapping[str, Callable[[], st.SearchStrategy[Case]]] = {
    "experiment values": experiments,
    "YAML texts": yaml_texts,
    "search spaces": spaces,
    "task files": task_files,
    "data files": data_files,
    "arguments": arguments,
    "SQL": statements,
    "changed stores": stores,
    "submissions": submissions,
    "GPU tables": gpu_tables,
    "cluster files": cluster_files,
    "mirrors of the hub": mirrors,
    "model folders": model_folders,
}
"""What is tried, by the name that the table of verdicts shows."""


@cache
def store_files() -> Mapping[str, bytes]:
    """The files of a small store with three trials, a plan and the record of a run that was killed."""
    running = {"trial_id": "t", "study": "s", "settings": "lr 1e-5", "progress": 0.5}
    record = {
        "run": "x", "host": "elsewhere", "pid": 1, "started": 1.0, "beat": 1.0, "experiment": "test",
        "running": [running], "waits": None,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        filled_store(folder).write("run.json", json.dumps(record).encode())
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
