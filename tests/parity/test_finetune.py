"""The loss of fine-tuning other projects' checkpoints is transformers' own on the same pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch.nn import functional

from anyglot.data.build import DataOptions, build_loader
from anyglot.data.corpus import ParallelSource
from anyglot.text.tokenizer import load_tokenizer
from anyglot.training.methods.baselines import Finetune, FinetuneOptions
from support.foreign_translators import FOLDERS, sentences, write

# How each tokenizer spells German and French; Marian's reads the target off the text.
SPELLINGS = {
    "mbart50": ("de_DE", "fr_XX"),
    "mbart": ("de_DE", "fr_XX"),
    "m2m_100": ("de", "fr"),
    "nllb": ("deu_Latn", "fra_Latn"),
    "nllb_legacy": ("deu_Latn", "fra_Latn"),
}


@pytest.fixture(scope="module", params=FOLDERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name: str = request.param
    return write(name, tmp_path_factory.mktemp("foreign") / name)


def theirs(folder: Path, source: list[str], target: list[str]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """transformers' loss of each label, the labels, and which of them are language tokens."""
    name = folder.name
    options: dict[str, Any] = {}
    if name in SPELLINGS:
        options = dict(zip(("src_lang", "tgt_lang"), SPELLINGS[name], strict=True))
    elif name != "marian_pair":
        source = [f">>fra<< {text}" for text in source]
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(str(folder), **options)
    batch = tokenizer(source, text_target=target, padding=True, return_tensors="pt")
    labels = batch.pop("labels")
    if name == "nllb_legacy":  # its labels `y </s> [fr]` hide the language from the decoder, to whom generate tells it
        for row, length in zip(labels, (labels != tokenizer.pad_token_id).sum(dim=1).tolist(), strict=True):
            row[:length] = row[:length].roll(1)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(str(folder)).eval()
    given = torch.full_like(labels, False, dtype=torch.bool)
    if options:
        given = labels == tokenizer.convert_tokens_to_ids(options["tgt_lang"])
        if name == "m2m_100":
            given = labels == tokenizer.get_lang_id("fr")
    labels = labels.masked_fill(labels == tokenizer.pad_token_id, -100)
    with torch.no_grad():
        output = model(**batch, labels=labels)
    each = functional.cross_entropy(output.logits.transpose(1, 2), labels, reduction="none")
    torch.testing.assert_close(each.sum() / (labels != -100).sum(), output.loss)
    return each, labels, given


def test_the_loss_is_transformers_own_but_for_the_token_that_is_given(folder: Path, tmp_path: Path) -> None:
    source, target = sentences("de", 12), sentences("fr", 12)
    for code, lines in (("de", source), ("fr", target)):
        (tmp_path / f"text.{code}").write_text("\n".join(lines) + "\n")
    files = (str(tmp_path / "text.de"), str(tmp_path / "text.fr"))
    train = (ParallelSource(source="de", target="fr", files=files),)
    options = DataOptions(train=train, batch_tokens=4096, max_length=64, workers=0, cache=tmp_path / "cache")
    tokenizer = load_tokenizer(folder)
    method = Finetune(FinetuneOptions(start=str(folder), dropout=0.0, label_smoothing=0.0))
    loader = build_loader(options, "translation", tokenizer, 1, frames=method.frames(tokenizer))
    [batch] = list(loader.epoch())
    with torch.no_grad():
        ours = method.losses(method.build(tokenizer, 1).eval(), batch)
    each, labels, given = theirs(folder, source, target)
    assert bool(given.any()) == (folder.name in SPELLINGS)
    assert ours.tokens == int((labels != -100).sum() - given.sum())
    torch.testing.assert_close(ours.total, each[~given].sum(), rtol=1e-4, atol=1e-2)


def test_batches_fit_their_budget_with_language_tokens(folder: Path, tmp_path: Path) -> None:
    for code in ("de", "fr"):
        (tmp_path / f"text.{code}").write_text("\n".join(sentences(code, 40)) + "\n")
    files = (str(tmp_path / "text.de"), str(tmp_path / "text.fr"))
    train = (ParallelSource(source="de", target="fr", files=files),)
    options = DataOptions(train=train, batch_tokens=64, max_length=40, workers=0, cache=tmp_path / "cache")
    tokenizer = load_tokenizer(folder)
    frames = Finetune(FinetuneOptions(start=str(folder))).frames(tokenizer)
    for batch in build_loader(options, "translation", tokenizer, 1, frames=frames).epoch():
        assert max(batch.source.numel(), batch.target_input.numel()) <= 64
        assert max(batch.source.shape[1], batch.target_input.shape[1]) <= 40
