"""Winners that were trained here, loaded by transformers alone: they answer as the ledger says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.integration.test_fine_tune import SPEC, run
from trainables.data import open_source
from trainables.errors import UserError
from trainables.models.checkpoint import load_checkpoint, save_checkpoint
from trainables.spec import Lora, TrialSpec
from trainables.store import Store, checkpoint_name
from trainables.training.published import published
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

NLI = dataclasses.replace(SPEC, phase="intermediate", tasks=("mini-nli",), train_examples=48, epochs=4)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    torch.set_num_threads(1)
    return Workbench(Store(str(tmp_path / "store")), open_source("mini"))


def scored(parent: TrialSpec, *tasks: str, **changes: Any) -> TrialSpec:
    found = TrialSpec(
        "evaluate", parent.model, tasks, ("en", "de"), SPEC.data, parent=parent.trial_id, eval_examples=30
    )
    return dataclasses.replace(found, **changes)


def predictions(spec: TrialSpec, bench: Workbench, target: str, language: str) -> list[str]:
    """What the ledger would have."""
    found = [one for one in run(spec, bench)[-1].predictions if (one.target, one.language) == (target, language)]
    return [*next(one for one in found if one.split == "test").predictions]


def loaded(spec: TrialSpec, target: str, bench: Workbench, folder: Path) -> tuple[Any, Any]:
    """The model and the tokenizer of a folder."""
    made = published(spec, target, bench)
    made.save(folder)
    model = getattr(transformers, made.loader).from_pretrained(folder).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


@torch.inference_mode()
def labels(model: Any, tokenizer: Any, *texts: Sequence[str]) -> list[str]:
    batch = tokenizer(*map(list, texts), truncation=True, padding=True, return_tensors="pt")
    return [model.config.id2label[place] for place in model(**batch).logits.argmax(dim=-1).tolist()]


def balanced(spec: TrialSpec, bench: Workbench) -> Workbench:
    """Makes the trained head prefer none of its labels: one that always says the same would show nothing."""
    made = published(scored(spec, "mini-nli"), "mini-nli", bench)
    examples: list[Any] = bench.examples(bench.task("mini-nli"), "test", "en")[:30]
    texts = [one.text_a for one in examples], [one.text_b for one in examples]
    with torch.inference_mode():
        logits = made.model(**made.tokenizer(*texts, truncation=True, padding=True, return_tensors="pt")).logits
    weights = load_checkpoint(bench.store, spec.trial_id)
    weights["heads.mini-nli.out.bias"] = weights["heads.mini-nli.out.bias"] - logits.median(dim=0).values
    save_checkpoint(bench.store, spec, weights)
    return Workbench(bench.store, bench.source)


@pytest.mark.parametrize(
    "changes", [{}, {"lora": Lora(4, 8.0)}, {"model": "minilm", "train_examples": 8, "epochs": 1}], ids=str
)
def test_labels_are_those_of_the_ledger(bench: Workbench, tmp_path: Path, changes: dict[str, Any]) -> None:
    """Also of adapted matrices, which are part of the weights then, and of real weights."""
    spec = dataclasses.replace(NLI, **changes)
    run(spec, bench)
    bench = balanced(spec, bench)
    asked = scored(spec, "mini-nli")
    found = loaded(asked, "mini-nli", bench, tmp_path / "out")
    for language in ("en", "de"):
        examples: list[Any] = bench.examples(bench.task("mini-nli"), "test", language)[:30]
        texts = [one.text_a for one in examples], [one.text_b for one in examples]
        expected = predictions(asked, bench, "mini-nli", language)
        assert labels(*found, *texts) == expected
        assert len(set(expected)) > 1, "a model that always says the same shows nothing"


def test_tags_are_those_of_the_ledger_after_intermediate_training(bench: Workbench, tmp_path: Path) -> None:
    run(NLI, bench)
    target = dataclasses.replace(SPEC, parent=NLI.trial_id, epochs=4)
    run(target, bench)
    asked = scored(target, "mini-pos")
    model, tokenizer = loaded(asked, "mini-pos", bench, tmp_path / "out")
    expected = predictions(asked, bench, "mini-pos", "de")
    assert len({tag for one in expected for tag in one.split()}) > 1
    examples: list[Any] = bench.examples(bench.task("mini-pos"), "test", "de")[:30]
    for example, tags in zip(examples, expected, strict=True):
        batch = tokenizer([list(example.tokens)], is_split_into_words=True, return_tensors="pt")
        with torch.inference_mode():
            best = model(**batch).logits[0].argmax(dim=-1).tolist()
        words = batch.word_ids(0)
        first = [words.index(word) for word in range(len(example.tokens))]
        assert " ".join(model.config.id2label[best[place]] for place in first) == tags


def test_answers_are_spans_that_the_ledger_has(bench: Workbench, tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, tasks=("mini-qa",), epochs=3)
    run(spec, bench)
    asked = scored(spec, "mini-qa")
    model, tokenizer = loaded(asked, "mini-qa", bench, tmp_path / "out")
    examples: list[Any] = bench.examples(bench.task("mini-qa"), "test", "en")[:30]
    for example, expected in zip(examples, predictions(asked, bench, "mini-qa", "en"), strict=True):
        batch = tokenizer(example.question.strip(), example.context, return_tensors="pt", return_offsets_mapping=True)
        places = batch.pop("offset_mapping")[0].tolist()
        with torch.inference_mode():
            told = model(**batch)
        inside = [at for at, side in enumerate(batch.sequence_ids(0)) if side == 1]
        pairs = [(start, end) for start in inside for end in inside if start <= end < start + 30]
        start, end = max(pairs, key=lambda one: float(told.start_logits[0, one[0]] + told.end_logits[0, one[1]]))
        assert example.context[places[start][0] : places[end][1]].strip() == expected.strip()


def test_vectors_of_a_layer_find_what_the_ledger_has(bench: Workbench, tmp_path: Path) -> None:
    run(NLI, bench)
    asked = scored(NLI, "mini-bitext", layer="1/2")
    model, tokenizer = loaded(asked, "mini-bitext", bench, tmp_path / "out")
    assert published(asked, "mini-bitext", bench).vector == "hidden_states[1], the mean of its tokens"
    examples: list[Any] = bench.examples(bench.task("mini-bitext"), "test", "de")[:30]

    def vectors(texts: Sequence[str]) -> torch.Tensor:
        batch = tokenizer(list(texts), truncation=True, padding=True, return_tensors="pt")
        with torch.inference_mode():
            states = model(**batch, output_hidden_states=True).hidden_states[1]
        weights = batch["attention_mask"][:, :, None].float()
        return torch.nn.functional.normalize((states * weights).sum(dim=1).double(), dim=-1)

    english, others = (vectors([getattr(one, side) for one in examples]) for side in ("english", "text"))
    found = [examples[place].id for place in (english @ others.T).argmax(dim=1).tolist()]
    assert found == predictions(asked, bench, "mini-bitext", "de")


def test_a_head_that_answers_instead_of_the_targets_own_is_the_one_that_is_published(
    bench: Workbench, tmp_path: Path
) -> None:
    """As of a translation's training set: `TrialSpec.head`."""
    run(NLI, bench)
    own = scored(NLI, "mini-nli")
    weights = load_checkpoint(bench.store, NLI.trial_id)
    other = dataclasses.replace(NLI, seed=77)
    renamed = {name.replace("heads.mini-nli", "heads.nli-mt"): one for name, one in weights.items()}
    save_checkpoint(bench.store, other, renamed)
    by_other = scored(other, "mini-nli", head="nli-mt")
    one, two = (published(spec, "mini-nli", bench).model.state_dict() for spec in (own, by_other))
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_weights_that_are_gone_are_said(bench: Workbench) -> None:
    run(NLI, bench)
    bench.store.delete(checkpoint_name(NLI.trial_id))
    with pytest.raises(UserError, match=f"weights of trial {NLI.trial_id} are not in the store") as raised:
        published(scored(NLI, "mini-nli"), "mini-nli", bench)
    assert "keep" in str(raised.value)


def test_a_folder_is_whole_or_not_there(bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(NLI, bench)
    made = published(scored(NLI, "mini-nli"), "mini-nli", bench)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(type(made.tokenizer), "save_pretrained", full)
        with pytest.raises(OSError, match="No space"):
            made.save(tmp_path / "out")
    assert [one.name for one in tmp_path.iterdir()] == ["store"]
    made.save(tmp_path / "out")
    assert (tmp_path / "out" / "config.json").exists()
