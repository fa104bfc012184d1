"""SixT+ many-to-many (section 3.3, method card 1.5): a projection per target language, trained in both stages."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.inference.decoding import LengthRule, SearchConstraints, beam_search
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.models.build import build_encoder_decoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.store import load_model, save_model
from anyglot.training.methods.sixt import SixT
from anyglot.training.recipe.load import load_recipe
from support.tiny_sixt import WIDTH, WORDS, batch, moved, optimise, sixt, values

LANGUAGES = ["en", "de", "es"]
MIXED = torch.tensor([1, 3, 2, 3, 1, 1])


@pytest.fixture
def many(start: str) -> tuple[SixT, EncoderDecoder]:
    return sixt(start, target_languages=LANGUAGES)


def test_a_batch_of_mixed_targets_equals_one_batch_a_target(many: tuple[SixT, EncoderDecoder]) -> None:
    method, model = many
    model.eval()
    whole = batch(target_language=MIXED)
    total = method.losses(model, whole).total
    parts = []
    for language in (1, 2, 3):
        rows = (language == MIXED).nonzero()[:, 0].tolist()
        parts += [method.losses(model, whole.rows(row, row + 1)).total for row in rows]
    torch.testing.assert_close(total, torch.stack(parts).sum())
    other = method.losses(model, batch(target_language=MIXED.roll(1))).total
    assert abs((other - total).item()) > 0.1


@pytest.mark.parametrize("stage", [0, 1])
def test_both_stages_train_the_projections_of_the_languages_present(
    many: tuple[SixT, EncoderDecoder], stage: int
) -> None:
    method, model = many
    before = values(model)
    present = torch.tensor([1, 3, 3, 1, 1, 3])
    optimise(method, model, stage, target_language=present)
    after = values(model)
    assert {"target_projection.weight", "target_projection.bias"} <= moved(before, after)
    changed = [
        not torch.equal(one, two)
        for one, two in zip(before["target_projection.weight"], after["target_projection.weight"], strict=True)
    ]
    assert changed == [False, True, False, True]


def test_stage_1_still_leaves_the_encoder_alone(many: tuple[SixT, EncoderDecoder]) -> None:
    method, model = many
    before = values(model)
    optimise(method, model, 0, target_language=MIXED)
    assert not {name for name in moved(before, values(model)) if name.startswith("encoder.")}


def test_a_folder_keeps_the_projections_and_what_they_are_for(
    many: tuple[SixT, EncoderDecoder], tmp_path: Path
) -> None:
    method, model = many
    optimise(method, model, 0, target_language=MIXED)
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert isinstance(again, EncoderDecoder)
    assert again.config.target_languages == tuple(LANGUAGES)
    assert [again.config.target_row(code) for code in (*LANGUAGES, "fi")] == [1, 2, 3, 0]
    example = batch(target_language=MIXED)
    arguments = (example.source, example.source_mask, example.target_input, example.target_language)
    with torch.no_grad():
        assert torch.equal(again(*arguments), model.eval()(*arguments))


def test_its_encoder_is_an_encoder_like_any_other(many: tuple[SixT, EncoderDecoder], tmp_path: Path) -> None:
    save_model(many[1], tmp_path / "model")
    example = batch()
    states = load_encoder(tmp_path / "model")(example.source, example.source_mask).last
    assert torch.equal(states, many[1].eval().encoder(example.source, example.source_mask).last)


def test_no_family_of_transformers_is_claimed_to_express_a_projection(tmp_path: Path) -> None:
    """A model that M2M-100's class could open, were it not for the projection."""
    embeddings = EmbeddingsConfig(
        vocabulary_size=WORDS, width=WIDTH, positions="sinusoidal", norm=False, scale="sqrt", dropout=0.0
    )
    stack = StackConfig(layers=1, width=WIDTH, heads=4, feedforward_width=48, norm_first=True, activation="relu")
    crossing = stack.model_copy(update={"cross_attention": True})
    encoder = EncoderConfig(embeddings=embeddings, stack=stack)
    plain = EncoderDecoderConfig(encoder=encoder, decoder_embeddings=embeddings, decoder=crossing)
    save_pretrained(build_encoder_decoder(plain), tmp_path / "yes", "m2m_100")
    projecting = build_encoder_decoder(plain.model_copy(update={"target_languages": ("en", "de")}))
    with pytest.raises(UserError, match="target_languages"):
        save_pretrained(projecting, tmp_path / "no", "m2m_100")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("languages", [[], LANGUAGES])
def test_a_language_is_given_exactly_where_there_is_a_projection(start: str, languages: list[str]) -> None:
    _, model = sixt(start, target_languages=languages)
    example = batch()
    wrong = None if languages else MIXED
    with pytest.raises(ValueError, match="many-to-many"):
        model(example.source, example.source_mask, example.target_input, wrong)


def test_a_search_writes_each_sentence_in_its_own_language(many: tuple[SixT, EncoderDecoder]) -> None:
    """Mixed targets in one search equal one search a target; other targets give other translations."""
    _, model = many
    model.eval()
    with torch.no_grad():  # decisive maps, so that translations differ
        model.target_projection.weight.mul_(6)  # type: ignore[union-attr]
    example = batch()
    prompt = SearchConstraints((2,), 2, never=(0, 1))

    def search(language: torch.Tensor, rows: slice = slice(None)) -> list[list[int]]:
        stepper = EncoderDecoderStepModel(model, language)
        found = beam_search(
            stepper, example.source[rows], example.source_mask[rows], prompt, beams=3, length=LengthRule(12)
        )
        return [list(each[0].tokens) for each in found]

    mixed = search(MIXED)
    assert mixed == [search(MIXED[row : row + 1], slice(row, row + 1))[0] for row in range(len(MIXED))]
    assert search(torch.tensor([2])) == search(torch.full((6,), 2))
    assert search(torch.tensor([2])) != search(torch.tensor([3]))
    assert all(token < WORDS for tokens in mixed for token in tokens)


def test_one_target_models_have_no_projection(start: str) -> None:
    _, model = sixt(start)
    assert model.target_projection is None
    assert not [name for name in values(model) if "projection" in name]


def test_the_papers_recipe_has_twelve_directions_and_the_releases_language_order() -> None:
    recipe = load_recipe("sixt/xlmr_large_m2m")
    pairs = {(source.source, source.target) for source in recipe.data.train}  # type: ignore[union-attr]
    six = ["de", "es", "fi", "hi", "ru", "zh"]
    assert pairs == {(code, "en") for code in six} | {("en", code) for code in six}
    assert {(source.source, source.target) for source in recipe.data.validation} == pairs  # type: ignore[union-attr]
    assert recipe.target_languages == ("en", *six)
    large = load_recipe("sixt/xlmr_large")
    assert recipe.stages == large.stages
    assert recipe.method.model_copy(update={"target_languages": ()}) == large.method
