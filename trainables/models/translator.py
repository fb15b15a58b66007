"""Models that translate: opus-mt (Marian), NLLB, M2M-100 and their kin, from the hub or a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.utils import logging

from trainables.errors import Problem, UserError, nearest
from trainables.models.identity import COMMIT
from trainables.models.shapes import folder_of, name_and_revision

ARCHITECTURES = frozenset({"fsmt", "m2m_100", "marian", "mbart", "nllb-moe"})
"""What transformers calls the architectures that translate whatever text they are given, without a prompt."""

LONGEST = 512
"""The most tokens of a text that are read, and of its translation that are written, unless the model takes fewer."""

AT_ONCE = {"cpu": 2048, "cuda": 16384}
"""Tokens of the texts that are translated in one batch, by the kind of device."""

FLORES: Mapping[str, str] = {
    "af": "afr_Latn", "am": "amh_Ethi", "ar": "arb_Arab", "az": "azj_Latn", "bg": "bul_Cyrl", "bm": "bam_Latn",
    "bn": "ben_Beng", "de": "deu_Latn", "ee": "ewe_Latn", "el": "ell_Grek", "en": "eng_Latn", "es": "spa_Latn",
    "et": "est_Latn", "eu": "eus_Latn", "fa": "pes_Arab", "fi": "fin_Latn", "fr": "fra_Latn", "gu": "guj_Gujr",
    "ha": "hau_Latn", "he": "heb_Hebr", "hi": "hin_Deva", "ht": "hat_Latn", "hu": "hun_Latn", "id": "ind_Latn",
    "ig": "ibo_Latn", "it": "ita_Latn", "ja": "jpn_Jpan", "jv": "jav_Latn", "ka": "kat_Geor", "kk": "kaz_Cyrl",
    "ko": "kor_Hang", "lg": "lug_Latn", "ln": "lin_Latn", "lt": "lit_Latn", "ml": "mal_Mlym", "mr": "mar_Deva",
    "ms": "zsm_Latn", "my": "mya_Mymr", "nl": "nld_Latn", "ny": "nya_Latn", "om": "gaz_Latn", "pa": "pan_Guru",
    "pl": "pol_Latn", "pt": "por_Latn", "qu": "quy_Latn", "ro": "ron_Latn", "ru": "rus_Cyrl", "rw": "kin_Latn",
    "sn": "sna_Latn", "st": "sot_Latn", "sw": "swh_Latn", "ta": "tam_Taml", "te": "tel_Telu", "th": "tha_Thai",
    "tl": "tgl_Latn", "tn": "tsn_Latn", "tr": "tur_Latn", "tw": "twi_Latn", "uk": "ukr_Cyrl", "ur": "urd_Arab",
    "vi": "vie_Latn", "wo": "wol_Latn", "xh": "xho_Latn", "yo": "yor_Latn", "zh": "zho_Hans", "zu": "zul_Latn",
}  # fmt: skip
"""What NLLB calls the languages of tasks."""


class Translator:
    """One model. It translates the same texts in the same way, but for how sums round in batches of another size.

    Attributes:
        cut: of how many texts the end was not read, because they are longer than the model takes.
    """

    def __init__(self, model: str, weights: str, beams: int = 4, at_once: int | None = None) -> None:
        """Loads a hub id or folder in float32.

        Args:
            weights: what `identify` says of it: a hub id is loaded at that commit.
            beams: how many translations are followed at a time; of them the most probable is taken.
            at_once: see AT_ONCE.

        Raises:
            UserError: there is no such model, it translates nothing, or a package that it needs is not installed.
        """
        logging.disable_progress_bar()
        self.name, self.cut, self._beams = model, 0, beams
        place, revision = name_and_revision(model)
        revision = weights if COMMIT.fullmatch(weights) else revision
        place = str(folder_of(model) or place)
        try:
            config = AutoConfig.from_pretrained(place, revision=revision)
            if config.model_type in ARCHITECTURES:
                self._tokenizer: Any = AutoTokenizer.from_pretrained(place, revision=revision)
                self._model: Any = AutoModelForSeq2SeqLM.from_pretrained(place, revision=revision, dtype=torch.float32)
        except Exception as error:  # of whatever library reads what is in the files
            raise UserError(_no_model(model, error)) from error
        if config.model_type not in ARCHITECTURES:
            hint = "for example Helsinki-NLP/opus-mt-en-{lang} or facebook/nllb-200-distilled-600M"
            raise UserError(Problem(f"model '{model}' ({config.model_type}) does not translate", hint=hint))
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = self._model.eval().to(device)
        self._at_once = at_once or AT_ONCE[device]
        positions = getattr(config, "max_position_embeddings", None) or LONGEST
        self._longest = min(LONGEST, positions, self._tokenizer.model_max_length)

    @property
    def is_for_one_language(self) -> bool:
        """Whether the model knows one language to translate into, which it is not told."""
        return getattr(self._tokenizer, "src_lang", None) is None

    def into(self, source: str, target: str) -> Callable[[Sequence[str]], list[str]]:
        """What translates texts from one language into another, and gives them in their order.

        Args:
            source, target: the languages' codes, or what the model itself calls them.

        Raises:
            UserError: the model does not know one of them.
        """
        if self.is_for_one_language:
            return partial(self._translated, source=None, target=None)
        return partial(self._translated, source=self._code(source)[0], target=self._code(target)[1])

    def _code(self, language: str) -> tuple[str, int]:
        """What the model calls a language, and the token that stands for it."""
        vocabulary = self._tokenizer.get_vocab()
        for code in (language, FLORES.get(language, language)):
            for token in (code, f"__{code}__"):  # the latter M2M-100's
                if token in vocabulary and token in self._tokenizer.all_special_tokens:
                    return code, vocabulary[token]
        hint = f"{nearest(language, self._tokenizer.all_special_tokens)}; say what it calls it: --code {language}=CODE"
        raise UserError(Problem(f"model '{self.name}' does not know the language '{language}'", hint=hint))

    @torch.inference_mode()
    def _translated(self, texts: Sequence[str], source: str | None, target: int | None) -> list[str]:
        tokenizer, found = self._tokenizer, [""] * len(texts)
        if source is not None:
            tokenizer.src_lang = source
        rows = tokenizer(list(texts), truncation=True, max_length=self._longest + 1)["input_ids"]
        if any(len(row) > self._longest for row in rows):
            self.cut += sum(len(row) > self._longest for row in rows)
            rows = tokenizer(list(texts), truncation=True, max_length=self._longest)["input_ids"]
        how = {} if target is None else {"forced_bos_token_id": target}
        for batch in _batches([len(row) for row in rows], self._at_once):
            padded = tokenizer.pad({"input_ids": [rows[one] for one in batch]}, return_tensors="pt")
            written = self._model.generate(
                **padded.to(self._model.device),
                **how,
                num_beams=self._beams,
                do_sample=False,
                max_new_tokens=self._longest - 1,
            )
            for one, text in zip(batch, tokenizer.batch_decode(written, skip_special_tokens=True), strict=True):
                found[one] = text.strip()
        return found


def _batches(lengths: Sequence[int], at_once: int) -> Iterator[list[int]]:
    """Positions of texts of about the same length, the longest first, so that memory runs out at once if it does."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > at_once:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def _no_model(model: str, error: Exception) -> Problem:
    reason = f"{error}".strip().partition("\n")[0] or type(error).__name__
    hint = "give a hub id such as facebook/nllb-200-distilled-600M, or a folder"
    if "sentencepiece" in f"{error}".lower():
        reason, hint = "its tokenizer needs a package", "pip install sentencepiece; NLLB needs none"
    return Problem(f"model '{model}' cannot be loaded: {reason}", hint=hint)
