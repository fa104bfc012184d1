"""AutoModelForSeq2SeqLM on our folders: the same numbers, the same searches, the same files."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM

import anyglot.hub  # noqa: F401  (registers our classes with transformers)
from anyglot.errors import UserError
from anyglot.hub.translation import AnyglotForConditionalGeneration
from anyglot.inference.decoding import Hypothesis, LengthRule, SearchConstraints, beam_search, greedy_search
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.store import load_model, save_model
from support.hub_builders import END, KINDS, VOCABULARY, batch, copies, model, restricted

PROMPT = SearchConstraints(start=(END,), end=END, never=(1,))
LENGTH = LengthRule(30, minimum=0)  # transformers' searches know no shortest length
LENGTHS = [3 + place % 12 for place in range(100)]


def opened(network: EncoderDecoder, folder: Path, **options: Any) -> AnyglotForConditionalGeneration:
    save_model(network, folder)
    shell = AutoModelForSeq2SeqLM.from_pretrained(folder, **options)
    assert isinstance(shell, AnyglotForConditionalGeneration)
    return shell


def languages(kind: str, rows: int) -> dict[str, torch.Tensor]:
    return {"target_language": torch.arange(rows) % 3 + 1} if kind == "many-to-many" else {}


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_ours(kind: str, tmp_path: Path) -> None:
    network = model(kind)
    shell = opened(network, tmp_path)
    source, mask = batch([7, 4, 5])
    target = torch.tensor([[2, 5, 9], [2, 6, 1], [2, 7, 8]])
    language = languages(kind, 3)
    with torch.no_grad():
        ours = network.output(network(source, mask, target, **language))
        theirs = shell(input_ids=source, attention_mask=mask.long(), decoder_input_ids=target, **language).logits
    assert torch.equal(theirs, ours)


def test_a_restricted_output_writes_its_rows_only(tmp_path: Path) -> None:
    network = restricted()
    shell = opened(network, tmp_path)
    source, mask = batch([7, 4])
    with torch.no_grad():
        ours = network.output(network(source, mask, torch.tensor([[2, 5], [2, 6]])))
        theirs = shell(input_ids=source, decoder_input_ids=torch.tensor([[2, 5], [2, 6]])).logits
    assert theirs.shape[-1] == VOCABULARY
    assert torch.equal(theirs[..., ::2], ours)
    assert bool((theirs[..., 1::2] == -torch.inf).all())


@pytest.mark.parametrize("kind", KINDS)
def test_saved_by_transformers_is_the_same_folder(kind: str, tmp_path: Path) -> None:
    network = model(kind)
    opened(network, tmp_path / "ours").save_pretrained(tmp_path / "theirs")
    again = load_model(tmp_path / "theirs")
    assert again.config == network.config
    before, after = network.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_restricted_rows_survive_transformers(tmp_path: Path) -> None:
    network = restricted()
    opened(network, tmp_path / "ours").save_pretrained(tmp_path / "theirs")
    again = load_model(tmp_path / "theirs")
    assert isinstance(again, EncoderDecoder) and again.output.rows is not None and network.output.rows is not None
    assert torch.equal(again.output.rows.ids, network.output.rows.ids)


def test_what_transformers_saved_it_opens_again(tmp_path: Path) -> None:
    shell = opened(model("own decoder table"), tmp_path / "ours")
    shell.save_pretrained(tmp_path / "theirs")
    again, report = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "theirs", output_loading_info=True)
    assert not any(report.values())
    assert all(torch.equal(one, two) for one, two in zip(shell.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_tables_that_are_one_stay_one(kind: str, tmp_path: Path) -> None:
    network = model(kind)
    shell = opened(network, tmp_path)
    tokens, target, output = (
        shell.encoder.embeddings.tokens.weight,
        shell.decoder.embeddings.tokens.weight,
        shell.output.weight,
    )
    assert (tokens is target) == network.config.share_embeddings
    assert (target is output) == network.config.tie_output
    assert len(list(shell.parameters())) == len(list(network.parameters()))


def test_a_past_gives_the_logits_of_the_whole(copier: EncoderDecoder) -> None:
    shell = AnyglotForConditionalGeneration.around(copier)
    source, mask = batch([9, 4, 6])
    target = torch.tensor([[2, 5, 9, 11, 12], [2, 6, 4, 8, 9], [2, 7, 8, 9, 10]])
    with torch.no_grad():
        whole = shell(input_ids=source, attention_mask=mask, decoder_input_ids=target, use_cache=False)
        assert whole.past_key_values is None
        first = shell(input_ids=source, attention_mask=mask, decoder_input_ids=target[:, :2], use_cache=True)
        past, steps = first.past_key_values, [first.logits]
        known = (first.encoder_last_hidden_state,)
        for place in range(2, 5):
            assert past.get_seq_length() == place
            token = target[:, place : place + 1]
            step = shell(attention_mask=mask, decoder_input_ids=token, encoder_outputs=known, past_key_values=past)
            steps.append(step.logits)
    torch.testing.assert_close(torch.cat(steps, dim=1), whole.logits, rtol=1e-5, atol=1e-5)


def test_a_step_with_a_past_runs_the_new_token_only(copier: EncoderDecoder) -> None:
    shell = AnyglotForConditionalGeneration.around(copier)
    lengths: list[int] = []
    shell.decoder.embeddings.register_forward_hook(lambda module, arguments, output: lengths.append(output.shape[1]))
    source, mask = batch([9, 4])
    shell.generate(source, attention_mask=mask, num_beams=3, max_new_tokens=6)
    assert set(lengths) == {1}


def test_without_a_cache_generate_says_the_same(copier: EncoderDecoder) -> None:
    shell = AnyglotForConditionalGeneration.around(copier)
    source, mask = batch(LENGTHS[:20])
    options = {"attention_mask": mask, "num_beams": 4, "max_new_tokens": 20}
    assert torch.equal(shell.generate(source, **options), shell.generate(source, use_cache=False, **options))


def told(row: torch.Tensor) -> list[int]:
    tokens: list[int] = row.tolist()[1:]
    return tokens[: tokens.index(END)] if END in tokens else tokens


@pytest.mark.parametrize("shortest", [0, 1, 3])
def test_generate_is_our_beam_search(copier: EncoderDecoder, shortest: int) -> None:
    source, mask = batch(LENGTHS, seed=99)
    length = LengthRule(30, minimum=shortest)
    ours = beam_search(EncoderDecoderStepModel(copier), source, mask, PROMPT, beams=5, length=length)
    assert not any(hypothesis.cut for hypotheses in ours for hypothesis in hypotheses)  # where the rules would part
    assert len({tuple(hypotheses[0].tokens) for hypotheses in ours}) > 80
    shell = AnyglotForConditionalGeneration.around(copier)
    options = {"min_new_tokens": shortest, "return_dict_in_generate": True, "output_scores": True}
    found = shell.generate(source, attention_mask=mask, max_new_tokens=31, **options)
    assert [told(row) for row in found.sequences] == [list(hypotheses[0].tokens) for hypotheses in ours]
    scores = torch.tensor([hypotheses[0].score for hypotheses in ours])
    torch.testing.assert_close(found.sequences_scores, scores, rtol=1e-5, atol=1e-5)


def test_generate_is_our_greedy_search(copier: EncoderDecoder) -> None:
    source, mask = batch(LENGTHS, seed=99)
    ours: list[Hypothesis] = greedy_search(EncoderDecoderStepModel(copier), source, mask, PROMPT, length=LENGTH)
    shell = AnyglotForConditionalGeneration.around(copier)
    found = shell.generate(source, attention_mask=mask, num_beams=1, max_new_tokens=30)
    assert [told(row) for row in found] == [list(hypothesis.tokens) for hypothesis in ours]


def test_samples_are_drawn_and_repeat_with_their_seed(copier: EncoderDecoder) -> None:
    shell = AnyglotForConditionalGeneration.around(copier)
    source, mask = batch([6] * 50)
    options: dict[str, Any] = {"attention_mask": mask, "do_sample": True, "num_beams": 1, "max_new_tokens": 10}
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(shell.generate(source, **options))
    assert torch.equal(drawn[0], drawn[1])
    assert drawn[1].shape != drawn[2].shape or not torch.equal(drawn[1], drawn[2])


def test_every_row_may_have_its_own_start_and_target_language(tmp_path: Path) -> None:
    shell = opened(model("many-to-many"), tmp_path)
    source, mask = batch([6, 6, 6])
    source = source[:1].expand(3, -1)
    language = torch.tensor([1, 2, 3])
    together = shell.generate(source, attention_mask=mask, target_language=language, num_beams=2, max_new_tokens=6)
    for row in range(3):
        alone = shell.generate(
            source[:1], attention_mask=mask[:1], target_language=language[row : row + 1], num_beams=2, max_new_tokens=6
        )
        assert told(together[row]) == told(alone[0])


def test_loss_is_the_mean_over_labels(copier: EncoderDecoder) -> None:
    shell = AnyglotForConditionalGeneration.around(copier)
    sample = copies([7, 3, 5])
    result = shell(**sample)
    expected = torch.nn.functional.cross_entropy(result.logits.transpose(1, 2), sample["labels"])
    torch.testing.assert_close(result.loss, expected)
    assert result.past_key_values is None


def test_loss_is_divided_by_the_count_given(copier: EncoderDecoder) -> None:
    shell = AnyglotForConditionalGeneration.around(copier)
    sample = copies([7, 3, 5])
    count = int((sample["labels"] != -100).sum())
    mean, shared = shell(**sample).loss, shell(**sample, num_items_in_batch=torch.tensor(4 * count)).loss
    torch.testing.assert_close(shared * 4, mean)


def test_logits_are_left_out_of_training_steps(copier: EncoderDecoder) -> None:
    shell = AnyglotForConditionalGeneration.around(copier)
    shell.train()
    try:
        assert shell(**copies([7, 3])).logits is None
        assert shell(**copies([7, 3]), skip_logits=False).logits is not None
    finally:
        shell.eval()


def test_half_precision_opens_whole(copier_folder: Path) -> None:
    shell = AutoModelForSeq2SeqLM.from_pretrained(copier_folder, dtype=torch.bfloat16)
    assert {tensor.dtype for tensor in [*shell.parameters(), *shell.buffers()]} == {torch.bfloat16}
    source, mask = batch([5, 7])
    assert shell(input_ids=source, attention_mask=mask, decoder_input_ids=source[:, :2]).logits.isfinite().all()


def test_saved_in_half_precision_ours_opens_it_in_float(copier_folder: Path, tmp_path: Path) -> None:
    shell = AutoModelForSeq2SeqLM.from_pretrained(copier_folder, dtype=torch.bfloat16)
    shell.save_pretrained(tmp_path)
    again = load_model(tmp_path)
    assert {parameter.dtype for parameter in again.parameters()} == {torch.float32}
    assert torch.equal(again.output.weight, shell.output.weight.float())


def test_states_of_every_layer_are_given(copier: EncoderDecoder) -> None:
    shell = AnyglotForConditionalGeneration.around(copier)
    source, mask = batch([5, 7])
    found = shell(input_ids=source, attention_mask=mask, decoder_input_ids=source[:, :2], output_hidden_states=True)
    assert len(found.encoder_hidden_states) == 4 and len(found.decoder_hidden_states) == 3
    assert torch.equal(found.encoder_hidden_states[-1], copier.encoder(source, mask).last)


def test_a_fresh_model_of_a_config_has_weights(copier_folder: Path) -> None:
    config = AutoConfig.from_pretrained(copier_folder)
    fresh = AutoModelForSeq2SeqLM.from_config(config)
    for name, parameter in fresh.named_parameters():
        assert parameter.isfinite().all() and (parameter.std() < 2 or parameter.numel() == 1), name
    assert fresh.decoder.embeddings.positions.table.abs().max() <= 1


def test_a_shell_shares_the_weights_it_is_around(copier: EncoderDecoder) -> None:
    before = {name: parameter.clone() for name, parameter in copier.named_parameters()}
    shell = AnyglotForConditionalGeneration.around(copier)
    assert all(one is two for one, two in zip(shell.parameters(), copier.parameters(), strict=True))
    assert all(torch.equal(parameter, before[name]) for name, parameter in copier.named_parameters())


def test_skips_dropped_after_opening_are_saved(copier_folder: Path, tmp_path: Path) -> None:
    shell = AutoModelForSeq2SeqLM.from_pretrained(copier_folder)
    shell.encoder.stack.blocks[0].self_attention.skip = False
    shell.save_pretrained(tmp_path)
    assert load_model(tmp_path).config.dropped_skips == ("encoder.stack.blocks.0.self_attention",)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"attention_mask": torch.tensor([[0, 1, 1]])}, "padding on the right"),
        ({"inputs_embeds": torch.zeros(1, 3, 16)}, "does not take 'inputs_embeds'"),
        ({"output_attentions": True}, "does not take 'output_attentions'"),
        ({"decoder_attention_mask": torch.tensor([[0, 1]])}, "padding on the right"),
        ({"decoder_input_ids": None}, "wants 'decoder_input_ids' or 'labels'"),
        ({"input_ids": None}, "wants 'input_ids'"),
    ],
)
def test_what_it_cannot_do_is_said(copier: EncoderDecoder, arguments: dict[str, Any], sentence: str) -> None:
    shell = AnyglotForConditionalGeneration.around(copier)
    usual = {"input_ids": torch.tensor([[0, 7, 2]]), "decoder_input_ids": torch.tensor([[2, 5]])}
    with pytest.raises(UserError, match=sentence):
        shell(**{**usual, **arguments})


def test_gradient_checkpointing_is_refused(copier: EncoderDecoder) -> None:
    with pytest.raises(ValueError, match="does not support"):
        AnyglotForConditionalGeneration.around(copier).gradient_checkpointing_enable()


def test_an_unknown_key_of_a_config_is_refused(copier_folder: Path, tmp_path: Path) -> None:
    text = (copier_folder / "config.json").read_text().replace('"kind"', '"wings": 2, "kind"', 1)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match="has no key 'wings'"):
        AutoConfig.from_pretrained(tmp_path)
