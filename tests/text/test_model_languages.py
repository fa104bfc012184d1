"""languages.json: which directions a model had pairs of, and what is said of the others."""

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies

from anyglot.errors import UserError
from anyglot.text.languages import known_languages
from anyglot.text.model_languages import ModelLanguages
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.record import languages_of

codes = strategies.sampled_from([language.code for language in known_languages()])


def written(folder: Path, **told: object) -> ModelLanguages:
    (folder / "languages.json").write_text(json.dumps(told))
    found = ModelLanguages.load(folder)
    assert found is not None
    return found


@pytest.fixture
def many(tmp_path: Path) -> ModelLanguages:
    """A many-to-many model of German and French by way of English."""
    pairs = ["de-en", "fr-en", "en-de", "en-fr"]
    return written(tmp_path, source=["de", "en", "fr", "it"], target=["de", "en", "fr"], pairs=pairs)


def test_a_direction_with_pairs_has_no_remark(many: ModelLanguages) -> None:
    assert many.warning("de", "en") is None and many.warning("en", "fr") is None


def test_a_direction_between_supervised_languages_is_zero_shot_without_pairs_of_its_own(many: ModelLanguages) -> None:
    assert many.warning("de", "fr") == (
        "German (de) to French (fr) is zero-shot: the model saw no parallel data of this direction "
        "(from de it did into en)."
    )


def test_languages_without_pairs_are_told_apart_from_unread_ones(many: ModelLanguages) -> None:
    assert "Italian (it) is zero-shot" in (many.warning("it", "en") or "")
    assert "never trained on Finnish (fi)" in (many.warning("fi", "en") or "")


def test_a_file_of_an_older_version_had_each_supervised_language_into_each_target(tmp_path: Path) -> None:
    found = written(tmp_path, source=["de", "en", "hi"], supervised=["de"], target=["en", "fr"])
    assert found.pairs == {("de", "en"), ("de", "fr")} and found.supervised == {"de"}
    assert found.warning("de", "fr") is None and "zero-shot" in (found.warning("hi", "en") or "")


@given(strategies.sets(strategies.tuples(codes, codes), max_size=5))
def test_every_pair_of_known_languages_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, pairs: set[tuple[str, str]]
) -> None:
    """Codes with hyphens too."""
    folder = tmp_path_factory.mktemp("pairs")
    assert written(folder, source=[], target=[], pairs=[f"{one}-{other}" for one, other in pairs]).pairs == pairs


@pytest.mark.parametrize("pair", ["de", "de-", "-", "qqq-en", ""])
def test_a_pair_that_is_none_is_named(tmp_path: Path, pair: str) -> None:
    with pytest.raises(UserError, match=f"names the pair '{pair}', which is not two language codes"):
        written(tmp_path, source=[], target=[], pairs=[pair])


def test_a_recipe_of_both_directions_says_which_it_had(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("""
name: both
method: {name: transformer, target_languages: [de, en]}
tokenizer: {train: {vocabulary_size: 60}}
data:
  train:
  - {source: de, target: en, files: [a.de, a.en]}
  - {source: en, target: de, files: [a.en, a.de]}
  - {source: fr, target: en, files: [b.fr, b.en]}
stages: {all: {updates: 1, learning_rate: 1e-3}}
""")
    told = languages_of(load_recipe(str(tmp_path / "recipe.yaml"), []))
    assert told["pairs"] == ["de-en", "en-de", "fr-en"]
    assert (told["supervised"], told["target"]) == (["de", "en", "fr"], ["de", "en"])
    found = written(tmp_path, **told)
    assert found.warning("fr", "en") is None and "zero-shot" in (found.warning("fr", "de") or "")
