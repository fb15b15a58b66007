"""The pattern that Ray documents for tuning with Ray Train: a Tune function that fits a TorchTrainer for each trial.

It fine-tunes as scripts do: each trial loads the model, tokenises its examples, and trains and scores it batch by
batch, padded to the longest row. What to run comes as JSON on the command line (`Stage`, a list of them), what came
out goes into a file: `python -m benchmarks.documented STAGES FILE`. The other benchmarks start it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import processes
from trainables.models.minilm import minilm_folder

LENGTHS = {"nli": 128, "qa": 256}
"""The most tokens of an example, as our tasks have it."""


@dataclass(frozen=True)
class Stage:
    """Trials of one task.

    Attributes:
        trials: the learning rate and the epochs of each.
        task: `nli` or `qa` of the embedded benchmark.
        starts_from: the stage whose best trial they go on from; None: the pre-trained model.
        languages: in which the best trial is scored in the end.
        at_once: how many trials run at the same time.
    """

    task: str
    trials: Sequence[tuple[float, int]]
    batch_size: int
    train_examples: int
    eval_examples: int
    languages: Sequence[str] = ()
    starts_from: int | None = None
    at_once: int = 1


def run(stages: Sequence[Stage], folder: Path) -> processes.Run:
    """Runs stages in a process of their own; what came out is in `found.json` of the folder."""
    told = json.dumps([dataclasses.asdict(one) for one in stages])
    command = [sys.executable, "-m", "benchmarks.documented", told, str(folder / "found.json")]
    return processes.run(command, {**os.environ, "HF_HUB_OFFLINE": "1"}, folder / "log")


def main() -> None:
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # it stays on the loopback
    import ray

    stages = [Stage(**one) for one in json.loads(sys.argv[1])]
    ray.init(
        address="local",
        num_cpus=len(os.sched_getaffinity(0)),
        _node_ip_address="127.0.0.1",
        include_dashboard=False,
        log_to_driver=False,
    )
    found: list[list[dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, stage in enumerate(stages):
            before = None if stage.starts_from is None else best(found[stage.starts_from])["checkpoint_path"]
            found.append(tune_stage(stage, before, Path(folder) / str(number)))
            if stage.languages:
                winner = best(found[-1])
                winner["scores"] = scores(stage, winner["checkpoint_path"])
    Path(sys.argv[2]).write_text(json.dumps(found))
    ray.shutdown()


def best(trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return max(trials, key=lambda one: one["objective"])


def tune_stage(stage: Stage, before: str | None, folder: Path) -> list[dict[str, Any]]:
    """What each trial of a stage told last, with the times at which Tune started it and saw it end."""
    from ray import tune

    class Clock(tune.Callback):
        def __init__(self) -> None:
            self.times: dict[str, dict[str, float]] = {}

        def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            self.times[trial.trial_id] = {"started": time.time()}

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            self.times[trial.trial_id]["ended"] = time.time()

    clock = Clock()
    given = {"stage": dataclasses.asdict(stage), "before": before, "folder": str(folder)}
    tuner = tune.Tuner(
        tune.with_resources(fit, {"CPU": 0.01}),
        param_space={**given, "trial": tune.grid_search([*stage.trials])},
        tune_config=tune.TuneConfig(max_concurrent_trials=stage.at_once),
        run_config=tune.RunConfig(storage_path=str(folder), name="tune", verbose=0, callbacks=[clock]),
    )
    results: Any = tuner.fit()
    if results.errors:
        raise results.errors[0]
    return [{**one.metrics, **clock.times[one.metrics["trial_id"]]} for one in results if one.metrics]


def fit(config: dict[str, Any]) -> None:
    """The Tune function: a Train run for this trial."""
    import ray.tune
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer
    from ray.tune.integration.ray_train import TuneReportCallback

    TorchTrainer(
        train,
        train_loop_config=config,
        scaling_config=ScalingConfig(num_workers=1, use_gpu=False, resources_per_worker={"CPU": 1}),
        run_config=RunConfig(
            name=f"train-{ray.tune.get_context().get_trial_id()}",
            storage_path=config["folder"],
            callbacks=[TuneReportCallback()],  # type: ignore[list-item]
        ),
    ).fit()


def train(config: dict[str, Any]) -> None:
    """The training function of the worker."""
    import ray.train
    import ray.train.torch
    import torch
    from transformers import AutoTokenizer, get_linear_schedule_with_warmup

    stage = Stage(**config["stage"])
    learning_rate, epochs = config["trial"]
    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    model: Any = ray.train.torch.prepare_model(load(stage, config["before"] or str(minilm_folder())))
    rows = tokenised(tokenizer, stage.task, "train", "en", stage.train_examples)
    development = tokenised(tokenizer, stage.task, "dev", "en", stage.eval_examples)
    steps = epochs * -(-len(rows) // stage.batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, round(0.1 * steps), steps)
    first_step = None
    for _ in range(epochs):
        model.train()
        for batch in batches(tokenizer, rows, stage.batch_size, shuffled=True):
            first_step = first_step or time.time()
            model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    told = {"first_step": first_step, "objective": score(model, tokenizer, development, stage.batch_size)}
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        ray.train.report(told, checkpoint=ray.train.Checkpoint.from_directory(folder))


def load(stage: Stage, place: str) -> Any:
    """A model with the head that a task needs, without dropout."""
    from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification

    kind: Any = AutoModelForQuestionAnswering if stage.task == "qa" else AutoModelForSequenceClassification
    labels = 2 if stage.task == "qa" else 3
    return kind.from_pretrained(place, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=labels)


def scores(stage: Stage, place: str) -> list[float]:
    """Those of a trained model in the stage's languages."""
    from transformers import AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(minilm_folder()), load(stage, place)
    rows = [tokenised(tokenizer, stage.task, "test", one, stage.eval_examples) for one in stage.languages]
    return [score(model, tokenizer, one, stage.batch_size) for one in rows]


def tokenised(tokenizer: Any, task: str, split: str, language: str, count: int) -> list[dict[str, Any]]:
    """Rows for transformers' models, of the first examples of a split."""
    from trainables.data.mini import tasks

    found: list[Any] = tasks.examples(task, split, language)[:count]
    if task == "nli":
        labels = ("entailment", "neutral", "contradiction")
        return [
            {**tokenizer(one.text_a, one.text_b, truncation=True, max_length=LENGTHS[task]),
             "labels": labels.index(one.label)}
            for one in found
        ]  # fmt: skip
    rows = []
    for one in found:
        row = tokenizer(one.question, one.context, truncation="only_second", max_length=LENGTHS[task],
                        return_offsets_mapping=True)  # fmt: skip
        places, sides = row.pop("offset_mapping"), row.sequence_ids()
        start, end = one.answers[0].start, one.answers[0].start + len(one.answers[0].text)
        inside = [at for at, (first, last) in enumerate(places) if sides[at] == 1 and first < end and last > start] or [
            0
        ]
        rows.append({**row, "start_positions": inside[0], "end_positions": inside[-1]})
    return rows


def batches(tokenizer: Any, rows: Sequence[Any], size: int, shuffled: bool) -> Iterator[dict[str, Any]]:
    from torch.utils.data import DataLoader
    from transformers import DataCollatorWithPadding

    loader: Any = DataLoader(rows, size, shuffle=shuffled, collate_fn=DataCollatorWithPadding(tokenizer))  # type: ignore[arg-type]
    yield from loader


def score(model: Any, tokenizer: Any, rows: Sequence[Any], size: int) -> float:
    """The percentage of rows that are answered as their labels say."""
    import torch

    right = 0
    model.eval()
    with torch.no_grad():
        for batch in batches(tokenizer, rows, size, shuffled=False):
            given = {name: batch.pop(name) for name in ("labels", "start_positions", "end_positions") if name in batch}
            told = model(**batch)
            if "labels" in given:
                right += int((told.logits.argmax(-1) == given["labels"]).sum())
            else:
                starts, ends = told.start_logits.argmax(-1), told.end_logits.argmax(-1)
                both = (starts == given["start_positions"]) & (ends == given["end_positions"])
                right += int(both.sum())
    return 100 * right / len(rows)


if __name__ == "__main__":
    main()
