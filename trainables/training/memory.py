"""Memory that runs out: the same work again in smaller pieces, until it fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from trainables.features import Feature
from trainables.reports import TrialError
from trainables.training.workbench import Workbench

T = TypeVar("T")

SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")
"""What the errors say that are not torch's own OutOfMemoryError: the CPU's allocator, CUDA itself, cuBLAS and cuDNN."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller micro-batch may help."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def in_pieces_that_fit(
    bench: Workbench, features: Sequence[Feature], compute: Callable[[], T], undo: Callable[[], object] = lambda: None
) -> T:
    """What `compute` returns. While memory runs out, the bench's micro-batch is halved and all of it computed again.

    The random state is set back each time: the work is that of a bench which had the smaller micro-batch before. With
    dropout on that one draws other masks than the larger one would have.

    Args:
        features: what `compute` cuts into micro-batches.
        undo: takes back what a `compute` that broke off has done.

    Raises:
        TrialError: a feature does not fit on its own. The micro-batch is then what it was before.
    """
    before, state = bench.micro_batch_tokens, bench.random_state()
    while True:
        try:
            return compute()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Out here the error is gone, and with it the tensors of the frames that it came through.
        undo()
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()
        bench.set_random_state(state)
        largest = max(len(feature.rows) * feature.width for feature in features)
        if bench.micro_batch_tokens <= largest:  # no micro-batch was larger than this feature alone
            bench.micro_batch_tokens = before
            raise TrialError(
                f"an example of {largest} tokens does not fit into the memory of {bench.device_name} on its own: "
                "take precision bf16, a task with a shorter max_length, or a larger GPU"
            )
        bench.micro_batch_tokens //= 2
        bench.halvings += 1
