"""How many tokens an example has, by task, with XLM-R's vocabulary: what `sweep plan` estimates hours from.

    python -m benchmarks.tokens --data DIR > sweep/planning/pricing/tokens.yaml

DIR holds release files. A cell is a task, split and language; some `--sample` of its examples, evenly spread, are
tokenised as a trial would. Of the cells' means the lowest, the mean and the highest are printed, for each role that
examples have: training, being scored, being a candidate. A training set often has one cell: its bounds look at what is
scored in its languages too. Cells of fewer than `--least` examples are left out. Plain text is taken from the passages
of xquad, which are paragraphs of Wikipedia.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from statistics import fmean
from typing import NamedTuple

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from trainables import tasks
from trainables.data import Source, open_source
from trainables.data.examples import PlainText, Question
from trainables.kinds import kind_of
from trainables.models.minilm import minilm_folder
from trainables.tasks import Task
from trainables.tasks.layout import CANDIDATES, SPLITS

ROLES = {split: "train" if split == "train" else "scored" for split in SPLITS} | {
    split + CANDIDATES: "candidates" for split in SPLITS
}


class Cell(NamedTuple):
    """What one split in one language has: examples, and tokens and features of one of them on average."""

    language: str
    examples: int
    tokens: float
    features: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--least", type=int, default=100)
    arguments = parser.parse_args()
    released, mini = open_source({"files": arguments.data}), open_source("mini")
    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    print("# Tokens and features of an example: the lowest, the mean and the highest over splits and languages.")
    print("# Measured with XLM-R's vocabulary on the cuts of release files that developers have, by")
    print("#     python -m benchmarks.tokens --data DIR > sweep/planning/pricing/tokens.yaml")
    print("tasks:")
    of_kinds: dict[tuple[str, str], list[list[Cell]]] = defaultdict(list)
    for name in tasks.names():
        task = tasks.load(name)
        found = cells(task, mini if task.mini else released, tokenizer, arguments.sample, arguments.least)
        if found:
            print(f"  {name}:")
        for role, measured in list(found.items()):
            print(f"    {role}: {line(measured, like(found, role))}")
            if not task.mini:  # the embedded benchmark's texts are shorter than anybody's
                of_kinds[task.kind, role].append(measured)
    for role in ("train", "scored"):
        of_kinds["mlm", role] = [paragraphs(released, tokenizer)]
    print("kinds:  # for tasks that are not above")
    for kind in tasks.KINDS:
        roles = {role: ones for (one, role), ones in of_kinds.items() if one == kind}
        if roles:
            print(f"  {kind}:")
        for role, ones in roles.items():
            print(f"    {role}: {line([cell for one in ones for cell in one], [])}")


def cells(
    task: Task, source: Source, tokenizer: PreTrainedTokenizerBase, sample: int, least: int
) -> dict[str, list[Cell]]:
    """By role, what the source has of a task."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for split, role in ROLES.items():
        for language in source.languages(task, split) if role != "candidates" or task.kind == "retrieval" else ():
            examples = source.examples(task, split, language)
            examples = examples[:: max(1, len(examples) // sample)]
            if len(examples) >= least:
                features = kind_of(task).features(task, examples, tokenizer)
                tokens = sum(len(row) for feature in features for row in feature.rows)
                found[role].append(Cell(language, len(examples), tokens / len(examples), len(features) / len(examples)))
    return found


def paragraphs(source: Source, tokenizer: PreTrainedTokenizerBase) -> list[Cell]:
    """The passages of xquad as plain texts, in each of its languages."""
    asked, task = tasks.load("xquad"), tasks.load("wiki_mlm")
    found = []
    for language in source.languages(asked, "test"):
        passages = dict.fromkeys(
            one.context for one in source.examples(asked, "test", language) if isinstance(one, Question)
        )
        features = kind_of(task).features(task, [PlainText("", passage) for passage in passages], tokenizer)
        found.append(Cell(language, len(features), fmean(one.width for one in features), 1))
    return found


def like(found: dict[str, list[Cell]], role: str) -> list[Cell]:
    """The cells whose examples look like those of a role."""
    languages = {cell.language for cell in found[role]}
    return [cell for cell in found["scored"] if cell.language in languages] if role == "train" else []


def line(measured: list[Cell], similar: list[Cell]) -> str:
    """Some cells in a line of YAML."""
    tokens = [cell.tokens for cell in measured]
    around = [*tokens, *(cell.tokens for cell in similar)]
    bounds = ", ".join(f"{one:.1f}" for one in (min(around), fmean(tokens), max(around)))
    features = fmean(cell.features for cell in measured)
    return f"{{examples: {sum(cell.examples for cell in measured)}, tokens: [{bounds}], features: {features:.2f}}}"


if __name__ == "__main__":
    main()
