"""The tables of the ledger: what a row of each says, with its units."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

VERSION = 2
"""Of the ledger's files. All files of a format have the same columns: one more is another format. A newer
one is refused. Format 1 had one table, with scores and predictions in its rows.
"""

METADATA = {"sweep.ledger": str(VERSION)}
"""What other readers of Parquet see of that."""

TRAINED = pa.struct(
    [
        ("task", pa.string()),
        ("language", pa.string()),
        ("steps", pa.int64()),
        ("examples", pa.int64()),
        ("tokens", pa.int64()),
    ]
)
TIME = pa.timestamp("us", tz="UTC")

TRIALS = pa.schema(
    [
        ("trial_id", pa.string()),
        ("revision", pa.int64()),  # of a trial that was run again the highest counts: clocks go back
        ("score_rows", pa.int64()),  # of this revision: only with all of them is the trial there
        ("prediction_rows", pa.int64()),
        ("phase", pa.string()),
        ("parent", pa.string()),
        ("status", pa.string()),  # finished, failed, pruned
        ("objective", pa.float64()),
        ("curve", pa.list_(pa.float64())),  # the development score after each epoch
        ("losses", pa.list_(pa.float64())),  # the mean training loss of each epoch
        ("collapsed", pa.bool_()),  # whether it ended at chance on the development set
        ("learning_rate", pa.float64()),
        ("epochs", pa.int64()),
        ("batch_size", pa.int64()),
        ("warmup", pa.float64()),
        ("weight_decay", pa.float64()),
        ("seed", pa.int64()),
        ("started_at", TIME),
        ("finished_at", TIME),
        ("seconds", pa.float64()),
        ("startup_seconds", pa.float64()),
        ("examples_per_second", pa.float64()),
        ("features", pa.int64()),  # of an epoch, or scored
        ("tokens", pa.int64()),  # in them, without padding
        ("steps", pa.int64()),  # of the optimizer, over all epochs
        ("trained", pa.list_(TRAINED)),  # by task and language, over all epochs
        ("device", pa.string()),
        ("host", pa.string()),  # where its first worker was
        ("workers", pa.int64()),
        ("gpus", pa.float64()),  # of all workers
        ("gpu_hours", pa.float64()),  # of its last attempt
        ("peak_memory", pa.int64()),  # bytes, the most of any worker: of its GPU, else of its process
        ("worker_group", pa.string()),
        ("attempts", pa.int64()),  # how often it was started in the run that ended it
        ("resumed", pa.int64()),  # optimizer steps that an earlier attempt had taken
        ("halvings", pa.int64()),  # of the micro-batch, for want of memory
        ("micro_batch_tokens", pa.int64()),  # its size at the end
        ("error", pa.string()),
        ("suggestion", pa.string()),  # the hash of what its hyper-parameters were suggested from
        ("run", pa.string()),  # `runs/<run>.json`: by which code, from which file
        ("model", pa.string()),  # from here on the fields of its spec
        ("weights", pa.string()),
        ("tasks", pa.list_(pa.string())),
        ("languages", pa.list_(pa.string())),
        ("data", pa.string()),
        ("precision", pa.string()),
        ("dropout", pa.float64()),
        ("dropout_masks", pa.string()),
        ("train_examples", pa.int64()),
        ("eval_examples", pa.int64()),
        ("max_length", pa.int64()),
        ("layer", pa.string()),
        ("pooling", pa.string()),
        ("checkpoint", pa.string()),
        ("head", pa.string()),
        ("token_types", pa.bool_()),
        ("lora", pa.string()),  # JSON
        ("recipe", pa.string()),  # JSON
        ("code", pa.int64()),
        ("spec", pa.string()),  # the whole TrialSpec as JSON
    ],
    METADATA,
)

SCORES = pa.schema(
    [
        ("trial_id", pa.string()),
        ("revision", pa.int64()),
        ("target", pa.string()),
        ("training_set", pa.string()),
        ("language", pa.string()),
        ("split", pa.string()),
        ("metric", pa.string()),
        ("main", pa.bool_()),  # whether it stands for the target
        ("value", pa.float64()),  # 0 to 100; null where the release hides the labels
        ("chance", pa.float64()),
        ("n", pa.int64()),  # examples, or cases
    ],
    METADATA,
)

PREDICTIONS = pa.schema(
    [
        ("trial_id", pa.string()),
        ("revision", pa.int64()),
        ("target", pa.string()),
        ("language", pa.string()),
        ("split", pa.string()),
        ("examples", pa.string()),  # `examples/<fingerprint>.parquet`: what they are of
        ("position", pa.int32()),  # of the example in its split, from 0 on
        ("prediction", pa.string()),  # tags and ids joined by blanks
        ("confidence", pa.float32()),  # 0 to 1; null where the kind of task has none
        ("statistics", pa.list_(pa.float64())),  # what the metric sums; null where the release hides the labels
    ],
    METADATA,
)

TABLES: Mapping[str, pa.Schema] = {"trials": TRIALS, "scores": SCORES, "predictions": PREDICTIONS}
"""By the folder in `ledger/`. Who reads lists them in this order: a trial's own row is written last."""

SORTED: Mapping[str, tuple[str, ...]] = {
    "trials": ("trial_id", "revision"),
    "scores": ("main", "target", "language", "split", "metric", "trial_id", "revision"),
    "predictions": ("trial_id", "revision", "target", "language", "split", "position"),
}
"""In which order the rows of many trials stand, so that whoever asks for some of them need not read the others."""
