"""MSP: what its stages see, what moves, how many values there are, and that decoding step by step is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from anyglot.data.batch import TranslationBatch
from anyglot.inference.decoding import LengthRule, SearchConstraints, beam_search, greedy_search, pad_batch
from anyglot.inference.generation.staged_prompts import PromptedLanguageStepModel
from anyglot.models.build import build_language_model, build_prompted_language_model
from anyglot.models.config import EmbeddingsConfig, LanguageModelConfig, PromptedLanguageModelConfig, StackConfig
from anyglot.models.empty import blank
from anyglot.models.language import LanguageModel, PromptedLanguageModel
from anyglot.models.store import load_model, save_model
from anyglot.training.loop.freezing import enter_stage
from anyglot.training.methods.baselines import Msp, MspOptions

WORDS, WIDTH, LAYERS, PAD, END = 40, 16, 4, 1, 2


def shape(layers: int = LAYERS, width: int = WIDTH, words: int = WORDS, rows: int = 24) -> LanguageModelConfig:
    return LanguageModelConfig(
        embeddings=EmbeddingsConfig(
            vocabulary_size=words, width=width, positions="learned", position_rows=rows, position_offset=0, norm=False
        ),
        stack=StackConfig(
            layers=layers,
            width=width,
            heads=width // 8 if width < 64 else width // 64,
            feedforward_width=4 * width,
            activation="gelu_tanh",
            norm_first=True,
            dropout=0.0,
        ),
    )


def language_model(seed: int = 0) -> LanguageModel:
    return _random(build_language_model(shape()), seed)


def prompted(
    positions: int = 5, stages: int = 3, groups: tuple[str, ...] = ("*",), seed: int = 0
) -> PromptedLanguageModel:
    config = PromptedLanguageModelConfig(language_model=shape(), prompt_length=positions, stages=stages, groups=groups)
    return _random(build_prompted_language_model(config, language_model()), seed)


def _random(model: torch.nn.Module, seed: int):  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def tokens(rows: int, length: int, seed: int = 1) -> Tensor:
    return torch.randint(4, WORDS, (rows, length), generator=torch.Generator().manual_seed(seed))


def batch(lengths: tuple[int, ...] = (6, 3, 5), group: Tensor | None = None) -> TranslationBatch:
    source, mask = pad_batch([tokens(1, n, n)[0].tolist() for n in lengths], PAD, "cpu")
    target = tokens(len(lengths), 4, 7)
    end = torch.full((len(lengths), 1), END)
    return TranslationBatch(
        source=source,
        source_mask=mask,
        target_input=torch.cat([end, target], 1),
        target_output=torch.cat([target, end], 1),
        target_mask=torch.ones(len(lengths), 5, dtype=torch.bool),
        pairs=torch.zeros(len(lengths), dtype=torch.int64),
        group=group,
    )


def written(model: PromptedLanguageModel, source: Tensor, mask: Tensor, target: Tensor) -> Tensor:
    with torch.no_grad():
        states: Tensor = model(source, mask, target)
    return states


# counts


def test_over_mgpt_18_874_371_values_train() -> None:
    """3 stages x 24 layers x keys and values x 128 x 1,024, and a scale each: the paper's 19M."""
    with blank():
        config = PromptedLanguageModelConfig(language_model=shape(24, 1024, 250_100, 1024))
        model = build_prompted_language_model(config)
    assert sum(parameter.numel() for parameter in model.prompts.parameters()) == 3 * 48 * 128 * 1024 + 3
    assert sum(parameter.numel() for parameter in model.language_model.parameters()) == 559_462_400


# equations


def test_an_empty_prompt_without_a_source_gives_the_language_model_back() -> None:
    model, target = prompted(positions=0), tokens(3, 7)
    front = tuple(model.prompts[2]())
    with torch.no_grad():
        torch.testing.assert_close(model.decode(front, target), model.language_model(target).last, atol=1e-6, rtol=0)


def test_read_once_with_empty_prompts_it_is_the_language_model_on_source_and_target() -> None:
    """But for positions, which restart: over a model without any the two are one causal pass."""
    model = prompted(positions=0, stages=2)
    with torch.no_grad():
        model.language_model.embeddings.positions.table.weight.zero_()  # type: ignore[union-attr]
        source, target = tokens(3, 6), tokens(3, 5, 2)
        whole = model.language_model(torch.cat([source, target], 1)).last[:, 6:]
    found = written(model, source, torch.ones(3, 6, dtype=torch.bool), target)
    torch.testing.assert_close(found, whole, atol=1e-5, rtol=0)


def test_positions_restart_in_every_stage() -> None:
    """A source as long as the position table, and a target likewise: together they would not fit."""
    model = prompted()
    source, target = tokens(1, 24), tokens(1, 24, 2)
    assert written(model, source, torch.ones(1, 24, dtype=torch.bool), target).shape == (1, 24, WIDTH)


def test_three_stages_equal_a_plain_computation() -> None:
    """Every block's keys are [prompt, the stage before's source keys, own], written out without caches or prefixes."""
    model, (source, mask) = prompted(), (tokens(1, 6), torch.ones(1, 6, dtype=torch.bool))
    target = tokens(1, 4, 3)
    before: list[tuple[Tensor, Tensor]] | None = None
    with torch.no_grad():
        for stage, read in enumerate((source, source, target)):
            prompt = model.prompts[stage]
            scale = max(float(prompt.scale[0]), 1.0)
            x = model.language_model.embeddings(read)
            left: list[tuple[Tensor, Tensor]] = []
            for layer, block in enumerate(model.language_model.stack.blocks):
                attention, normed = block.self_attention.inner, block.self_attention.norm(x)
                own = attention.key(normed), attention.value(normed)
                fronts = [(prompt.keys[:, layer] * scale, prompt.values[:, layer] * scale)]
                fronts += [] if before is None else [before[layer]]
                keys, values = (torch.cat([*(front[side] for front in fronts), own[side]], 1) for side in (0, 1))
                queries = attention.query(normed)
                heads = [
                    _plain_head(queries[0, :, part], keys[0, :, part], values[0, :, part])
                    for part in (slice(0, 8), slice(8, 16))
                ]
                x = x + attention.output(torch.cat(heads, 1)[None])
                x = x + block.feedforward.inner(block.feedforward.norm(x))
                left.append(own)
            before = left
        expected = model.language_model.stack.final_norm(x)
    torch.testing.assert_close(written(model, source, mask, target), expected, atol=1e-5, rtol=0)


def _plain_head(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    scores = queries @ keys.T / queries.shape[1] ** 0.5
    past = keys.shape[0] - queries.shape[0]
    for row in range(len(scores)):
        scores[row, past + row + 1 :] = -torch.inf
    return scores.softmax(1) @ values


# what sees what


@pytest.mark.parametrize("place", [0, 2, 5])
def test_the_target_sees_all_of_the_source(place: int) -> None:
    model, source, target = prompted(), tokens(1, 6), tokens(1, 3, 2)
    mask = torch.ones(1, 6, dtype=torch.bool)
    other = source.clone()
    other[0, place] = (source[0, place] - 3) % (WORDS - 4) + 4
    change = (written(model, source, mask, target) - written(model, other, mask, target)).abs().amax(dim=2)[0]
    assert (change > 1e-4).all(), "every target position, the first too"


def test_the_target_is_causal() -> None:
    model, source = prompted(), tokens(1, 6)
    mask, target = torch.ones(1, 6, dtype=torch.bool), tokens(1, 5, 2)
    other = target.clone()
    other[0, 3] = (target[0, 3] - 3) % (WORDS - 4) + 4
    change = (written(model, source, mask, target) - written(model, source, mask, other)).abs().amax(dim=2)[0]
    assert not change[:3].any() and (change[3:] > 1e-4).all()


def test_encoding_is_causal_and_re_encoding_looks_ahead() -> None:
    """The first stage's keys know only what stands before; the second stage has seen the whole source."""
    source = tokens(1, 6)
    other = source.clone()
    other[0, 5] = (source[0, 5] - 3) % (WORDS - 4) + 4
    mask = torch.ones(1, 6, dtype=torch.bool)
    for stages, looks_ahead in ((2, False), (3, True)):
        model = prompted(stages=stages)
        with torch.no_grad():
            first, second = (model.read(each, mask)[-1].keys[:, :, 5:10] for each in (source, other))
        assert bool(((first - second).abs() > 1e-4).any()) is looks_ahead, "keys of the first five tokens, last block"


def test_only_the_new_states_survive_the_re_encoding() -> None:
    """In front of the target stand one prompt and one source, whatever the number of stages."""
    for stages in (2, 3, 4):
        front = prompted(stages=stages).read(tokens(1, 6), torch.ones(1, 6, dtype=torch.bool))
        assert len(front) == LAYERS and {prefix.length for prefix in front} == {5 + 6}


def test_padded_source_positions_are_seen_by_nobody() -> None:
    """Neither what stands there nor how much padding there is; so the released first stage needs no mask."""
    model, data = prompted(), batch()
    found = written(model, data.source, data.source_mask, data.target_input)
    noise = data.source.where(data.source_mask, torch.randint(4, WORDS, data.source.shape))
    torch.testing.assert_close(written(model, noise, data.source_mask, data.target_input), found, atol=1e-6, rtol=0)
    for row, length in enumerate((6, 3, 5)):
        alone = written(
            model,
            data.source[row : row + 1, :length],
            data.source_mask[row : row + 1, :length],
            data.target_input[row : row + 1],
        )
        torch.testing.assert_close(alone[0], found[row], atol=1e-5, rtol=0)


def test_every_stage_has_prompts_of_its_own() -> None:
    model, data = prompted(), batch()
    found = written(model, data.source, data.source_mask, data.target_input)
    for prompt in model.prompts:
        kept = prompt.values.detach().clone()
        prompt.values.data.add_(0.3)
        assert not torch.allclose(written(model, data.source, data.source_mask, data.target_input), found, atol=1e-3)
        prompt.values.data.copy_(kept)


def test_rows_choose_their_own_set() -> None:
    model = prompted(groups=("de", "en"))
    data = batch(group=torch.tensor([1, 0, 1]))
    with torch.no_grad():
        together = model(data.source, data.source_mask, data.target_input, data.group)
        for row, chosen in enumerate((1, 0, 1)):
            one = model(data.source, data.source_mask, data.target_input, torch.full((3,), chosen))
            torch.testing.assert_close(together[row], one[row], atol=1e-6, rtol=0)
        assert not torch.allclose(together[1], model(data.source, data.source_mask, data.target_input)[0])


# training


def method(tmp_path: Path, **options: object) -> tuple[Msp, PromptedLanguageModel]:
    save_model(language_model(), tmp_path / "lm")
    chosen = Msp(MspOptions.model_validate({"start": str(tmp_path / "lm"), "prompt_length": 5, **options}))
    return chosen, chosen.build(_Ids(), seed=3)


class _Ids:
    pad_id, end_id = PAD, END


def test_only_prompts_move_and_the_frozen_weights_have_no_gradient(tmp_path: Path) -> None:
    chosen, model = method(tmp_path)
    enter_stage(model, chosen.stages()[0])
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    first = None
    for _ in range(8):
        losses = chosen.losses(model, batch())
        (losses.total / losses.tokens).backward()
        assert all(parameter.grad is None for parameter in model.language_model.parameters())
        assert all(parameter.grad is not None for parameter in model.prompts.parameters())
        optimizer.step()
        optimizer.zero_grad()
        first = first if first is not None else float(losses.total.detach())
    assert first is not None and float(losses.total.detach()) < first
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert {name for name in before if name.startswith("prompts.")} - moved <= {f"prompts.{n}.scale" for n in range(3)}
    assert all(name.startswith("prompts.") for name in moved)


def test_the_loss_is_smoothed_over_the_others(tmp_path: Path) -> None:
    """eps / (V - 1) for every other word (the released code), summed over the target's tokens."""
    chosen, model = method(tmp_path)
    data = batch()
    with torch.no_grad():
        losses = chosen.losses(model, data)
        logs = model.output(model(data.source, data.source_mask, data.target_input)).log_softmax(2)
    gold = logs.gather(2, data.target_output[:, :, None])[:, :, 0]
    expected = -(0.9 * gold + 0.1 / (WORDS - 1) * (logs.sum(2) - gold)).sum()
    torch.testing.assert_close(losses.total, expected)
    torch.testing.assert_close(losses.parts["nll"], -gold.sum())


def test_saved_and_loaded_it_writes_the_same(tmp_path: Path) -> None:
    _, model = method(tmp_path, groups=["de", "en"])
    save_model(model, tmp_path / "run")
    loaded = load_model(tmp_path / "run")
    assert isinstance(loaded, PromptedLanguageModel) and loaded.config.groups == ("de", "en")
    data = batch()
    model.eval()
    assert torch.equal(*(written(each, data.source, data.source_mask, data.target_input) for each in (model, loaded)))


# decoding

PROMPT = SearchConstraints(start=(END,), end=END, never=(0, PAD))


@torch.no_grad()
def test_steps_equal_forwards_through_reorders_and_drops() -> None:
    model, data, beams = prompted(groups=("de", "en")), batch(), 3
    chosen = torch.tensor([0, 1, 1])
    stepping = PromptedLanguageStepModel(model, chosen)
    state = stepping.start(data.source, data.source_mask, beams)
    sentences, history = torch.arange(3), torch.zeros(9, 0, dtype=torch.int64)
    generator = torch.Generator().manual_seed(0)
    for leaving in (None, 1, None, 0, None):
        fed = torch.randint(4, WORDS, (len(history),), generator=generator)
        history = torch.cat([history, fed[:, None]], 1)
        rows = sentences.repeat_interleave(beams)
        whole = model.output(model(data.source[rows], data.source_mask[rows], history, chosen[rows]))[:, -1]
        torch.testing.assert_close(stepping.step(fed, state).whole(), whole, atol=1e-4, rtol=1e-5)
        kept = [place for place, sentence in enumerate(sentences.tolist()) if sentence != leaving]
        parents = torch.cat([torch.randint(0, beams, (beams,), generator=generator) + place * beams for place in kept])
        stepping.reorder(state, parents)
        sentences, history = sentences[kept], history[parents]


@torch.no_grad()
def test_greedy_takes_the_likeliest_word_and_a_wide_beam_finds_no_less() -> None:
    model, data = prompted(), batch()
    model.language_model.stack.final_norm.bias.zero_()  # else one word is likeliest, whatever was read
    for block in model.language_model.stack.blocks:
        for part in (block.self_attention, block.feedforward):
            part.norm.weight.fill_(1.0)
            part.norm.bias.zero_()
        for linear in (getattr(block.self_attention.inner, name) for name in ("query", "key", "value", "output")):
            linear.weight.mul_(2.0)
    stepping, length = PromptedLanguageStepModel(model), LengthRule(maximum=8)
    greedy = greedy_search(stepping, data.source, data.source_mask, PROMPT, length=length)
    for row, found in enumerate(greedy):
        history = [END]
        for token in found.tokens:
            logits = model.output(model(data.source, data.source_mask, torch.tensor([history] * 3)))[row, -1]
            logits[[0, PAD, *([END] if len(history) == 1 else [])]] = -torch.inf
            assert int(logits.argmax()) == token
            history.append(token)
    beams = beam_search(stepping, data.source, data.source_mask, PROMPT, beams=12, length=length)
    assert all(best[0].score >= one.score - 1e-5 for best, one in zip(beams, greedy, strict=True))
    assert len({tuple(one.tokens) for one in greedy}) > 1, "the sources tell them apart"


@torch.no_grad()
def test_beams_share_what_was_read() -> None:
    model, data = prompted(), batch()
    state = PromptedLanguageStepModel(model).start(data.source, data.source_mask, 4)
    for layer in state.layers:
        assert layer.own.keys is not None and layer.own.keys.shape[0] == 3, "one pool a sentence"


def test_a_group_of_its_own_is_needed_where_batches_tell_one(tmp_path: Path) -> None:
    chosen, model = method(tmp_path, groups=["de", "en"])
    with torch.no_grad():
        totals = [chosen.losses(model, replace(batch(), group=torch.full((3,), number))).total for number in (0, 1)]
    one, other = map(float, totals)
    assert one != pytest.approx(other, abs=1e-4)
