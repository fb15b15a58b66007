"""One text, one label: topics, intents."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from trainables.data.examples import LabelledText
from trainables.kinds import IGNORED, Feature, gold_labels, most_common_label, one_an_example, pair_classification
from trainables.tasks import Task

head = pair_classification.head
loss = pair_classification.loss
predictions = pair_classification.predictions
confidences = pair_classification.confidences
gold = gold_labels
guesses = most_common_label
answers = one_an_example


def features(task: Task, examples: Sequence[LabelledText], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """`<s> text </s>`; a text that is too long loses its end."""
    texts = [example.text for example in examples]
    encoded = tokenizer(texts, truncation=True, max_length=task.max_length, return_attention_mask=False)["input_ids"]
    label_ids = {label: index for index, label in enumerate(task.labels)}
    targets = (IGNORED if example.label is None else label_ids.get(example.label, IGNORED) for example in examples)
    return [
        Feature([input_ids], position, [target], int(target != IGNORED))
        for position, (input_ids, target) in enumerate(zip(encoded, targets, strict=True))
    ]
