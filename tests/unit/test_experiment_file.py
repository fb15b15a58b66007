"""The experiment file: what it may say, and how a mistake is answered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep.experiment import file as experiment_file
from sweep.planning.planner import make_plan
from tests.conftest import write_experiment
from trainables.errors import UserError
from trainables.models.shapes import folder_of
from trainables.spec import Lora


def problems(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        experiment_file.load(str(path), overrides)
    return [str(problem) for problem in caught.value.problems]


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    loaded = experiment_file.load(str(write_experiment(tmp_path)))
    assert [condition.name for condition in loaded.conditions] == ["none", "mini-nli"]
    assert loaded.conditions[1].names == ("mini-nli",)
    assert loaded.conditions[1].languages == ["en"]
    assert loaded.trials.target == 2


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("gs://bucket/x", "nothing at gs:// is read\n    a folder, or s3://BUCKET/PREFIX"),
        ("s3://bucket//x", "a folder in it has no name\n    write one slash"),
        ("' '", "it has no name"),
        ("x" * 300, "a name in it is too long\n    at most 255 bytes"),
    ],
)
def test_a_store_that_cannot_be_is_refused(tmp_path: Path, store: str, words: str) -> None:
    (found,) = problems(write_experiment(tmp_path), f"store={store}")
    assert words in found


def test_values_are_overridden_by_dotted_paths(tmp_path: Path) -> None:
    loaded = experiment_file.load(str(write_experiment(tmp_path)), ["trials.target=7", "seeds=[1,2]", "model=minilm"])
    assert (loaded.trials.target, loaded.trials.intermediate, loaded.seeds, loaded.model) == (7, 2, [1, 2], "minilm")


def test_overrides_lead_into_lists(tmp_path: Path) -> None:
    path = write_experiment(
        tmp_path, conditions=["none", "mini-nli", {"name": "both", "tasks": ["mini-nli", "mini-qa"]}]
    )
    given = [
        "conditions.1.name=nli",
        "conditions.2.tasks.1=mini-pos",
        "targets.0=mini-ner",
        "sentence_vectors.pooling=cls",
    ]
    loaded = experiment_file.load(str(path), given)
    assert [(one.name, one.names) for one in loaded.conditions] == [
        ("none", ()),
        ("nli", ("mini-nli",)),  # which stood there in its short form
        ("both", ("mini-nli", "mini-pos")),
    ]
    assert loaded.targets == ["mini-ner", "mini-bitext"]
    assert loaded.sentence_vectors.pooling == "cls"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "conditions.2.name=x",
            "'conditions' has 2 entries, and none at '2'\n    there are conditions.0 (none), conditions.1",
        ),
        ("conditions.-1.name=x", "none at '-1'"),
        ("conditions.first=x", "none at 'first'"),
        (
            "name.x=1",
            "'name.x' names a part of 'name', which is 'small' and has none\n    give the whole of it: name=VALUE",
        ),
        ("data.files=DIR", "which is 'mini' and has none\n    give the whole of it: data={files: ...}"),
        ("targets.0.x=1", "'targets.0', which is 'mini-pos'"),
        ("seeds.1=3", "there is no list 'seeds' in the file\n    give it: seeds=[...]"),
        ("trials..target=4", "'trials..target' has an empty part"),
        (".x=1", "'.x' has an empty part"),
        ("trials.=1", "'trials.' has an empty part"),
        ("store=", "'store=' gives no value\n    store=null if there is to be none"),
    ],
)
def test_an_override_that_leads_nowhere_is_refused(tmp_path: Path, override: str, words: str) -> None:
    (found,) = problems(write_experiment(tmp_path), override)
    assert words in found


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "trials=4",
            "'trials' is 4: something of several parts is wanted\n    say which of its parts: trials.intermediate=4 or",
        ),
        ("seeds=3", "'seeds' is 3: a list is wanted\n    write [3]"),
        (
            "evaluate=3",
            "'evaluate' is 3: something of several parts is wanted\n    say which of its parts: evaluate.top=3",
        ),
        ("trials.target=many", "'trials.target' is 'many': a whole number is wanted"),
        ("trials.target=0", "'trials.target' is 0: 1 or more is wanted"),
        ("pruning=medan", "'median' or 'successive_halving' is wanted\n    did you mean 'median'?"),
        ("model=3", "'model' is 3: text is wanted"),
        ("warm_start=maybe", "'warm_start' is 'maybe': true or false is wanted"),
    ],
)
def test_what_is_wanted_is_said_in_words(tmp_path: Path, override: str, words: str) -> None:
    (found,) = problems(write_experiment(tmp_path), override)
    assert words in found


@pytest.mark.parametrize(
    ("changes", "at", "message", "hint"),
    [
        ({"targets": ["mini-pso"]}, "- mini-pso", "unknown task 'mini-pso'", "did you mean 'mini-pos'?"),
        ({"model": "minilm@v2"}, "model:", "model minilm has no revisions", "write minilm"),
        ({"model": "s3://bucket/model"}, "model:", "model 's3://bucket/model' cannot lie in a bucket", "give a hub id"),
        ({"model": "owner/model@"}, "model:", "model 'owner/model@' names no revision", "owner/model@main"),
        ({"model": "xlm-roberta-larg@main"}, "model:", "unknown model", "did you mean 'xlm-roberta-large'?"),
        ({"model": "random:tny"}, "model:", "unknown model 'random:tny'", "did you mean 'random:tiny'?"),
        (
            {"model": "xlm-roberta-larg"},
            "model:",
            "unknown model 'xlm-roberta-larg'",
            "did you mean 'xlm-roberta-large'?",
        ),
        ({"search_space": "quik"}, "search_space:", "unknown search space 'quik'", "did you mean 'quick'?"),
        ({"languages": ["en", "dee"]}, "- dee", "unknown language 'dee'", "did you mean"),
        ({"conditions": []}, "conditions:", "'conditions' is empty", "give at least one"),
        ({"conditions": ["none", "none"]}, "- none", "condition 'none' stands here twice", ""),
        (
            {"conditions": ["mini-bitext"]},
            "- mini-bitext",
            "'mini-bitext' has no training data of its own",
            "scored without training",
        ),
        ({"conditions": [{"name": "a", "tasks": []}]}, "- name: a", "condition 'a' must have tasks", ""),
        ({"targets": ["xnli"]}, "- xnli", "task 'mnli' is not in the embedded benchmark", "data: {files: DIR}"),
        ({"trails": 3}, "trails: 3", "unknown key 'trails'", "did you mean 'trials'?"),
        ({"trials": {"targt": 2}}, "targt: 2", "unknown key 'targt'", "did you mean 'target'?"),
        ({"trials": {"target": 0}}, "target: 0", "'trials.target' is 0", ""),
        ({"data": {"files": "/nowhere"}}, "data:", "data folder '/nowhere' does not exist", "set data.files=DIR"),
        ({"targets": "xtrem"}, "targets:", "unknown benchmark 'xtrem'", "did you mean 'xtreme'?"),
        ({"trials": "many"}, "trials:", "'trials' is 'many'", ""),
        ({"languages": "germn"}, "languages:", "'languages' is 'germn'", ""),
        ({"data": {}}, "data:", "'data' names no place", "{files: DIR}"),
        ({"data": {"filse": "x"}}, "filse:", "unknown key 'filse'", "did you mean 'files'?"),
        ({"data": [1]}, "data:", "'data' is [1]", ""),
        ({"data": "minii"}, "data:", "'data' is 'minii'", ""),
        ({"sampler": "tpee"}, "sampler:", "unknown sampler 'tpee'", "did you mean 'tpe'?"),
        (
            {"warm_start": True, "conditions": ["mini-nli"]},
            "warm_start:",
            "there is no condition 'none' to start from",
            "add the condition none",
        ),
        ({"keep": "winner"}, "keep:", "'keep' is 'winner'", ""),
        ({"evaluate": {"tops": 2}}, "tops: 2", "unknown key 'tops'", "did you mean 'top'?"),
        ({"evaluate": {"top": "all"}}, "top: all", "'evaluate.top' is 'all'", ""),
        ({"evaluate": {"top": 0}}, "top: 0", "'evaluate.top' is 0: 1 or more is wanted", ""),
        ({"trials": {"paralel": 2}}, "paralel:", "unknown key 'paralel'", "did you mean 'parallel'?"),
        (
            {"search_space": "wide", "sampler": "grid"},
            "sampler:",
            "sampler grid cannot search ranges",
            "use tpe or random",
        ),
        ({"dropout": 1.5}, "dropout:", "'dropout' is 1.5", ""),
        ({"sentence_vectors": {"layer": "14/12"}}, "layer:", "'14/12' is not a share of the layers", "14/24"),
        ({"checkpoint": "bset"}, "checkpoint:", "'checkpoint' is 'bset'", "'last' or 'best'"),
        ({"max_length": 0}, "max_length:", "'max_length' is 0", ""),
        ({"max_length": 5}, "max_length:", "'max_length' is 5, too little for mini-nli (6)", "at least 6"),
        ({"max_length": 97, "targets": ["mini-qa"]}, "max_length:", "'max_length' is 97, too little for mini-qa", "98"),
        ({"max_length": 513}, "max_length:", "model 'random:tiny' sees 512 tokens at once", "set max_length: 512"),
        ({"environment": ["A", "HF_TOKEN=s3cret"]}, "- HF_TOKEN", "'HF_TOKEN=...' is more than a", "export the value"),
        ({"environment": {"HF_TOKEN": "s3cret"}}, "environment:", "'environment' is not a list of", "[WANDB_API_KEY]"),
        ({"environment": [{"HF_TOKEN": "s3cret"}]}, "environment:", "'environment' is not a list of", "export"),
        ({"environment": "HF_TOKEN s3cret"}, "environment:", "'environment' is not a list of", "export the value"),
        ({"environment": ["s3cret-"]}, "- s3cret", "what stands here is no variable's name", "letters, digits and _"),
        ({"environment": ["CUDA_VISIBLE_DEVICES"]}, "- CUDA", "'CUDA_VISIBLE_DEVICES' is set by Ray", "leave it out"),
        ({"sentence_vectors": {"pool": "cls"}}, "pool:", "unknown key 'pool'", "did you mean 'pooling'?"),
        ({"data": {"files": ["A", "B"]}}, "files:", "'data.files' is ['A', 'B']", ""),
        ({"data": {"hub": [1]}}, "hub:", "'data.hub' is [1]: neither true nor a folder", "hub: true"),
        ({"data": {"hub": False}}, "hub:", "'data.hub' is False", ""),
        ({"data": "hub", "targets": [["a", "b"]]}, "- - a", "'targets.0' is ['a', 'b']", ""),
        ({"targets": 3}, "targets:", "'targets' is 3: no list of tasks", "xtreme"),
        ({"targets": {"mini-pos": 1}}, "targets:", "'targets' is {'mini-pos': 1}: no list of tasks", ""),
        ({"languages": {"en": 1}}, "en:", "unknown key 'en'", "known: except"),
        ({"languages": "en"}, "languages:", "'languages' is 'en': no list of languages", "write [en], or all"),
        ({"conditions": ["none", 3]}, "- 3", "'conditions.1' is 3: no condition", "none, a task's name"),
        ({"conditions": ["none", ["mini-nli"]]}, "- - mini-nli", "'conditions.1' is ['mini-nli']: no condition", ""),
        ({"conditions": "none"}, "conditions:", "'conditions' is 'none'", ""),
        ({"seeds": [True]}, "- true", "'seeds.0' is True", ""),
        ({"seeds": ["1"]}, "- '1'", "'seeds.0' is '1'", ""),
        ({"seeds": [10**20]}, "- 1000", "'seeds.0' is 100000000000000000000", "4294967295"),
        ({"trials": {"target": True}}, "target: true", "'trials.target' is True", ""),
        ({"trials": {"target": 2.0}}, "target: 2.0", "'trials.target' is 2.0", ""),
        ({"trials": {"target": 10**30}}, "target: 1000", "'trials.target' is 1000", ""),
        ({"warm_start": "no"}, "warm_start:", "'warm_start' is 'no'", ""),
        (
            {"resources": {"gpus_per_worker": float("inf")}},
            "gpus_per_worker:",
            "'resources.gpus_per_worker' is inf",
            "",
        ),
        (
            {"resources": {"gpus_per_worker": float("nan")}},
            "gpus_per_worker:",
            "'resources.gpus_per_worker' is nan",
            "",
        ),
        ({"save_minutes": float("inf")}, "save_minutes:", "'save_minutes' is inf", ""),
        ({"data": {"files": "abfs://x/y"}}, "files:", "'data.files' is 'abfs://x/y': nothing", "can be mounted"),
        ({"name": ".x"}, "name:", "no file can be named after '.x'", "begin with a letter"),
        ({"name": "x" * 300}, "name:", "the name 'xxxx", "at most 100 bytes"),
        ({"conditions": [{"name": ".x", "tasks": ["mini-nli"]}]}, "- name:", "no file can be named after '.x'", ""),
        ({"tasks": "x.yaml"}, "tasks:", "'tasks' is 'x.yaml'", ""),
        ({"model": 3}, "model:", "'model' is 3", ""),
        ({"resources": {"gpus_per_worker": 1.5}}, "resources:", "'gpus_per_worker: 1.5' is more than one", "1 or 2"),
        ({"resources": {"gpus_per_worker": 0.5, "workers": 2}}, "resources:", "'gpus_per_worker: 0.5' is a share", "1"),
        ({"model": "~nobodyhere/x"}, "model:", "model folder '~nobodyhere/x' has no config.json", "a checkpoint"),
        ({"data": {"files": "~nobodyhere"}}, "files:", "'data.files' is '~nobodyhere': nobody here has that home", ""),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_nearest_right_thing(
    tmp_path: Path, changes: dict[str, Any], at: str, message: str, hint: str
) -> None:
    path = write_experiment(tmp_path, **changes)
    numbered = enumerate(path.read_text().splitlines(), start=1)
    lines = [number for number, text in numbered if text.strip().startswith(at)]
    found = problems(path)
    place = -1 if at == "- none" else 0  # the second of two is the one too many
    where = f"{path}:{lines[place]}: {message}"
    assert any(text.startswith(where) and hint in text for text in found), found
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("tuning", "words"),
    [
        ({"intermediate": "ful"}, "'tuning.intermediate' is 'ful': no way to tune\n    full, or {lora: {rank: 16}}"),
        ({"target": {"lara": {"rank": 3}}}, "unknown key 'lara'\n    did you mean 'lora'?"),
        ({"target": {"lora": {}}}, "'tuning.target.lora.rank' is missing"),
        ({"target": {"lora": {"rank": 0}}}, "'tuning.target.lora.rank' is 0: 1 or more is wanted"),
        ({"target": {"lora": {"rank": 4, "alfa": 3}}}, "unknown key 'alfa'\n    did you mean 'alpha'?"),
        ({"target": {"lora": {"rank": 4, "targets": "query"}}}, "no list of layers\n    write [query], or all"),
        ({"target": {"lora": {"rank": 4, "targets": ["a", "a"]}}}, "target 'a' stands here twice"),
        ({"targets": "full"}, "unknown key 'targets'\n    did you mean 'target'?"),
    ],
)
def test_a_mistake_in_tuning_is_answered(tmp_path: Path, tuning: dict[str, Any], words: str) -> None:
    assert any(words in one for one in problems(write_experiment(tmp_path, tuning=tuning)))


def test_a_phase_is_tuned_as_asked_and_an_evaluation_tunes_nothing(tmp_path: Path) -> None:
    lora = {"rank": 4, "alpha": 16, "targets": ["value", "query"]}
    found = {}
    for name, tuning in {"default": {}, "full": {"target": "full"}, "lora": {"target": {"lora": lora}}}.items():
        plan = make_plan(experiment_file.load(str(write_experiment(tmp_path, tuning=tuning))))
        found[name] = {study.question.phase: study.question.lora for study in plan.studies}, plan.hash
    assert found["default"] == found["full"]
    expected = Lora(4, 16.0, ("query", "value"))
    assert found["lora"][0] == {"intermediate": None, "target": expected, "evaluate": None}


def test_layers_computed_twice_and_masks_of_rows_do_not_go_together(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, gradient_checkpointing=True, dropout_masks="rows")
    (found,) = problems(path)
    assert "gradient_checkpointing computes layers twice" in found
    experiment_file.load(str(path), ["dropout=0"])


def test_lengths_at_the_bounds_are_fine(tmp_path: Path) -> None:
    for length, targets in ((6, ["mini-pos"]), (98, ["mini-qa"]), (512, ["mini-qa", "mini-bitext"])):
        path = write_experiment(tmp_path, max_length=length, targets=targets)
        assert experiment_file.load(str(path)).max_length == length


def test_a_task_that_the_model_cannot_see_whole_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "bert", "max_position_embeddings": 64}')
    path = write_experiment(tmp_path, model=str(tmp_path / "model"))
    (found,) = problems(path)
    assert f"{path}:2: model '{tmp_path}/model' sees 64 tokens at once, and is given up to 128" in found
    assert problems_or_none(path, "max_length=64") == []


def problems_or_none(path: Path, *overrides: str) -> list[str]:
    try:
        experiment_file.load(str(path), overrides)
    except UserError as error:
        return [str(one) for one in error.problems]
    return []


NLI = {"name": "nli", "tasks": ["mini-nli"]}
TWICE: list[tuple[dict[str, Any], str, str]] = [
    ({"targets": ["mini-pos", "mini-bitext", "mini-pos"]}, "- mini-pos", "target 'mini-pos'"),
    ({"seeds": [3, 1, 3]}, "- 3", "seed '3'"),
    ({"environment": ["A", "B", "A"]}, "- A", "variable 'A'"),
    ({"languages": ["en", "de", "en"]}, "- en", "language 'en'"),
    ({"conditions": ["none", {**NLI, "tasks": ["mini-nli", "mini-pos", "mini-nli"]}]}, "- mini-nli", "task 'mini-nli'"),
    ({"conditions": ["none", {**NLI, "languages": ["de", "de"]}]}, "- de", "language 'de'"),
    ({"conditions": ["none", NLI, {**NLI, "tasks": ["mini-pos"]}]}, "- name: nli", "condition 'nli'"),
]


@pytest.mark.parametrize(("changes", "at", "named"), TWICE)
def test_what_is_named_twice_is_refused_at_its_second_line(
    tmp_path: Path, changes: dict[str, Any], at: str, named: str
) -> None:
    """Twice the same would count one run as two: two seeds without any spread, a submission with every line twice."""
    changes.setdefault("languages", ["en", "sw"])
    path = write_experiment(tmp_path, **changes)
    lines = [number for number, text in enumerate(path.read_text().splitlines(), start=1) if text.strip() == at]
    assert [text.removesuffix("\n    remove one") for text in problems(path)] == [
        f"{path}:{lines[-1]}: {named} stands here twice"
    ]


def test_all_that_is_named_twice_is_told_at_once_and_with_the_rest(tmp_path: Path) -> None:
    changes = {
        "seeds": [1, 1, 1],
        "targets": ["mini-pos", "mini-pso", "mini-pos"],
        "languages": ["en", "en", "dee"],
        "conditions": ["none", "none", {"name": "a", "tasks": ["mini-nli"] * 2, "languages": ["en", "en"]}],
    }
    found = problems(write_experiment(tmp_path, **changes), "trials.target=0")
    assert sum("stands here twice" in text for text in found) == 2 + 1 + 1 + 1 + 2
    assert sum("unknown" in text for text in found) == 2
    assert any("'trials.target' is 0" in text for text in found)
    assert len(found) == 7 + 2 + 1


def test_what_is_named_twice_on_the_command_line_is_refused(tmp_path: Path) -> None:
    (found,) = problems(write_experiment(tmp_path), "seeds=[1,2,1]")
    assert "seed '1' stands here twice" in found


def test_a_file_of_a_task_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my_ner.yaml").write_text(OWN)
    own = [str(tmp_path / "my_ner.yaml"), f"{tmp_path}/../{tmp_path.name}/my_ner.yaml"]
    path = write_experiment(tmp_path, tasks=own)
    line = path.read_text().splitlines().index(f"- {own[1]}") + 1
    assert problems(path) == [f"{path}:{line}: task file '{own[1]}' stands here twice\n    remove one"]


@pytest.mark.parametrize("changes", [{"data": {"files": 3}}, {"languages": ["xx"]}, {"data": "minii"}])
def test_a_mistake_in_one_of_two_forms_is_told_once(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert len(problems(write_experiment(tmp_path, **changes))) == 1


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = write_experiment(
        tmp_path,
        model="random:tny",
        targets=["mini-pso", "mini-pos", "xnli"],
        conditions=["none", "mini-nlii", "mini-bitext"],
    )
    found = problems(path, "trials.target=many", "seeds=[]", "nonsense")
    for words in (
        "random:tny",
        "mini-pso",
        "mini-nlii",
        "mini-bitext' has no",
        "'mnli' is not in",
        "many",
        "seeds",
        "nonsense",
    ):
        assert any(words in text for text in found), (words, found)


def test_lines_stay_right_when_other_values_are_wrong(tmp_path: Path) -> None:
    """Checks that need more than one value run on what is right; what is wrong above must not move the lines."""
    path = write_experiment(tmp_path, conditions=["none", "mini-nlii", "mini-bitext"])
    line = path.read_text().splitlines().index("- mini-bitext") + 1
    assert any(text.startswith(f"{path}:{line}: 'mini-bitext' has no training data") for text in problems(path))


def test_an_unknown_experiment_is_answered_with_the_shipped_ones() -> None:
    with pytest.raises(UserError, match="did you mean 'demo'"):
        experiment_file.load("demoo")


def test_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = write_experiment(
        tmp_path, data={"files": str(tmp_path / "data")}, conditions=["none"], targets=["xquad"], languages=["de"]
    )
    found = problems(path)
    assert any(
        "no test files of 'xquad' in 'de': looked in" in text and "xquad/xquad.de.json" in text for text in found
    )
    assert any("no train files of 'squad' in 'en': looked in" in text for text in found)


OWN = """\
name: my_ner
kind: tagging
title: Mine
metric: entity_f1
languages: [en, sw, yo]
training_set: my_ner
files:
- {format: conll, separator: " ", train: ["{lang}/train.txt"], dev: ["{lang}/dev.txt"], test: ["{lang}/test.txt"]}
"""


def test_tasks_of_the_users_own_are_known(tmp_path: Path) -> None:
    (tmp_path / "my_ner.yaml").write_text(OWN)
    for place in ("en/train.txt", "en/dev.txt", "yo/test.txt"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("Ada B-PER\nspoke O\n")
    changes = {"tasks": [str(tmp_path / "my_ner.yaml")], "data": {"files": str(tmp_path)}, "languages": ["yo"]}
    path = write_experiment(tmp_path, conditions=["none", "my_ner"], targets=["my_ner"], **changes)
    plan = make_plan(experiment_file.load(str(path)))
    assert [study.question.tasks for study in plan.studies] == [("my_ner",)] * 5
    assert plan.study("evaluate/none/my_ner").question.languages == ("yo",)


def test_what_is_wrong_with_a_users_task_is_said_with_the_rest(tmp_path: Path) -> None:
    (tmp_path / "my_ner.yaml").write_text(OWN.replace("entity_f1", "entity_f2"))
    (tmp_path / "xnli.yaml").write_text(OWN.replace("my_ner", "xnli"))
    (tmp_path / "lost.yaml").write_text(OWN.replace("name: my_ner", "name: lost").replace("set: my_ner", "set: mnlii"))
    (tmp_path / "odd.yaml").write_text(OWN.replace("name: my_ner", "name: odd").replace("set: my_ner", "set: xquad"))
    own = [str(tmp_path / f"{name}.yaml") for name in ("my_ner", "xnli", "absent", "lost", "odd")]
    found = problems(write_experiment(tmp_path, tasks=own, model="random:tny", targets=["lost", "mini-pso"]))
    for words in (
        "my_ner.yaml:4: unknown metric 'entity_f2'\n    did you mean 'entity_f1'?",
        "there is a task called 'xnli' already",
        "lost.yaml:6: unknown task 'mnlii'\n    did you mean 'mnli'?",
        "odd.yaml:6: 'xquad' is of kind span_qa, not tagging",
        "absent.yaml: cannot be read",
        "random:tny",
        "mini-pso",
    ):
        assert any(words in text for text in found), (words, found)


@pytest.mark.parametrize(("benchmark", "tasks", "panx"), [("xtreme", 9, 40), ("xtreme-r", 10, 48)])
def test_a_benchmark_stands_for_its_tasks_in_its_languages(
    tmp_path: Path, benchmark: str, tasks: int, panx: int
) -> None:
    path = write_experiment(tmp_path, data="mock", conditions=["none"], targets=benchmark, languages="all")
    loaded = experiment_file.load(str(path))
    assert len(loaded.target_tasks) == tasks
    plan = make_plan(loaded)
    assert len(plan.study("evaluate/none/panx").question.languages) == panx


@pytest.mark.parametrize("name", experiment_file.shipped())
def test_shipped_experiments_are_valid(name: str, shared_data: Path, tmp_path: Path) -> None:
    """Those of whole papers on made-up data: CCGbank is nobody's to copy."""
    given = yaml.safe_load((experiment_file.SHIPPED / f"{name}.yaml").read_text())["data"]
    for folder in [*shared_data.iterdir(), *(shared_data / "multilingual_train").iterdir()]:
        (tmp_path / folder.name).symlink_to(folder)
    reads_files = isinstance(given, dict) and "files" in given
    data = ["data=mock"] if reads_files and "hub" in given else [f"data.files={tmp_path}"] if reads_files else []
    assert experiment_file.load(name, data).name == name


def test_planning_needs_neither_torch_nor_ray() -> None:
    code = (
        "import sys; from sweep.experiment.file import load; from sweep.planning.planner import make_plan;"
        "import sweep.cli;"
        "make_plan(load('demo')); print(sorted({'torch', 'ray', 'transformers', 'optuna'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_grid_needs_values_for_every_training_set(tmp_path: Path) -> None:
    fixed = "batch_size: 8, warmup: 0.0, weight_decay: 0.01, epochs: {values: [1, 2]}"
    entry = f"all: {{learning_rate: {{values: [1e-4, 2e-4]}}, {fixed}}}"
    space = tmp_path / "space.yaml"
    override = "mini-pos: {learning_rate: {low: 1e-5, high: 1e-4}}"
    space.write_text(f"intermediate:\n  {entry}\ntarget:\n  {entry}\n  {override}\n")
    path = write_experiment(tmp_path, search_space=str(space), sampler="grid")
    assert any("sampler grid cannot search ranges" in text for text in problems(path))


@pytest.mark.parametrize("key", ["search_space", "data.hub", "data.files", "store"])
def test_a_name_that_no_disk_takes_is_refused_wherever_a_place_is_named(key: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        experiment_file.load(str(write_experiment(tmp_path)), [f"{key}={'é' * 200}"])
    assert "Errno" not in str(caught.value)
    with pytest.raises(UserError, match="there is no experiment"):
        experiment_file.find("é" * 200)
    assert folder_of("é" * 200) is None
