"""AutoModel and AutoModelForMaskedLM on our encoders."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM

import anyglot.hub  # noqa: F401  (registers our classes with transformers)
from anyglot.errors import UserError
from anyglot.models.store import load_model, save_model
from support.hub_builders import batch, encoder


def test_states_are_ours(tmp_path: Path) -> None:
    network = encoder(pooler=True, dropped_skips=("stack.blocks.0.self_attention",))
    save_model(network, tmp_path)
    source, mask = batch([7, 4])
    with torch.no_grad():
        found = AutoModel.from_pretrained(tmp_path)(source, mask.long(), output_hidden_states=True)
        ours = network(source, mask, keep_states=True)
        assert torch.equal(found.last_hidden_state, ours.last)
        assert torch.equal(found.pooler_output, network.pooler(ours.last))
        assert all(torch.equal(one, two) for one, two in zip(found.hidden_states, ours.states, strict=True))


def test_masked_language_logits_and_loss_are_ours(tmp_path: Path) -> None:
    network = encoder(language_head=True)
    save_model(network, tmp_path)
    model = AutoModelForMaskedLM.from_pretrained(tmp_path)
    source, mask = batch([7, 4])
    labels = torch.full_like(source, -100)
    labels[:, 2] = source[:, 2]
    with torch.no_grad():
        found = model(source, mask.long(), labels=labels)
        assert torch.equal(found.logits, network.head(network(source, mask).last))
    expected = torch.nn.functional.cross_entropy(found.logits.transpose(1, 2), labels)
    torch.testing.assert_close(found.loss, expected)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


@pytest.mark.parametrize("auto", [AutoModel, AutoModelForMaskedLM])
def test_saved_by_transformers_is_the_same_folder(auto: type, tmp_path: Path) -> None:
    network = encoder(language_head=True, pooler=True)
    save_model(network, tmp_path / "ours")
    auto.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "theirs")  # type: ignore[attr-defined]
    again = load_model(tmp_path / "theirs")
    assert again.config == network.config
    after = again.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in network.state_dict().items())


def test_an_encoder_without_head_predicts_no_masks(tmp_path: Path) -> None:
    save_model(encoder(), tmp_path)
    with pytest.raises(UserError, match="no masked-language head"):
        AutoModelForMaskedLM.from_pretrained(tmp_path)
