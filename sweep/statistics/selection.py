"""Whether other development examples would have chosen another trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweep.statistics.influence import Floats, Formula
from sweep.statistics.resampling import resampled, weights

AT_ONCE = 200
"""Samples that are scored in one piece."""


@dataclass(frozen=True)
class Block:
    """The development examples of one task.

    Attributes:
        sums: by study, of its trials (trials, groups, k). The groups are the same ones in all studies.
        formula: from sums to the score that counts in the objective.
    """

    sums: Sequence[Floats]
    formula: Formula


def choices(blocks: Sequence[Block], samples: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Which trial each study would choose (studies, samples), if its development examples were drawn anew by group.

    The examples that are drawn are the same for all studies, as they are in truth. The objective is the mean over
    blocks; of trials that are equally good the first is chosen.

    Samples are drawn around what was seen, so the trial that was chosen by luck is chosen too often again: of two whose
    true scores are equal in three of four samples, where new examples would choose it in two of four.
    """
    studies = len(blocks[0].sums)
    found = np.zeros((studies, samples), np.intp)
    for start in range(0, samples, AT_ONCE):
        part = min(AT_ONCE, samples - start)
        drawn = [weights(block.sums[0].shape[1], part, random) for block in blocks]
        for study in range(studies):
            scores = [
                block.formula(resampled(block.sums[study], own)) for block, own in zip(blocks, drawn, strict=True)
            ]
            found[study, start : start + part] = np.mean(scores, axis=0).argmax(axis=0)
    return found
