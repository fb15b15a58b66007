"""How much of the encoder is trained, as an experiment says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Tag

from sweep.experiment.values import AllLayers, Full, Section, either, once
from trainables.spec import Lora, Phase


class LoraConfig(Section):
    """What is trained of a frozen encoder, see `trainables.spec.Lora`.

    `alpha` None: the rank, so that the product counts once. `targets` all: every linear layer.
    """

    rank: Annotated[int, Field(ge=1, le=4096)]
    alpha: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    targets: Annotated[
        Annotated[AllLayers, Tag("word")]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1), once("target"), Tag("list")],
        either("no list of layers", "for example [query, value], or all", word=str, list=list),
    ] = "all"


class Adapted(Section):
    """Tuning with LoRA."""

    lora: LoraConfig


PhaseTuning = Annotated[
    Annotated[Full, Tag("word")] | Annotated[Adapted, Tag("section")],
    either("no way to tune", "full, or {lora: {rank: 16}}", word=str, section=dict),
]


class Tuning(Section):
    """How much of the encoder each phase trains: all of it, or what LoRA adds to it. Heads always are."""

    intermediate: PhaseTuning = "full"
    target: PhaseTuning = "full"

    def lora(self, phase: Phase) -> Lora | None:
        """What a phase trains of the encoder; None: all, or in an evaluation nothing."""
        chosen = {"intermediate": self.intermediate, "target": self.target}.get(phase, "full")
        if isinstance(chosen, str):
            return None
        asked = chosen.lora
        targets = () if asked.targets == "all" else tuple(sorted(asked.targets))
        return Lora(asked.rank, float(asked.alpha or asked.rank), targets)
