"""How well a model knows a language."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainables.metrics.metric import Metric, paired, ratio

_MOST = 700
"""Nats whose exponential is still a number."""


def _nats(gold: Sequence[tuple[str, ...]], predicted: Sequence[tuple[str, ...]], language: str) -> np.ndarray:
    found = [[sum(map(float, text)), len(text)] for _, text in paired(gold, predicted, "text")]
    if not any(tokens for _, tokens in found):
        raise ValueError("no tokens to score")
    return np.array(found, float)


def _perplexity(sums: np.ndarray) -> dict[str, np.ndarray]:
    nats, tokens = np.moveaxis(sums, -1, 0)
    mean = np.where(tokens > 0, ratio(nats, tokens), np.inf)  # of no tokens nothing is known
    return {"likelihood": 100 * np.exp(-mean), "perplexity": np.exp(np.minimum(mean, _MOST))}


perplexity = Metric(("likelihood", "perplexity"), _nats, _perplexity)
"""Of the negative log-likelihoods of each text's hidden tokens, in nats. It sums (nats, tokens).

`likelihood` is the geometric mean of the probabilities of the right tokens, in percent: 100 over the perplexity, and
like other scores the higher the better. ValueError where the numbers of texts differ, or no token is hidden.
"""
