"""What a plan costs, and how sure that is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from search_spaces import Choices, Conditional, Range
from sweep.experiment import Experiment
from sweep.planning.plan import Plan
from sweep.planning.planner import make_plan
from sweep.planning.pricing import work
from sweep.planning.pricing.bounds import Bounds
from sweep.planning.pricing.clock import Measured
from sweep.planning.pricing.disk import disk
from sweep.planning.pricing.gpus import Gpu, GpuTable, load_gpus
from sweep.planning.pricing.price import Price, price
from sweep.planning.pricing.work import Counter, UnknownError, epochs
from tests.conftest import experiment_values
from trainables import tasks
from trainables.errors import UserError
from trainables.models import shapes
from trainables.recipe import MIXING_CAP
from trainables.spec import TrialSpec

FAST = Gpu("fast", ("Fast GPU",), 80, {"fp32": 10, "bf16": 100}, Bounds(0.25, 0.5, 1), 2, 1, "now")
SLOW = Gpu("slow", ("Slow GPU",), 80, {"fp32": 5, "bf16": None}, Bounds(0.25, 0.5, 1), None, None, "")
TABLE = GpuTable("gpus.yaml", {"fast": FAST, "slow": SLOW}, "fast")
GPUS = {"workers": 1, "gpus_per_worker": 1}


def experiment(**changes: Any) -> Experiment:
    values = {"data": "mock", "model": "xlm-roberta-large", "resources": GPUS, "limits": {}, **changes}
    return Experiment.model_validate(experiment_values(Path("unused"), **values))


def all_left(plan: Plan) -> dict[str, int]:
    return {study.name: study.runs for study in plan.studies}


def priced(
    asked: Experiment,
    measured: tuple[Measured, ...] = (),
    table: GpuTable = TABLE,
    gpu: str | None = None,
    left: Mapping[str, int] | None = None,
) -> Price:
    plan = make_plan(asked)
    return price(asked, plan, all_left(plan) if left is None else left, measured, table, gpu)


def hours(made: Price, study: str) -> Bounds:
    found = next(one.hours for one in made.studies if one.study == study)
    assert found is not None
    return found


def why(made: Price, study: str) -> str:
    return next(one.why for one in made.studies if one.study == study)


TRIAL = Measured(
    phase="target", model="xlm-roberta-large", tasks=("mini-pos",), languages=("en",), precision="fp32",
    device="Fast GPU", epochs=1, seconds=70, startup_seconds=10, examples_per_second=2, features=3600, tokens=36000,
    train_examples=None, eval_examples=None,
)  # fmt: skip


# Totals


def test_totals_are_those_of_the_studies() -> None:
    made = priced(experiment(resources={"workers": 2, "gpus_per_worker": 1}))
    assert made.hours is not None
    assert made.gpu_hours is not None
    assert made.cost is not None
    assert made.spot_cost is not None
    assert made.hours.expected == pytest.approx(sum(hours(made, one.study).expected for one in made.studies))
    assert made.gpu_hours == made.hours * 2
    assert made.cost == made.gpu_hours * 2
    assert made.spot_cost == made.gpu_hours
    assert made.hours.low < made.hours.expected < made.hours.high
    assert made.trials == sum(one.trials for one in made.studies)
    assert not made.unknown
    assert "at least" not in "".join(made.lines())


def test_by_hand() -> None:
    """16 mock examples, 2 epochs at most, of so many tokens; 6 operations for each weight and token."""
    made = priced(experiment(conditions=["none"], targets=["mini-pos"]), left={"target/none/mini-pos": 3})
    weights = shapes.weights_of("xlm-roberta-large")
    assert weights is not None
    train, scored = (work.size_of_example(tasks.load("mini-pos"), split).tokens for split in ("train", "dev"))
    operations = 2 * weights.layers * (6 * 16 * train.high + 2 * 6 * scored.high)
    assert hours(made, "target/none/mini-pos").high == pytest.approx(3 * operations / (10e12 * 0.25) / 3600)


def test_nothing_left_costs_nothing() -> None:
    made = priced(experiment(model="x/y"), left={})
    assert made.hours == Bounds(0, 0, 0)
    assert made.lines() == ["nothing is left to run"]


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 9), st.integers(0, 9))
def test_more_trials_and_more_epochs_cost_more(trials: int, more: int, first: int, later: int) -> None:
    asked = experiment(conditions=["none"], targets=["mini-pos"])
    plan = make_plan(asked)
    study = plan.study("target/none/mini-pos")

    def cost(count: int, up_to: int) -> Bounds:
        searched = {**study.parameters, "epochs": Choices((1, up_to), 1)}
        changed = replace(plan, studies=(replace(study, parameters=searched),))
        found = price(asked, changed, {study.name: count}, [], TABLE, None).cost
        assert found is not None
        return found

    less, much = cost(trials, first), cost(trials + more, first + later)
    assert less.low <= much.low
    assert less.expected <= much.expected
    assert less.high <= much.high
    assert cost(trials, first).low <= cost(trials, first).expected <= cost(trials, first).high


def test_the_paper_s_grid_is_priced_at_once() -> None:
    names = ["anli+", "mnli", "qqp", "squad2", "squad", "hellaswag", "ccg", "cosmosqa", "commonsenseqa"]
    asked = experiment(
        search_space="paper",
        conditions=["none", *names, {"name": "all-nine", "tasks": names}],
        targets="xtreme-r",
        languages="all",
        seeds=[1, 2, 3],
    )
    plan = make_plan(asked)
    begun = time.process_time()  # others use the machine too
    made = price(asked, plan, all_left(plan), [], load_gpus(), "L4")
    disk(asked, plan, all_left(plan))
    assert time.process_time() - begun < 1
    assert made.trials > 500


@pytest.mark.parametrize("target", ["mini-nli", "mini-qa", "copa", "lareqa", "tatoeba"])
def test_what_the_encoder_does_not_see_costs_less(target: str) -> None:
    """Rows are cut; a passage is read in more windows, which all together have some more tokens."""

    def tokens(length: int | None) -> Bounds:
        asked = experiment(conditions=["none"], targets=[target], languages="all", max_length=length)
        counter = Counter(asked)
        return counter.of(make_plan(asked).studies[-1].question).tokens

    whole, same, short = tokens(None), tokens(512), tokens(100)
    assert whole == same
    assert short.low <= short.expected <= short.high
    if target == "mini-qa":
        assert short.expected == pytest.approx(whole.expected * 1.08)
        assert short.low == whole.low
    else:
        assert short.low < whole.low
        assert short.expected <= whole.expected
        assert short.high <= whole.high
        rows = {"copa": 2, "lareqa": 2, "tatoeba": 2}.get(target, 1)
        assert work.size_of_example(tasks.load(target), "test", 10).tokens.high == rows * 10


def test_the_best_of_several_evaluations_costs_these() -> None:
    """24 evaluations: with the ends of both epochs among them, or with the first end besides."""
    asked = {one: experiment(conditions=["none"], targets=["mini-pos"], checkpoint=one) for one in ("last", "best")}
    train, scored = (work.size_of_example(tasks.load("mini-pos"), split).tokens for split in ("train", "dev"))
    study = "target/none/mini-pos"

    def share(measured: tuple[Measured, ...]) -> tuple[float, float]:
        found = {one: hours(priced(made, measured), study) for one, made in asked.items()}
        return found["best"].low / found["last"].low, found["best"].high / found["last"].high

    for name, bound in (("low", min), ("high", max)):
        searched = epochs(make_plan(asked["last"]).study(study).parameters["epochs"])
        rounds, read, judged = (getattr(one, name) for one in (searched, train, scored))
        often = max(24, rounds) if bound is min else rounds + 23
        expected = (6 * 16 * read * rounds + 2 * 6 * judged * often) / ((6 * 16 * read + 2 * 6 * judged) * rounds)
        assert share(())[bound is max] == pytest.approx(expected)
    assert share((replace(TRIAL, startup_seconds=None),))[1] > 1  # measured trials, too


def test_trials_of_another_length_do_not_say_how_many_examples_a_second() -> None:
    asked = experiment(conditions=["none"], targets=["mini-pos"], max_length=64)
    other, same = (priced(asked, (replace(TRIAL, max_length=length),)) for length in (None, 64))
    assert why(same, "target/none/mini-pos") == "as fast as 1 of these tasks in the ledger"
    assert why(other, "target/none/mini-pos") == "as many tokens a second as 1 of other tasks in the ledger"


# What is not known


UNKNOWN: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"model": "somebody/model"}, {}, "the shape of model 'somebody/model' is not known"),
    ({"precision": "bf16"}, {"gpu": "slow"}, "how fast slow is in bf16, the table does not say"),
    ({"resources": {}}, {}, "how fast a CPU is, only trials that have run on it tell"),
    ({}, {"table": replace(TABLE, default=None)}, "on which GPU type it runs is not known"),
]


@pytest.mark.parametrize(("changes", "given", "words"), UNKNOWN)
def test_what_is_not_known_is_named_and_never_0(changes: dict[str, Any], given: dict[str, Any], words: str) -> None:
    made = priced(experiment(**changes), **given)
    assert made.unknown == made.trials > 0
    assert made.hours is made.gpu_hours is made.cost is made.spot_cost is None
    values = made.to_dict()
    assert values["hours"] is values["gpu_hours"] is values["cost"] is values["spot_cost"] is None
    assert all(one["hours"] is None for one in values["studies"])
    assert all(words in one.why for one in made.studies)
    text = "\n".join(made.lines())
    assert words in text
    assert "$" not in text


HUB = {
    "data": "hub",
    "conditions": ["none", {"name": "both", "tasks": ["qqp", "anli+"]}],
    "targets": ["xnli", "tatoeba"],
    "languages": ["af", "de", "en"],
}


def test_a_part_that_is_not_known_makes_it_at_least_that_much() -> None:
    made = priced(experiment(**HUB))
    missing = "the size of 'tatoeba' (test: af) is not known: no files here and no published size"
    assert why(made, "evaluate/none/untrained") == missing
    assert made.unknown == 2
    assert made.cost is not None
    assert made.lines()[0].startswith("at least ")
    assert f"unknown for 2 trials: {missing}" in made.lines()
    assert made.to_dict()["trials_of_unknown_price"] == 2


def test_a_price_that_the_table_lacks_is_not_known() -> None:
    made = priced(experiment(), gpu="slow")
    assert made.gpu_hours is not None
    assert made.cost is made.spot_cost is None
    assert "the cost on demand is not known" in made.lines()


def test_an_example_of_a_kind_that_was_never_measured_is_not_known() -> None:
    with pytest.raises(UnknownError, match="how many tokens an example of 'bucc2018' has was never measured"):
        work.size_of_example(tasks.load("bucc2018"), "test")


# What is measured


def test_measured_trials_of_the_same_tasks_count_more_than_the_table() -> None:
    asked = experiment(conditions=["none"], targets=["mini-pos"])
    made = priced(asked, (TRIAL,), left={"target/none/mini-pos": 2})
    (study,) = [one for one in made.studies if one.trials]
    assert study.source == "measured"
    # 3600 features an epoch at 2 a second, a little for the development set, 1 or 2 epochs, 10 s to start
    assert study.hours is not None
    assert study.hours.low == pytest.approx(2 * (1800 + 10) / 3600, rel=0.2)
    assert study.hours.high == pytest.approx(2 * (3600 + 10) / 3600, rel=0.2)
    assert "1 of these tasks in the ledger" in study.why


def test_slow_and_fast_trials_are_the_bounds() -> None:
    asked = experiment(conditions=["none"], targets=["mini-pos"])
    speeds = [replace(TRIAL, examples_per_second=speed) for speed in range(1, 12)]
    study, alone = "target/none/mini-pos", (replace(TRIAL, examples_per_second=6),)
    many, one = (hours(priced(asked, tuple(found)), study) for found in (speeds, alone))
    assert many.expected == pytest.approx(one.expected)
    assert many.low < one.low
    assert many.high > one.high


def test_other_tasks_tell_tokens_a_second() -> None:
    asked = experiment(conditions=["none"], targets=["mini-pos"])
    other = replace(TRIAL, tasks=("mnli",), phase="intermediate")  # training is training
    made = priced(asked, (other,))
    study = "target/none/mini-pos"
    assert why(made, study) == "as many tokens a second as 1 of other tasks in the ledger"
    twice = priced(asked, (replace(other, tokens=72000, startup_seconds=0),))
    assert hours(twice, study).expected < hours(made, study).expected


def test_of_mixed_devices_the_most_common_counts_and_that_is_said() -> None:
    asked = experiment(conditions=["none"], targets=["mini-pos"])
    odd = replace(TRIAL, device="Slow GPU", examples_per_second=0.001)
    made = priced(asked, (TRIAL, TRIAL, odd))
    assert made.gpu is FAST
    assert hours(made, "target/none/mini-pos") == hours(priced(asked, (TRIAL, TRIAL)), "target/none/mini-pos")
    assert made.notes == ("trials on other devices do not count: 1 on Slow GPU",)


def test_a_device_that_the_table_lacks_is_measured_all_the_same() -> None:
    asked = experiment(conditions=["none"], targets=["mini-pos"])
    made = priced(asked, (replace(TRIAL, device="Odd GPU"),), left={"target/none/mini-pos": 1})
    assert made.gpu_hours is not None
    assert made.cost is None
    assert made.notes == ("gpus.yaml has no 'Odd GPU', on which trials ran: add it, or name another GPU type",)


def test_a_model_that_is_too_large_for_a_gpu() -> None:
    small = replace(TABLE, gpus={"small": replace(FAST, name="small", memory_gb=4)})
    assert (
        "to train xlm-roberta-large takes more than the 4 GB of small"
        in priced(experiment(), table=small, gpu="small").lines()
    )


MLM: dict[str, Any] = {"data": "mock", "conditions": ["none", "wiki_mlm"], "targets": ["mini-pos"]}


def test_hidden_tokens_are_looked_for_in_the_whole_vocabulary() -> None:
    """By hand: 15 % of 16 texts' tokens are multiplied with 257 million weights, 8 operations each in training."""
    asked = experiment(**MLM)
    (study,) = [one for one in make_plan(asked).studies if one.name == "intermediate/wiki_mlm"]
    work = Counter(asked).of(study.question)
    assert work.asked.expected == pytest.approx(0.15 * work.tokens.expected)
    assert work.asked_in_scoring.expected == pytest.approx(0.15 * work.scored.expected)
    weights = shapes.weights_of("xlm-roberta-large")
    assert weights is not None
    rounds = epochs(study.parameters["epochs"]).expected
    trained = 6 * weights.layers * work.tokens.expected + 8 * weights.embeddings * 0.15 * work.tokens.expected
    scored = 2 * (weights.layers + 0.15 * weights.embeddings) * work.scored.expected
    seconds = rounds * (trained + scored) / (0.5 * 10e12)
    assert hours(priced(asked, gpu="fast"), study.name).expected == pytest.approx(study.runs * seconds / 3600)


def test_all_embeddings_are_trained_with_hidden_tokens_and_that_is_said() -> None:
    middling = replace(TABLE, gpus={"middling": replace(FAST, name="middling", memory_gb=7)})
    too_large = "to train xlm-roberta-large takes more than the 7 GB of middling"
    plain, asked = (
        priced(experiment(**{**MLM, **one}), table=middling, gpu="middling") for one in ({"conditions": ["none"]}, {})
    )
    assert too_large not in plain.notes
    assert too_large in asked.notes
    assert (
        "trials with wiki_mlm train all 257 million weights of the embeddings, others those that occur" in asked.notes
    )
    peaks = []
    for condition in ("wiki_mlm", "mini-nli"):
        one = experiment(**{**MLM, "conditions": ["none", condition]})
        plan = make_plan(one)
        peak = disk(one, plan, all_left(plan)).peak
        assert peak is not None
        peaks.append(peak.expected)
    weights = shapes.weights_of("xlm-roberta-large")
    assert weights is not None
    assert peaks[0] - peaks[1] == pytest.approx(0.7 * 4 * 3 * weights.embeddings)  # else 30 % of them, with two moments


@pytest.mark.parametrize(
    "other",
    [{"device": "Slow GPU"}, {"device": "cpu"}, {"precision": "bf16"}, {"model": "minilm"}, {"phase": "evaluate"}],
)
def test_trials_of_another_sort_do_not_count(other: dict[str, Any]) -> None:
    asked = experiment(conditions=["none"], targets=["mini-pos"])
    made = priced(asked, (replace(TRIAL, **other),), gpu="fast", left={"target/none/mini-pos": 1})
    assert {one.source for one in made.studies if one.trials} == {"table"}


def test_on_cpus_measured_trials_tell_hours_but_no_cost() -> None:
    asked = experiment(conditions=["none"], targets=["mini-pos"], resources={})
    made = priced(asked, (replace(TRIAL, device="cpu"),), left={"target/none/mini-pos": 1})
    assert made.hours is not None
    assert made.gpu_hours is made.cost is None
    assert "hours of trials, one after the other, on CPUs" in made.lines()[0]


def test_a_gpu_may_be_named_for_an_experiment_on_cpus() -> None:
    assert priced(experiment(resources={}), gpu="fast").cost is not None


def test_the_ledger_knows_what_nobody_published() -> None:
    asked = experiment(data="hub", conditions=["none", "mnli"], targets=["tatoeba"], languages=["af"], limits={})
    known = replace(TRIAL, phase="evaluate", tasks=("tatoeba",), languages=("af",), epochs=None)
    made = priced(asked, (known,))
    assert hours(made, "evaluate/none/untrained").expected == pytest.approx((1800 + 10) / 3600)


# What is counted


def counted(asked: Experiment, study: str) -> work.Work:
    return Counter(asked).of(make_plan(asked).study(study).question)


def test_generated_examples_are_as_many_as_are_generated() -> None:
    for data in ("mini", "mock"):
        asked = experiment(data=data, targets=["mini-pos", "mini-qa", "mini-bitext"], languages=["en", "de"])
        source = asked.source
        made = counted(asked, "evaluate/none/untrained").features.expected
        assert made == len(source.examples(tasks.load("mini-bitext"), "test", "de"))


def test_limits_cap_what_is_counted() -> None:
    some = counted(experiment(**HUB, limits={"train_examples": 1000, "eval_examples": 10}), "target/none/mnli")
    whole = counted(experiment(**HUB), "target/none/mnli")
    assert whole.features.expected == 392702
    assert some.features.expected == 1000
    assert some.scored.expected == pytest.approx(whole.scored.expected * 10 / 9815)


def test_in_an_epoch_of_several_tasks_each_gives_so_much_at_most() -> None:
    assert counted(experiment(**HUB), "intermediate/both").features.expected == 2 * MIXING_CAP


SENTENCE = "a\tNOUN\n\n"


@pytest.mark.parametrize(("limit", "expected"), [(6, 6), (14, 14), (99, 15)])
def test_a_limit_is_used_up_as_in_training(tmp_path: Path, limit: int, expected: int) -> None:
    files(tmp_path, 12)
    (tmp_path / "udpos" / "train-de.tsv").write_text(SENTENCE * 3)
    both = [{"name": "both", "tasks": ["udpos"], "languages": ["en", "de"]}]
    limits = {"train_examples": limit}
    asked = experiment(data={"files": str(tmp_path)}, conditions=["none", *both], targets=["udpos"], limits=limits)
    assert counted(asked, "intermediate/both").features.expected == expected


def files(folder: Path, sentences: int) -> Experiment:
    (folder / "udpos").mkdir(exist_ok=True)
    for split in ("train", "dev", "test"):
        (folder / "udpos" / f"{split}-en.tsv").write_text(SENTENCE * sentences)
    return experiment(data={"files": str(folder)}, conditions=["none"], targets=["udpos"], languages=["en"])


def test_files_are_counted_and_the_count_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    for sentences in (7, 7, 9):  # the third time the content is another
        assert counted(files(tmp_path, sentences), "target/none/udpos").features.expected == sentences
    assert {one.read_text() for one in (tmp_path / "cache" / "counts").iterdir()} == {"7", "9"}


def test_large_files_have_the_published_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(work, "READABLE", len(SENTENCE) * 7 - 1)
    assert counted(files(tmp_path, 7), "target/none/udpos").features.expected == 21253


def test_files_that_cannot_be_read_have_no_known_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    asked = files(tmp_path, 7)
    plan = make_plan(asked)
    (tmp_path / "udpos" / "train-en.tsv").write_text("a\tNOUN\tsomething\tmore\nb\n")
    made = price(asked, plan, all_left(plan), [], TABLE, None)
    assert "the size of 'udpos' (train: en) is not known: " in why(made, "target/none/udpos")


@pytest.mark.parametrize(
    ("parameter", "bounds"),
    [
        (Choices((3, 1, 5), 3), Bounds(1, 3, 5)),
        (Range(1, 9, False, True, 3), Bounds(1, 5, 9)),
        (Range(1, 9, True, True, 3), Bounds(1, 3, 9)),
        (Conditional("batch_size", ((8, Choices((1, 3), 1)), (16, Range(2, 6, False, True, 2)))), Bounds(1, 3, 6)),
    ],
)
def test_epochs_of_a_search(parameter: Any, bounds: Bounds) -> None:
    assert epochs(parameter) == bounds


CONFIGS = {
    "random:tiny": XLMRobertaConfig(**shapes.SHAPES["tiny"], **shapes.XLM_R),
    "xlm-roberta-large": XLMRobertaConfig(**shapes.SHAPES["xlm-roberta-large"], **shapes.XLM_R),
    "FacebookAI/xlm-roberta-base": XLMRobertaConfig(**shapes.SHAPES["xlm-roberta-base"], **shapes.XLM_R),
    "minilm": BertConfig(**shapes.KNOWN["minilm"]),
    "bert-base-multilingual-cased": BertConfig(**shapes.KNOWN["bert-base-multilingual-cased"]),
}


@pytest.mark.parametrize("model", CONFIGS)
def test_weights_are_those_of_the_model(model: str) -> None:
    config = CONFIGS[model]
    with torch.device("meta"):
        made: Any = (XLMRobertaModel if isinstance(config, XLMRobertaConfig) else BertModel)(
            config, add_pooling_layer=False
        )
    known = shapes.weights_of(model)
    assert known is not None
    assert known.all == sum(one.numel() for one in made.parameters())
    assert known.embeddings == sum(one.numel() for one in made.embeddings.parameters())


def test_a_folder_tells_its_shape(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(CONFIGS["minilm"].to_json_string())
    assert shapes.weights_of(str(tmp_path)) == shapes.weights_of("minilm")
    (tmp_path / "config.json").write_text("{}")
    assert shapes.weights_of(str(tmp_path)) is None


def test_a_revision_has_the_shape_of_its_model() -> None:
    assert shapes.weights_of("FacebookAI/xlm-roberta-base@main") == shapes.weights_of("xlm-roberta-base")


# The table


def test_the_shipped_table_says_where_its_prices_are_from() -> None:
    table = load_gpus()
    assert table.default in table.gpus
    for gpu in table.gpus.values():
        assert gpu.devices
        assert gpu.on_demand is not None
        assert gpu.spot is not None
        assert "us-east-1" in gpu.priced
        assert table.of_device(gpu.devices[0]) is gpu


OWN = """\
gpus:
  mine:
    memory_gb: 48
    tflops: {fp32: 90, bf16: null}
    utilisation: {low: 0.1, expected: 0.2, high: 0.3}
    price: {on_demand: 0.5, date: 2026-11-24}
"""


def test_a_table_of_one_s_own(tmp_path: Path) -> None:
    path = tmp_path / "gpus.yaml"
    path.write_text(OWN)
    table = load_gpus(path)
    made = priced(experiment(), table=table, gpu="mine")
    assert made.gpu_hours is not None
    assert made.cost == made.gpu_hours * 0.5
    assert made.spot_cost is None
    assert "2026-11-24" in made.lines()[1]


def test_a_wrong_table_is_answered_with_everything_in_it(tmp_path: Path) -> None:
    path = tmp_path / "gpus.yaml"
    path.write_text(
        "defalt: L4\ndefault: L5\ngpus:\n"
        "  L4: {memory_gb: 0, tflops: {fp32: fast, tf32: 3}, price: {spot: 1}}\n"
        "  T4:\n    memory_gb: 16\n    tflops: {fp32: 8}\n    utilisation: {low: 0.5, expected: 0.4, high: 2}\n"
        "    devices: Tesla T4\n  V100: 3\n"
    )
    with pytest.raises(UserError) as caught:
        load_gpus(path)
    for words in (
        f"{path}:1: unknown key 'defalt'\n    did you mean 'default'?",
        f"{path}:2: 'default' is no row of the table: 'L5'",
        f"{path}:4: 'memory_gb' is 0\n    a number above 0",
        f"{path}:4: 'fp32' is 'fast'\n    a number above 0, or null where it is not known",
        f"{path}:4: unknown key 'tf32'",
        f"{path}:4: the price of 'L4' has no date",
        f"{path}:4: 'L4' has no utilisation",
        f"{path}:8: 'utilisation' must grow",
        f"{path}:9: 'devices' must be a list of names",
        f"{path}:10: 'V100' must be keys and values",
    ):
        assert words in str(caught.value)


def test_a_gpu_that_the_table_lacks() -> None:
    with pytest.raises(UserError, match="unknown GPU type 'fats'\n    did you mean 'fast'"):
        priced(experiment(), gpu="fats")


# The store


def test_winners_of_conditions_stay() -> None:
    asked = experiment(conditions=["none", "mini-nli", {"name": "twin", "tasks": ["mini-nli"]}], seeds=[1, 2, 3])
    plan = make_plan(asked)
    weights = shapes.weights_of("xlm-roberta-large")
    assert weights is not None
    made = disk(asked, plan, all_left(plan))
    assert made.kept is not None
    assert made.peak is not None
    assert made.kept.expected == 3 * 4 * weights.all  # on three seeds; twins are the same work
    assert made.kept.expected < made.peak.low <= made.peak.expected <= made.peak.high
    assert disk(asked, plan, {}).peak == made.kept


def test_everything_stays_where_that_is_asked_for() -> None:
    asked = experiment(keep="all", conditions=["none"], targets=["mini-pos"])
    plan = make_plan(asked)
    kept = disk(asked, plan, all_left(plan)).kept
    weights = shapes.weights_of("xlm-roberta-large")
    assert kept is not None
    assert weights is not None
    assert kept.expected == plan.fine_tuning_runs * 4 * weights.all


def test_more_at_once_takes_more() -> None:
    def peak(**changes: Any) -> float:
        asked = experiment(targets=["mini-pos", "mini-qa", "mini-ner"], **changes)
        plan = make_plan(asked)
        found = disk(asked, plan, all_left(plan)).peak
        assert found is not None
        return found.expected

    one, eight = peak(), peak(resources={**GPUS, "concurrent": 8})
    assert one < eight
    assert peak(strategy="joint") > one
    weights = shapes.weights_of("xlm-roberta-large")
    assert weights is not None
    assert peak(evaluate={"top": 2}) == one + 4 * weights.all  # until they are scored


def test_disk_of_a_model_that_nobody_knows() -> None:
    asked = experiment(model="somebody/model")
    made = disk(asked, make_plan(asked), {})
    assert made.kept is made.peak is None
    assert made.to_dict()["kept_bytes"] is None
    assert "the shape of model 'somebody/model' is not known" in made.lines()[0]


def test_questions_are_counted_once() -> None:
    counter = Counter(experiment(**HUB))
    question = make_plan(experiment(**HUB)).study("target/none/mnli").question
    assert counter.of(question) is counter.of(TrialSpec.from_dict(question.to_dict()))


# LoRA

LORA: dict[str, Any] = {"target": {"lora": {"rank": 16}}}


def test_lora_takes_fewer_operations_and_little_disk() -> None:
    def made(**changes: Any) -> tuple[float, Bounds]:
        asked = experiment(conditions=["none"], targets=["mini-pos"], keep="all", **changes)
        plan = make_plan(asked)
        kept = disk(asked, plan, all_left(plan)).kept
        assert kept is not None
        return kept.expected, hours(priced(asked), "target/none/mini-pos")

    (full, long), (small, short) = made(), made(tuning=LORA)
    assert small < full / 50
    assert 4 / 6 <= short.expected / long.expected < 0.85  # scoring costs the same


def test_adapters_of_all_layers_are_as_many_as_said() -> None:
    """At most: XLM-R has no gate, and so one matrix less in each layer."""
    said = shapes.lora_weights("xlm-roberta-base", 8)
    exact = 12 * 8 * (4 * 2 * 768 + 2 * (768 + 3072))
    assert said is not None
    assert exact <= said < 1.5 * exact
    assert shapes.lora_weights("somebody/model", 8) is None
    assert shapes.lora_weights("jhu-clsp/mmBERT-base", 8) == 22 * 8 * (4 * 2 * 768 + 3 * (768 + 1152))


def test_a_large_model_fits_where_its_weights_are_frozen() -> None:
    """16 bytes a weight of 1.4 billion are too much for 24 GB, 4 are not: of all phases that there are."""
    grid = {"model": "EuroBERT/EuroBERT-2.1B", "conditions": ["none", "mini-nli"], "targets": ["mini-pos"]}
    tuned = {"full": {}, "target": LORA, "both": {**LORA, "intermediate": LORA["target"]}}
    small = replace(TABLE, gpus={"small": replace(FAST, name="small", memory_gb=24)})

    def is_too_large(**changes: Any) -> bool:
        return "takes more than" in " ".join(priced(experiment(**{**grid, **changes}), table=small, gpu="small").notes)

    assert [is_too_large(tuning=one) for one in tuned.values()] == [True, True, False]
    assert not is_too_large(tuning=LORA, conditions=["none"])
    small = replace(TABLE, gpus={"small": replace(FAST, name="small", memory_gb=6)})
    both = [is_too_large(tuning=tuned["both"], precision=one) for one in ("fp32", "bf16")]
    assert both == [True, False]
