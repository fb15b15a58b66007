"""Our side of the benchmarks: what a trial does, by the calls that make it do so."""

from __future__ import annotations

import time

from benchmarks.trainers import Measured
from trainables.spec import TrialSpec
from trainables.store import checkpoint_name
from trainables.training.evaluate import evaluate
from trainables.training.fine_tune import fine_tune
from trainables.training.workbench import Workbench


def trained(bench: Workbench, spec: TrialSpec) -> Measured:
    """Runs a trial of two epochs, of which the second counts. Nothing of it is left in the store.

    Its own reports say how long it trained, evaluation and saving left out.
    """
    first, second = fine_tune(spec, bench, time.time())
    seconds, tokens = [], []
    for report in (first, second):
        assert report.features and report.tokens and report.examples_per_second
        seconds.append(report.epoch * report.features / report.examples_per_second)
        tokens.append(report.epoch * report.tokens)
    bench.store.delete(checkpoint_name(spec.trial_id))
    return Measured(seconds[1] - seconds[0], tokens[1] - tokens[0])


def scored(bench: Workbench, spec: TrialSpec) -> Measured:
    """Runs an evaluation, with all that makes scores of what a network says.

    Its own report says how long it took, without what is read and loaded before.
    """
    *_, last = evaluate(spec, bench, time.time())
    assert last.features and last.tokens and last.examples_per_second
    return Measured(last.features / last.examples_per_second, last.tokens)
