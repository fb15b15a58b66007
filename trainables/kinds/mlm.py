"""Masked language modelling: which tokens stand where some of a text's are hidden. It goes on with the pre-training.

Of a row's tokens, special ones apart, 15 % are chosen: 80 % of them are replaced by the mask, 10 % by any token, 10 %
are left as they are (Devlin et al. 2019, section 3.1, https://aclanthology.org/N19-1423). How many that is follows from
the row's length, so the weight of a step is known before. In training each epoch draws anew, from the seed, the epoch
and the row's place alone; a split that is scored always has the same ones.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import PlainText
from trainables.errors import Problem, UserError
from trainables.features import IGNORED, Feature
from trainables.kinds import Encoded, Head, Prediction
from trainables.tasks import HIDDEN, Task

MASKED, REPLACED = 0.8, 0.1
"""Of the tokens to predict the shares that are hidden behind the mask, and behind any other token."""

AT_ONCE = 2**26
"""The most scores of tokens that are in memory at once: a quarter of a gigabyte in float32."""

VOCABULARY = 250_002
"""XLM-R's tokens: who cannot read takes one of them."""


class Masks:
    """Draws which tokens of a row are to be predicted, and what stands there instead.

    Raises:
        UserError: the tokenizer has no mask.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if tokenizer.mask_token_id is None:
            hint = "take a model that was pre-trained with masks, such as xlm-roberta-large"
            raise UserError(Problem(f"the tokenizer of type {type(tokenizer).__name__} has no mask token", hint=hint))
        self._mask: int = tokenizer.mask_token_id
        self._special = np.array(sorted(set(tokenizer.all_special_ids)))
        self._others = np.setdiff1d(np.arange(len(tokenizer)), self._special)

    def drawn(self, input_ids: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A row with masks, and its target: the tokens that stood there, IGNORED everywhere else."""
        places = np.flatnonzero(~np.isin(input_ids, self._special))
        count = max(1, round(HIDDEN * len(places))) if len(places) else 0
        chosen = rng.permutation(places)[:count]
        row, target = input_ids.copy(), np.full_like(input_ids, IGNORED)
        target[chosen] = input_ids[chosen]
        lot = rng.random(count)
        row[chosen[lot < MASKED]] = self._mask
        replaced = chosen[(lot >= MASKED) & (lot < MASKED + REPLACED)]
        row[replaced] = rng.choice(self._others, len(replaced))
        return row, target

    def anew(self, feature: Feature, key: Sequence[int]) -> Feature:
        """A feature with masks that are drawn from a key, and depend on nothing else."""
        row, target = (np.asarray(one) for one in (feature.rows[0], feature.target))
        input_ids = np.where(target == IGNORED, row, target)
        row, target = self.drawn(input_ids, np.random.default_rng([*key]))
        return Feature([row], feature.example, target, feature.weight)


def features(task: Task, examples: Sequence[PlainText], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """The beginning of each text, one row, with masks that the row's own tokens decide: always the same ones.

    The target has the token that stood at each place to predict. A text without a token counts nothing.
    """
    masks = Masks(tokenizer)
    texts = [example.text for example in examples]
    rows = tokenizer(texts, truncation=True, max_length=task.max_length, return_attention_mask=False)["input_ids"]
    found = []
    for position, ids in enumerate(rows):
        input_ids = np.array(ids, dtype=np.int32)
        row, target = masks.drawn(input_ids, np.random.default_rng(zlib.crc32(input_ids.tobytes())))
        found.append(Feature([row.tolist()], position, target.tolist(), int((target != IGNORED).sum())))
    return found


class TokenLayers(nn.Module):
    """What an architecture has behind its encoder to say which token stands where.

    Args:
        transform: from hidden states (K, H) to (K, E), before the product with the vocabulary.
        bias: (vocabulary,), None where there is none.
        weight: (vocabulary, E); None where it is the word embeddings.
    """

    def __init__(self, transform: nn.Module, bias: nn.Parameter | None, weight: nn.Parameter | None) -> None:
        super().__init__()
        self.transform, self.bias, self.weight = transform, bias, weight


class TokenHead(Head):
    """Which token stands where. Output (R, L, 1): the negative log-likelihood of each token to predict, 0 elsewhere.

    It needs the targets (R, L), and the word embeddings (vocabulary, E): the loss is computed here, of the tokens to
    predict alone, and some at a time, for their scores are the whole vocabulary's. `layers` come with the model.
    """

    predicts_tokens = True
    layers: TokenLayers

    def forward(self, hidden: Tensor, mask: Tensor, targets: Tensor, table: Tensor) -> Tensor:
        chosen = targets != IGNORED
        vectors = self.layers.transform(hidden[chosen])
        weight = table if self.layers.weight is None else self.layers.weight
        step = max(1, AT_ONCE // len(weight))
        parts = zip(vectors.split(step), targets[chosen].split(step), strict=True)
        losses = [_kept_small(vectors, weight, self.layers.bias, wanted) for vectors, wanted in parts]
        found = torch.cat(losses) if losses else vectors.new_zeros(0, dtype=torch.float32)
        return torch.zeros(chosen.shape, device=found.device).masked_scatter(chosen, found)[:, :, None]


def _kept_small(*arguments: Any) -> Tensor:
    """The losses of some tokens, whose scores are computed again for the gradient instead of kept."""
    if not torch.is_grad_enabled():
        return _losses(*arguments)
    return checkpoint(_losses, *arguments, use_reentrant=False, preserve_rng_state=False)


def _losses(vectors: Tensor, weight: Tensor, bias: Tensor | None, wanted: Tensor) -> Tensor:
    scores = functional.linear(vectors, weight, bias)
    return functional.cross_entropy(scores.float(), wanted, reduction="none")


def head(task: Task, config: Any) -> TokenHead:
    """Without its layers, which the network gives it."""
    return TokenHead()


def loss(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """The sum of the tokens' negative log-likelihoods."""
    return outputs.sum()


def predictions(task: Task, split: Encoded, references: Sequence[Encoded]) -> list[Prediction]:
    """For each hidden token of a text its negative log-likelihood, in nats: a perplexity is made of nothing else."""
    found: list[Prediction] = [()] * len(split.examples)
    for feature, output in zip(split.features, split.outputs, strict=True):
        chosen = np.asarray(feature.target) != IGNORED
        found[feature.example] = tuple(f"{value:.6g}" for value in output[chosen, 0])
    return found


def confidences(task: Task, split: Encoded) -> Sequence[float]:
    """None: the predictions are the probabilities of tokens themselves."""
    return ()


def gold(examples: Sequence[PlainText], references: Sequence[Encoded]) -> list[tuple[str, ...]]:
    """Sure of each token: a text has one at least."""
    return [("0",)] * len(examples)


def guesses(task: Task, examples: Sequence[PlainText], references: Sequence[Encoded]) -> list[Prediction]:
    """Any token of XLM-R's vocabulary, each with the same probability."""
    return [(repr(math.log(VOCABULARY)),)] * len(examples)


def answers(predictions: Sequence[Prediction]) -> Sequence[Prediction]:
    """What is said of each token."""
    return [value for text in predictions for value in text]
