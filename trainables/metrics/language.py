"""How well a model knows a language."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainables.metrics.classification import paired


def perplexity(gold: Sequence[tuple[str, ...]], predicted: Sequence[tuple[str, ...]]) -> dict[str, float]:
    """Of the negative log-likelihoods of each text's hidden tokens, in nats.

    `likelihood` is the geometric mean of the probabilities of the right tokens, in percent: 100 over the perplexity,
    and like other scores the higher the better. ValueError where the numbers of texts differ, or no token is hidden.
    """
    values = [float(value) for _, text in paired(gold, predicted, "text") for value in text]
    if not values:
        raise ValueError("no tokens to score")
    mean = sum(values) / len(values)
    return {"likelihood": 100 * math.exp(-mean), "perplexity": math.exp(min(mean, _MOST))}


_MOST = 700
"""Nats whose exponential is still a number."""
