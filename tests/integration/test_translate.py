"""`sweep translate` with untrained models: what they say means nothing, what is done with it does."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    NllbTokenizer,
    XLMRobertaConfig,
)
from typer.testing import CliRunner

from sweep.cli import app
from tests.toy import tokenizer
from trainables import tasks
from trainables.data import open_source, translated
from trainables.errors import UserError
from trainables.models.identity import identify
from trainables.models.translator import Translator

pytestmark = pytest.mark.integration
LANGUAGES = ["eng_Latn", "deu_Latn", "swh_Latn"]
TINY = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 24, "pad_token_id": 1, "eos_token_id": 2,
    "init_std": 0.5,  # so that what is written depends on what is read
}  # fmt: skip


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of three languages."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *string.ascii_letters, *".,?!'"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    own = NllbTokenizer(vocab=vocabulary, merges=[], src_lang="eng_Latn", extra_special_tokens=LANGUAGES)
    folder = tmp_path_factory.mktemp("nllb")
    own.save_pretrained(folder)
    torch.manual_seed(0)
    config = M2M100Config(vocab_size=len(own), decoder_start_token_id=2, **TINY)
    M2M100ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models, each into one language."""
    folder = tmp_path_factory.mktemp("marian")
    for seed, language in enumerate(("de", "sw")):
        tokenizer().save_pretrained(folder / language)
        torch.manual_seed(seed)
        config = MarianConfig(vocab_size=len(tokenizer()), decoder_start_token_id=1, **TINY)
        MarianMTModel(config).save_pretrained(folder / language)
    return folder


def sweep(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["translate", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """The release files of MultiNLI, cut to a few pairs."""
    pairs = [("He ran.", "He sat.", "neutral"), ("She sang.", "He ran.", "contradiction"), ("A b.", "c d e", "neutral")]
    for name in ("multinli_1.0_train.jsonl", "multinli_1.0_dev_matched.jsonl"):
        path = tmp_path / "mnli" / name
        path.parent.mkdir(exist_ok=True)
        lines = [
            {"sentence1": one, "sentence2": other, "gold_label": label, "pairID": str(number)}
            for number, (one, other, label) in enumerate(pairs)
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def rows(folder: Path, language: str) -> list[dict[str, Any]]:
    text = (folder / "mnli-mt" / language / "train.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def test_a_model_of_many_languages_makes_a_task(nllb: Path, texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["mnli", "--model", nllb, "--output", texts, "--files", texts]
    said = sweep(*arguments, "--to", "de")
    assert "de: 3 of 3 examples" in said
    assert f"In an experiment: tasks: [{texts / 'mnli-mt.yaml'}], data: {{files: {texts}}}" in said
    made = json.loads((texts / "mnli-mt" / "de" / translated.ABOUT).read_text())
    assert (made["model"], made["weights"], made["to"], made["target"]) == (str(nllb), identify(str(nllb)), "de", "de")
    german = (texts / "mnli-mt" / "de" / "train.jsonl").read_bytes()
    said = sweep(*arguments, "--to", "de,sw")
    assert "de: is there" in said
    assert (texts / "mnli-mt" / "de" / "train.jsonl").read_bytes() == german
    mine = tasks.parse(texts / "mnli-mt.yaml")
    assert mine.languages == ("en", "de", "sw")
    source = open_source({"files": str(texts)})
    assert [len(source.examples(mine, "train", language)) for language in mine.languages] == [3, 3, 3]
    assert source.examples(mine, "dev", "en") == source.examples(tasks.load("mnli"), "dev", "en")
    assert [row["label"] for row in rows(texts, "de")] == ["neutral", "contradiction", "neutral"]
    assert rows(texts, "de") != rows(texts, "sw"), "it was told the language"
    assert "its rows were made in another way: beams 4, now 2" in sweep(
        *arguments, "--to", "de", "--beams", "2", code=2
    )


def test_a_model_for_each_language_is_named_by_it(marian: Path, texts: Path) -> None:
    arguments = ["mnli", "--output", texts, "--files", texts, "--to", "de,sw"]
    said = sweep(*arguments, "--model", marian / "de", code=2)
    assert "translates into one language alone\n    put {lang} into its name" in said
    sweep(*arguments, "--model", marian / "{lang}", "--name", "ours")
    models = [json.loads((texts / "ours" / one / translated.ABOUT).read_text())["model"] for one in ("de", "sw")]
    assert models == [str(marian / "de"), str(marian / "sw")]


def test_the_size_of_batches_changes_no_order(nllb: Path) -> None:
    texts = ["He ran.", "a", "She sang, and he sat.", "b c", "d"]
    name, weights = str(nllb), identify(str(nllb))
    one, many = (Translator(name, weights, at_once=at_once).into("en", "de")(texts) for at_once in (1, 1000))
    assert one == many
    assert len(set(one)) > 1


def test_texts_that_are_too_long_are_counted(nllb: Path) -> None:
    translator = Translator(str(nllb), identify(str(nllb)))
    assert len(translator.into("en", "de")(["word " * 20, "ab", "x" * 21])) == 3
    assert translator.cut == 1, "21 letters, the word's mark, and the tokens of language and end are what it takes"


def test_what_does_not_translate_is_refused(nllb: Path, tmp_path: Path, texts: Path) -> None:
    translator = Translator(str(nllb), identify(str(nllb)))
    with pytest.raises(UserError, match="does not know the language 'fr'") as caught:
        translator.into("en", "fr")
    assert "--code fr=CODE" in str(caught.value)
    XLMRobertaConfig().save_pretrained(tmp_path / "encoder")
    with pytest.raises(UserError, match=r"\(xlm-roberta\) does not translate"):
        Translator(str(tmp_path / "encoder"), "")
    with pytest.raises(UserError, match="cannot be loaded"):
        Translator(str(tmp_path / "nothing"), "")
    arguments = ["--model", nllb, "--output", texts, "--files", texts]
    assert "'en' is the language that is translated from" in sweep("mnli", *arguments, "--to", "de,en", code=2)
    assert "'../x' is no language" in sweep("mnli", *arguments, "--to", "../x", code=2)
    assert "'--code de' is no language and its name" in sweep("mnli", *arguments, "--to", "de", "--code", "de", code=2)
    assert "'../x' is no name" in sweep("mnli", *arguments, "--to", "de", "--name", "../x", code=2)
    (texts / "mine.yaml").write_text("name: mine\n")
    assert "is not of this command's making" in sweep("mnli", *arguments, "--to", "de", "--name", "mine", code=2)
    assert (texts / "mine.yaml").read_text() == "name: mine\n"
    assert "an answer is a place in its passage" in sweep("squad", *arguments, "--to", "de", code=2)
