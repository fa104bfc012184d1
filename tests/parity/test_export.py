"""Models built here open in transformers and compute the same; what transformers cannot express is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from anyglot.errors import UserError
from anyglot.models.build import build_encoder, build_encoder_decoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.extraction import without_cross_attention
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.pretrained.save import save_pretrained
from support.reference_models import LIMIT, VOCABULARY, randomise, sentences


def encoder(family: str = "xlm-roberta", *, head: bool = True, norm: bool = True, **stack: Any) -> Encoder:
    """As masked-LM pretraining builds one: no segment table."""
    config = EncoderConfig(
        family=family,
        embeddings=EmbeddingsConfig(
            vocabulary_size=VOCABULARY, width=12, positions="learned", position_rows=LIMIT + 2, norm=norm
        ),
        stack=StackConfig(
            **{"layers": 2, "width": 12, "heads": 3, "feedforward_width": 20, "norm_first": False} | stack
        ),
        language_head=head,
    )
    return randomise(build_encoder(config)).eval()  # type: ignore[return-value]


def test_an_encoder_trained_here_opens_in_transformers(tmp_path: Path) -> None:
    ours = encoder()
    save_pretrained(ours, tmp_path)
    theirs, report = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    tokens, mask = sentences([LIMIT, 3])
    with torch.no_grad():
        expected = theirs.eval()(input_ids=tokens, attention_mask=mask.long()).logits[mask]
        assert ours.head is not None
        torch.testing.assert_close(ours.head(ours(tokens, mask).last)[mask], expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("norm_first", "norm", "named"),
    [
        (False, True, "XLMRobertaForMaskedLM"),
        (True, True, "RobertaPreLayerNormForMaskedLM"),
        (True, False, "XLMRobertaXLForMaskedLM"),
    ],
)
def test_veco_without_its_cross_attention_opens_in_transformers(
    norm_first: bool, norm: bool, named: str, tmp_path: Path
) -> None:
    """Post-norm as in the paper it is a stock XLM-R; states and logits are those of the whole model."""
    whole = encoder(norm=norm, norm_first=norm_first, cross_attention=True)
    with pytest.raises(UserError, match=r"have a cross-attention, which transformers' .* has no place for"):
        save_pretrained(whole, tmp_path / "no")
    assert not (tmp_path / "no").exists()
    save_pretrained(without_cross_attention(whole), tmp_path / "alone")
    theirs, report = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "alone", output_loading_info=True)
    assert type(theirs).__name__ == named
    assert not report["missing_keys"] and not report["unexpected_keys"]
    tokens, mask = sentences([LIMIT, 3])
    with torch.no_grad():
        found = theirs.eval()(input_ids=tokens, attention_mask=mask.long(), output_hidden_states=True)
        ours = whole(tokens, mask, keep_states=True)
        assert whole.head is not None
        torch.testing.assert_close(whole.head(ours.last)[mask], found.logits[mask], atol=2e-5, rtol=0)
    for one, two in zip(ours.states, found.hidden_states, strict=True):
        torch.testing.assert_close(one[mask], two[mask], atol=2e-5, rtol=0)
    again = load_encoder(tmp_path / "alone")
    assert all(torch.equal(value, again.get_parameter(name)) for name, value in whole.named_parameters()
               if "cross_attention" not in name)  # fmt: skip


def test_a_folder_can_be_overwritten_by_the_model_loaded_from_it(tmp_path: Path) -> None:
    save_pretrained(encoder(), tmp_path)
    model = load_encoder(tmp_path)
    before = {name: value.clone() for name, value in model.named_parameters()}
    save_pretrained(model, tmp_path)
    after = dict(load_encoder(tmp_path).named_parameters())
    assert all(torch.equal(value, after[name]) for name, value in before.items() if "segments" not in name)


def test_changing_a_loaded_model_leaves_its_file_alone(tmp_path: Path) -> None:
    save_pretrained(encoder(), tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    with torch.no_grad():
        for parameter in load_encoder(tmp_path).parameters():
            parameter.zero_()
    assert (tmp_path / "model.safetensors").read_bytes() == content


@pytest.mark.parametrize(
    ("family", "stack", "said"),
    [
        ("anyglot", {}, "no transformers family is known as 'anyglot'"),
        ("xlm-roberta", {"norm_first": True}, "norm"),
        ("xlm-roberta", {"activation": "relu"}, "activation"),
        ("xlm-roberta", {"epsilon": 1e-6}, "epsilon"),
        ("mbart", {}, "an encoder alone cannot be saved"),
    ],
)
def test_what_the_family_cannot_express_is_refused(family: str, stack: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        save_pretrained(encoder(family, **stack), tmp_path / "no", family)
    assert not (tmp_path / "no").exists()


def test_a_dropped_skip_is_refused(tmp_path: Path) -> None:
    model = encoder()
    model.stack.blocks[0].self_attention.skip = False
    with pytest.raises(UserError, match=r"drops the skip of stack\.blocks\.0\.self_attention"):
        save_pretrained(model, tmp_path / "no")


def test_sixt_has_no_family(tmp_path: Path) -> None:
    start = encoder(head=False)
    model = build_encoder_decoder(
        EncoderDecoderConfig(
            encoder=start.config,
            decoder_embeddings=start.config.embeddings.model_copy(update={"positions": "sinusoidal", "norm": False}),
            decoder=start.config.stack.model_copy(update={"norm_first": True, "cross_attention": True}),
        )
    )
    for family in (None, "xlm-roberta", "mbart", "m2m_100"):
        with pytest.raises(UserError):
            save_pretrained(model, tmp_path / "no", family)
    assert not (tmp_path / "no").exists()
