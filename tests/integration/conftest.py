"""What tests of whole trials share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import torch

from trainables.models.base import Base, load_base
from trainables.models.shapes import is_built_in


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[None]:
    """An encoder that comes with the package is made once: it is never changed, and takes longer than a trial here.

    Trials compute in one thread: two tests run at a time.
    """
    torch.set_num_threads(1)
    once = cache(load_base)

    def load(model: str, weights: str | None = None) -> Base:
        return once(model, weights) if is_built_in(model) else load_base(model, weights)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainables.training.workbench.load_base", load)
        yield
