"""Heads of understanding tasks give the logits, loss and gradient of transformers' models of the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from anyglot.data.batch import IGNORED
from anyglot.data.labelled import ClassBatch, SpanBatch, TagBatch
from anyglot.models.task_model import HeadConfig, TaskModel
from anyglot.training.methods.understanding import Understanding, UnderstandingOptions
from support.reference_models import ENCODERS, VOCABULARY, randomise

LENGTHS = (7, 5, 3)


def reference(family: str, task: str, folder: Path) -> Any:
    stem, settings = ENCODERS[family]
    config = getattr(transformers, f"{stem}Config")(**settings, num_labels=2 if task == "QuestionAnswering" else 4)
    model = randomise(getattr(transformers, f"{stem}For{task}")(config), 3).eval()
    model.save_pretrained(folder)
    return model


def ours(folder: Path, config: HeadConfig, head: dict[str, nn.Linear], method_of: list[Understanding]) -> TaskModel:
    method = Understanding(UnderstandingOptions(start=str(folder), head=config, dropout=0.0, attention_dropout=0.0))
    method_of.append(method)
    model = method.build(None, 1).eval()
    with torch.no_grad():
        for name, theirs in head.items():
            own = model.head.get_submodule(name)
            own.weight.copy_(theirs.weight)
            own.bias.copy_(theirs.bias)
    return model


def rows() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    tokens = torch.randint(5, VOCABULARY, (len(LENGTHS), max(LENGTHS)), generator=generator)
    mask = torch.arange(max(LENGTHS))[None] < torch.tensor(LENGTHS)[:, None]
    return tokens.masked_fill(~mask, 1), mask


def agree(theirs: Any, mine: TaskModel, method: Understanding, batch: Any, logits: Tensor) -> None:
    """Logits at real places, loss, and the gradient of the token table."""
    torch.testing.assert_close(mine(batch.tokens, batch.mask, batch.segments)[..., :4], logits, atol=2e-5, rtol=0)
    losses = method.losses(mine, batch)
    torch.testing.assert_close(losses.total / losses.tokens, theirs.loss, atol=2e-5, rtol=0)


def test_classification_is_xtremes_head_for_xlmr(tmp_path: Path) -> None:
    model = reference("xlm-roberta", "SequenceClassification", tmp_path)
    head = {"dense": model.classifier.dense, "output": model.classifier.out_proj}
    methods: list[Understanding] = []
    mine = ours(tmp_path, HeadConfig(kind="classes", classes=4), head, methods)
    tokens, mask = rows()
    labels = torch.tensor([0, 3, 2])
    theirs = model(tokens, attention_mask=mask.long(), labels=labels)
    agree(theirs, mine, methods[0], ClassBatch(tokens, mask, labels), theirs.logits)
    theirs.loss.backward()
    losses = methods[0].losses(mine, ClassBatch(tokens, mask, labels))
    (losses.total / losses.tokens).backward()
    table, reference_table = mine.encoder.embeddings.tokens.weight.grad, model.roberta.embeddings.word_embeddings.weight
    assert table is not None and table.abs().max() > 1e-6
    torch.testing.assert_close(table, reference_table.grad, atol=2e-6, rtol=1e-4)


def test_pairs_of_bert_with_token_types_and_pooler(tmp_path: Path) -> None:
    model = reference("bert", "SequenceClassification", tmp_path)
    methods: list[Understanding] = []
    head = {"output": model.classifier}
    mine = ours(tmp_path, HeadConfig(kind="classes", classes=4, form="bert"), head, methods)
    tokens, mask = rows()
    segments = torch.tensor([[0, 0, 0, 1, 1, 1, 1]] * len(tokens))
    labels = torch.tensor([1, 1, 0])
    theirs = model(tokens, attention_mask=mask.long(), token_type_ids=segments, labels=labels)
    agree(theirs, mine, methods[0], ClassBatch(tokens, mask, labels, segments), theirs.logits)
    without = mine(tokens, mask)
    assert (without - theirs.logits).abs().max() > 1e-3  # token types make a difference


def test_tagging(tmp_path: Path) -> None:
    model = reference("xlm-roberta", "TokenClassification", tmp_path)
    methods: list[Understanding] = []
    mine = ours(tmp_path, HeadConfig(kind="tags", classes=4), {"output": model.classifier}, methods)
    tokens, mask = rows()
    labels = torch.full_like(tokens, IGNORED)
    labels[:, 1] = torch.tensor([0, 1, 2])
    labels[0, 4] = 3
    theirs = model(tokens, attention_mask=mask.long(), labels=labels)
    real = mask[..., None].expand(-1, -1, 4)
    batch = TagBatch(tokens, mask, labels)
    torch.testing.assert_close(mine(tokens, mask)[real], theirs.logits[real], atol=2e-5, rtol=0)
    losses = methods[0].losses(mine, batch)
    assert losses.tokens == 4
    torch.testing.assert_close(losses.total / losses.tokens, theirs.loss, atol=2e-5, rtol=0)


def test_answering_hides_padding(tmp_path: Path) -> None:
    model = reference("xlm-roberta", "QuestionAnswering", tmp_path)
    methods: list[Understanding] = []
    mine = ours(tmp_path, HeadConfig(kind="spans"), {"output": model.qa_outputs}, methods)
    tokens, mask = rows()
    first, last = torch.tensor([2, 1, 0]), torch.tensor([5, 4, 0])
    batch = SpanBatch(tokens, mask, first, last)
    logits = mine(tokens, mask)
    losses = methods[0].losses(mine, batch)
    expected = 0.0
    for row, length in enumerate(LENGTHS):  # transformers' loss, on a row without its padding
        single = model(
            tokens[row : row + 1, :length], start_positions=first[row : row + 1], end_positions=last[row : row + 1]
        )
        torch.testing.assert_close(logits[row, :length, 0], single.start_logits[0], atol=2e-5, rtol=0)
        torch.testing.assert_close(logits[row, :length, 1], single.end_logits[0], atol=2e-5, rtol=0)
        expected += float(single.loss.detach())
    assert float(losses.total) == pytest.approx(expected, abs=1e-4)


def test_choices_are_rows_of_their_own(tmp_path: Path) -> None:
    model = reference("xlm-roberta", "MultipleChoice", tmp_path)
    methods: list[Understanding] = []
    head = {"pooler.dense": model.roberta.pooler.dense, "output": model.classifier}
    mine = ours(tmp_path, HeadConfig(kind="choices", form="bert"), head, methods)
    tokens, mask = rows()
    pairs, seen = torch.stack([tokens, tokens.flip(0)], dim=1), torch.stack([mask, mask.flip(0)], dim=1)
    labels = torch.tensor([0, 1, 1])
    theirs = model(pairs, attention_mask=seen.long(), labels=labels)
    agree(theirs, mine, methods[0], ClassBatch(pairs, seen, labels), theirs.logits)
