"""Where the time of one of our steps goes on a CPU, beside what the machine needs for its products and its optimizer.

By torch's profiler, over some steps as `benchmarks.train` has them; without one the same steps take a little less.

    python -m benchmarks.parts [--lengths xnli-like] [--precision bf16] [--steps 4]
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks.examples import LENGTHS, Bench
from benchmarks.limits import best, machine, measured_limits
from benchmarks.rounds import show
from benchmarks.train import CPU, Contest
from trainables.models.network import new_network
from trainables.models.noise import Noise
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.training.adamw import AdamW
from trainables.training.gradient import StepGradient
from trainables.training.mixture import Mixture

PRODUCTS, OPTIMIZER = "products of linear layers", "optimizer and clipping"
OTHERS, PYTHON = "sums, copies, masks and roundings", "between the kernels"
KERNELS = {
    PRODUCTS: ("mm", "addmm", "_linear_pointwise"),
    "attention's products": ("bmm",),
    "softmax": ("_softmax", "_softmax_backward_data", "masked_fill_"),
    "activation": ("gelu", "gelu_backward"),
    "layer norms": ("native_layer_norm", "native_layer_norm_backward"),
    "random numbers": (Noise.__name__, "bernoulli_"),
    OPTIMIZER: ("_foreach_norm", "_fused_adamw_"),
}
WARM = 2
"""Steps before those that count."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--lengths", default="xnli-like", choices=[*LENGTHS])
    parser.add_argument("--precision", default="bf16", choices=["fp32", "bf16"])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--pieces", type=int, default=30_000, help="of the vocabulary that occur in training data")
    arguments = parser.parse_args()
    limits = measured_limits(CPU)
    steps = arguments.steps
    contest = Contest(
        Bench(arguments.pieces), arguments.model, LENGTHS[arguments.lengths], arguments.batch_size, steps + WARM, 1
    )
    found, seconds, tokens = parts(contest, arguments.precision)
    limits = best(limits, measured_limits(CPU))
    share = tokens / (contest.tokens * steps * arguments.batch_size)  # of an average step's operations
    bound = {
        PRODUCTS: contest.work.products_seconds(limits, arguments.precision) * share,
        OPTIMIZER: contest.work.bytes / limits.bytes,
    }
    print(f"{machine(CPU)}\n{limits}")
    print(f"{arguments.model}, {arguments.precision}, {contest.task.name}, {tokens / steps:,.0f} tokens a step")
    show([
        {
            "of a step": name,
            "ms": f"{own / steps * 1000:.1f}",
            "share": f"{own / seconds:.0%}",
            "ms at the machine's rates": f"{bound[name] * 1000:.1f}" if name in bound else "",
        }
        for name, own in [*sorted(found.items(), key=lambda one: -one[1]), ("all", seconds)]
    ])  # fmt: skip


def parts(contest: Contest, precision: str) -> tuple[dict[str, float], float, int]:
    """Seconds of all steps that count by what they went to, all their seconds, and their tokens."""
    bench, task, spec = contest.bench, contest.task, contest.spec(0, precision)
    network = new_network(contest.base, [task], None).train()
    pad_id = contest.base.tokenizer.pad_token_id
    vocabulary = TrimmedVocabulary(network.encoder, contest.features.token_ids(), pad_id)
    gradient = StepGradient(network, network, [task], spec, bench, vocabulary)
    optimizer = AdamW(network, 1e-5, 0.01)
    steps = [*Mixture({task.name: {"en": contest.features}}, spec.recipe, contest.batch_size, 1).steps(1)]
    Noise.kept = _recorded(Noise.kept)  # type: ignore[method-assign]
    for step in steps[:WARM]:
        gradient.add(step)
        optimizer.clipped_step()
    begun = time.perf_counter()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for step in steps[WARM:]:
            gradient.add(step)
            optimizer.clipped_step()
        seconds = time.perf_counter() - begun
    part_of = {name: part for part, names in KERNELS.items() for name in names}
    found: defaultdict[str, float] = defaultdict(float)
    for one in profiler.key_averages():
        if one.key.startswith(("aten::", "mkldnn::", Noise.__name__)):
            found[part_of.get(one.key.rpartition(":")[2], OTHERS)] += one.self_cpu_time_total / 1e6
    found[PYTHON] = seconds - sum(found.values())
    return found, seconds, sum(feature.tokens for step in steps[WARM:] for feature in step.features)


def _recorded(kept: Callable[..., Any]) -> Callable[..., Any]:
    """Masks, which numpy draws out of the profiler's sight."""

    def recorded(*arguments: Any) -> Any:
        with record_function(Noise.__name__):
            return kept(*arguments)

    return recorded


if __name__ == "__main__":
    main()
