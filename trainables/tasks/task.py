"""What a task is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from trainables.errors import nearest
from trainables.metrics import METRICS
from trainables.spec import content_hash
from trainables.tasks.layout import GROUP, FileLayout, HubLayout

KINDS: Mapping[str, tuple[str, ...]] = {
    "pair_classification": ("accuracy", "accuracy_f1"),
    "text_classification": ("accuracy", "accuracy_f1"),
    "multiple_choice": ("accuracy",),
    "tagging": ("entity_f1", "pos_f1", "tag_accuracy"),
    "span_qa": ("squad", "squad2", "mlqa", "error_rate"),
    "retrieval": ("map_at_20",),
    "bitext_retrieval": ("accuracy",),
    "bitext_mining": ("mining_f1",),
    "bitext_ranking": ("accuracy",),
    "mlm": ("perplexity",),
}
"""The modules of `trainables.kinds`, and the metrics that can compare what each predicts."""

UNTRAINED = frozenset({"bitext_retrieval", "bitext_mining"})
"""Kinds without a head: the encoder's own vectors answer."""

IN_PIECES = frozenset({"tagging", "span_qa"})
"""Kinds whose examples may make several features: what is too long is cut, or read in windows."""

LABELLED = frozenset({"pair_classification", "text_classification", "tagging"})
"""Kinds whose labels are names: those of the task's file or, where it has none, of the training data."""

HIDDEN = 0.15
"""The share of a text's tokens that mlm hides and asks for."""

CHOOSES_LAST: Mapping[str, int] = {"bitext_ranking": 1, "mlm": 2}
"""Kinds whose development scores say little about what a model is trained for beside them: in a mix with kinds of a
lower number, which most have by being absent, they take no part in the objective.
"""

_TAG_OF_A_NAME = re.compile(r"O|[BIES]-.+")

SPECIAL_TOKENS = 4
"""What XLM-R puts around two texts; BERT one less."""


@dataclass(frozen=True)
class Task:
    """What a task is: its shape, its languages, its metric, and where its examples lie.

    Attributes:
        labels: all labels; for multiple_choice the positions of the choices. Empty: those of the training data.
        training_set: the task that it is trained on, itself if it has training data; None: never trained on.
        source_language: the language of the training that the target languages are transferred from.
        after: the training set on which models are trained before they are trained on this one (`siqa` for copa).
        translates: the training set whose examples this one has in other languages, by translation: itself, where its
            own ones in other languages are translated.
        parts: the tasks whose examples this one joins (`anli+`); it has no files of its own then.
        holdout: the share of the training examples, the last ones, that serve as development set where the release has
            none of its own. It is cut between passages: all questions on one are on the same side.
        parallel: whether the examples of its splits are the same in all languages, translated: such are drawn together
            when scores are resampled, as far as their counts, ids and labels bear it out.
        without: the tasks whose test must not be in the training data: examples that have a passage or sentence of it
            are left out.
        objective: the scores of `metric` whose mean chooses among trials in training; empty: the main one alone.
        score_on: the split that stands for the task in tables. `test` is predicted as well, for submissions.
        mini: the generator of the embedded benchmark that makes its examples, if any.
        files, hub: where its examples lie; of several layouts the first that has a split and language counts.
        max_length: the most tokens the encoder sees at once.
        window_stride, max_question, max_answer, best_answers: for span_qa, in tokens; the last a count of candidates.
            max_question also bounds the queries of retrieval.
        unanswerable: for span_qa, whether "no answer" is an answer.
        layer, pooling: for the kinds of bitext: the hidden layer that is pooled, as a share of the layers (`14/24`: the
            output of layer 14 of a model with 24), and how: the `mean` of its tokens or `cls`.
        directions, similarity, margin, scale, learned_scale: the loss of bitext_ranking: whether `both` sides look for
            the other, or `from_english` or `to_english` alone; `cosine` or `dot`; by how much the right one must be
            closer; what similarities are multiplied with, and whether that is only where it begins.
        sizes: by split and language, how many examples the release has, as far as that is known without reading it.
            `sweep plan` estimates hours from it; nothing else looks at it.
        note: what to do where the data is not there.
    """

    name: str
    kind: str
    title: str
    metric: str
    languages: tuple[str, ...]
    labels: tuple[str, ...] = ()
    training_set: str | None = None
    source_language: str = "en"
    after: str | None = None
    translates: str | None = None
    parts: tuple[str, ...] = ()
    holdout: float = 0.0
    parallel: bool = False
    without: tuple[str, ...] = ()
    objective: tuple[str, ...] = ()
    score_on: str = "test"
    mini: str | None = None
    files: tuple[FileLayout, ...] = ()
    hub: tuple[HubLayout, ...] = ()
    max_length: int = 128
    window_stride: int = 128
    max_question: int = 64
    max_answer: int = 30
    best_answers: int = 20
    unanswerable: bool = False
    layer: Fraction | None = None
    pooling: str = "mean"
    directions: str = "both"
    similarity: str = "cosine"
    margin: float = 0.3
    scale: float = 20.0
    learned_scale: bool = False
    sizes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    note: str = ""
    citation: str = ""
    licence: str = ""

    @property
    def is_trainable(self) -> bool:
        """Whether models are trained on this task's own examples."""
        return self.training_set == self.name

    @property
    def learns_labels(self) -> bool:
        """Whether its labels are those of the training data."""
        return not self.labels and self.kind in LABELLED

    @property
    def evaluated(self) -> tuple[str, ...]:
        """The splits that an evaluation predicts: the one that is scored in tables, and the one of submissions."""
        return tuple(dict.fromkeys((self.score_on, "test")))

    @property
    def compared(self) -> str | None:
        """What of its examples is compared with another task's, to tell whether they are the same; None: nothing."""
        return "passages" if self.kind == "span_qa" else "sentences" if self.kind.startswith("bitext_") else None

    @property
    def grouped_by(self) -> tuple[str | int | None, ...]:
        """The columns that say what examples are a part of, of each layout. No other fingerprint tells them."""
        return tuple(one.options.get("columns", {}).get(GROUP) for layouts in (self.files, self.hub) for one in layouts)

    def size(self, split: str, language: str) -> int | None:
        """How many examples a split has, less what a `holdout` takes or holds back; None where that is not known.

        With a `holdout` it is an estimate: the cut is between passages, some questions before or behind it.
        """
        if not self.holdout or "dev" in self.sizes or split not in ("train", "dev"):
            return self.sizes.get(split, {}).get(language)
        released = self.sizes.get("train", {}).get(language)
        if released is None:
            return None
        held_back = max(1, round(self.holdout * released))
        return held_back if split == "dev" else released - held_back

    @property
    def least_length(self) -> int:
        """The least that `max_length` may be: room for something of each text beside the special tokens.

        Of a passage at least its longest answer must be seen at once, beside the longest question.
        """
        match self.kind:
            case "span_qa":
                return SPECIAL_TOKENS + self.max_question + self.max_answer
            case "pair_classification" | "multiple_choice" | "retrieval":
                return SPECIAL_TOKENS + 2
        return 3  # a start, an end, and something between

    def unfit(self, label: str, noun: str = "label") -> tuple[str, str | None] | None:
        """Why a label or tag cannot be one of the task's, and what to do; None: it can."""
        if not label.strip():
            return f"no {noun}", None
        if label != label.strip() or not label.isprintable():
            return f"{noun} {label!r} is more than a line of text", "a submission has one label on each line"
        if self.labels and label not in self.labels:
            return f"unknown {noun} '{label}'", nearest(label, self.labels)
        if self.metric == "entity_f1" and not _TAG_OF_A_NAME.fullmatch(label):
            hint = "tags of names are O, B-kind, I-kind (and S-kind, E-kind); metric tag_accuracy is for others"
            return f"{noun} '{label}' is no tag of a name", hint
        if self.metric == "accuracy_f1" and label not in ("0", "1"):
            hint = "translate it: label_map, or take metric accuracy"
            return f"{noun} '{label}' is neither 0 nor 1, whose F1 the metric is", hint
        return None

    @property
    def main_metric(self) -> str:
        """The number that stands for the task in tables."""
        return METRICS[self.metric].main

    @property
    def chosen_by(self) -> tuple[str, ...]:
        """The scores on the development set whose mean chooses among trials in training."""
        return self.objective or (self.main_metric,)

    @property
    def definition(self) -> str:
        """A hash of everything that changes features, training or scores, other than the examples themselves."""
        told = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name not in _UNTOLD}
        for name in OF_RANKING:
            if told[name] == getattr(Task, name):  # else the hash is that of before there was the field
                del told[name]
        if self.chosen_by != (self.main_metric,):  # else the hash is that of before there was a choice
            told["objective"] = self.objective
        return content_hash({**told, "layer": str(self.layer)})


OF_RANKING = ("directions", "similarity", "margin", "scale", "learned_scale")
"""The keys of bitext_ranking alone."""

_UNTOLD = frozenset(
    {
        "objective", "translates", "title", "languages", "parallel", "without", "files", "hub", "mini", "sizes", "note",
        "citation", "licence",
    }
)  # fmt: skip
"""What the examples' fingerprint tells, or nothing depends on."""
