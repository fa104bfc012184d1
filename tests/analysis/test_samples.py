"""Which sentences are looked at, and a model's states for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from anyglot.analysis.samples import draw, read_sample
from anyglot.analysis.similarity import between_languages, between_models
from anyglot.analysis.states import LayerStates, layer_names, pooled_states, same_depth, state_batches
from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder, EmbeddingSettings
from anyglot.text.encoder_templates import EncoderTemplate
from anyglot.text.language_tokens import SCHEMES, LanguageTokens
from support.tiny_encoders import LAYERS, hidden_states, pooled, write_xlmr
from support.tiny_translators import TEXTS


def write(folder, **files):
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    return ",".join(f"{name}={folder / name}" for name in files)


def test_a_row_without_a_language_is_left_out_in_all(tmp_path):
    spec = write(tmp_path, en=["a", "b", "", "d", "e"], de=["A", " ", "C", "D", "E"])
    sample = read_sample(spec, seed=3)
    assert sorted(sample.texts["en"]) == ["a", "d", "e"] and sample.left_out == 2 and sample.rows == 3
    assert [line.upper() for line in sample.texts["en"]] == list(sample.texts["de"])
    assert sample.texts == read_sample(spec, seed=3).texts


def test_sentences_are_drawn_by_seed():
    sides = {"en": [str(i) for i in range(100)], "de": [str(i) for i in range(100)]}
    one, again, other = (draw(sides, "", "", sentences=10, seed=seed) for seed in (1, 1, 2))
    assert one.texts == again.texts != other.texts and len(one) == 10
    assert one.texts["en"] == one.texts["de"] and len(set(one.texts["en"])) == 10


def test_codes_of_any_scheme_and_a_choice_of_them(tmp_path):
    write(tmp_path, a=["1", "2"], b=["1", "2"], c=["1", "2"])
    spec = f"eng_Latn={tmp_path}/a,de_DE={tmp_path}/b,ru={tmp_path}/c"
    assert read_sample(spec).languages == ("en", "de", "ru")
    assert read_sample(spec, ["ru", "en"]).languages == ("ru", "en")
    with pytest.raises(UserError, match="no file of fr; it has en, de, ru"):
        read_sample(spec, ["fr"])


def test_the_phrasebook_is_a_sample():
    sample = read_sample("phrasebook:sentences=12&split=test", ["en", "de"])
    assert len(sample) == 12 and sample.languages == ("en", "de") and len(sample.data_hash) == 64
    with pytest.raises(UserError, match="needs languages"):
        read_sample("phrasebook:sentences=12")


def test_bad_files_are_told(tmp_path):
    with pytest.raises(UserError, match="en has 2 lines, de has 1 lines"):
        read_sample(write(tmp_path, en=["a", "b"], de=["A"]))
    with pytest.raises(UserError, match="no line of"):
        read_sample(write(tmp_path, en=["a", " "], de=[" ", "B"]))
    with pytest.raises(UserError, match="two files of de"):
        read_sample(f"de={tmp_path}/de,deu={tmp_path}/en")
    with pytest.raises(UserError, match="takes en=FILE"):
        read_sample("news.en")


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    return Embedder.from_pretrained(write_xlmr(tmp_path_factory.mktemp("tiny") / "xlmr"), "cpu", "fp32")


def test_states_are_transformers_hidden_states_embeddings_first(embedder):
    sample = draw({"de": TEXTS[:3], "en": TEXTS[3:6]}, "", "")
    found = pooled_states(embedder, sample, "tiny")
    assert found.layers == ("embeddings", *map(str, range(LAYERS))) and found.sentences == 3 and found.width == 64
    for code, texts in sample.texts.items():
        for row, text in enumerate(texts):
            wanted = pooled(hidden_states(embedder.name, text), "mean")
            np.testing.assert_allclose(found.states[code][:, row], wanted, atol=2e-5)


def test_a_language_without_a_token_is_named_and_left_out(embedder):
    tokens = LanguageTokens({"de_DE": 5, "en_XX": 6}, SCHEMES["MBart50Tokenizer"])
    told = replace(embedder, framing=EncoderTemplate(embedder.tokenizer, tokens))
    lines = []
    found = pooled_states(told, draw({"bg": TEXTS[:4], "de": TEXTS[:4]}, "", ""), "mbart", say=lines.append)
    assert found.languages == ("de",) and "no token for the language bg" in found.missing["bg"]
    assert any(line.startswith("mbart: bg is left out") for line in lines)
    plain = pooled_states(embedder, draw({"bg": TEXTS[:4], "de": TEXTS[:4]}, "", ""), "xlm-r")
    assert plain.languages == ("bg", "de") and not np.allclose(plain.states["de"], found.states["de"])
    with pytest.raises(UserError, match="mbart can read none of bg, el"):
        pooled_states(told, draw({"bg": TEXTS[:4], "el": TEXTS[:4]}, "", ""), "mbart")


def test_batches_are_the_states_without_an_unfilled_last_one(embedder):
    settings = EmbeddingSettings()
    whole = pooled_states(embedder, draw({"de": TEXTS[:7]}, "", ""), "tiny").states["de"]
    texts = draw({"de": TEXTS[:7]}, "", "").texts["de"]
    parts = list(state_batches(embedder, texts, "de", settings, 3))
    assert [part.shape[1] for part in parts] == [3, 3]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole[:, :6])


def test_layers_of_another_depth_are_matched_by_share():
    assert same_depth(12, 12) == tuple(range(13))
    assert same_depth(3, 12) == (0, 4, 8, 12)
    assert same_depth(12, 3)[0] == 0 and same_depth(12, 3)[-1] == 3 and min(same_depth(12, 3)[1:]) == 1


def states(label, codes, blocks=2, width=8, sentences=50, seed=0, noise=0.0):
    generator = np.random.default_rng(1)
    base = {code: generator.normal(size=(5, sentences, 8)) for code in ("en", "de", "fr")}
    other = np.random.default_rng(seed)
    made = {}
    for code in codes:
        kept = base[code][: blocks + 1]
        mixed = kept @ other.normal(size=(8, width)) + noise * other.normal(size=(blocks + 1, sentences, width))
        made[code] = mixed.astype(np.float32)
    return LayerStates(label, layer_names(blocks), made)


def test_models_are_compared_on_the_languages_both_read():
    a, b = states("a", ("en", "de"), width=8), states("b", ("de", "fr"), width=30, seed=3)
    found = between_models(a, b, resamples=100)
    assert tuple(found.values) == ("de",) and found.layers == ("embeddings", "0", "1")
    assert "a cannot read fr: left out" in found.remarks and "b cannot read en: left out" in found.remarks
    for each in found.values["de"]:
        assert each.low <= each.value <= each.high and abs(each.shuffled) < each.value and each.biased > each.value
    with pytest.raises(UserError, match="no language in common"):
        between_models(states("a", ("en",)), states("b", ("de",)))


def test_other_depths_and_identical_models_are_told():
    a, b = states("a", ("en",), blocks=2), states("b", ("en",), blocks=4)
    remarks = " ".join(between_models(a, b, resamples=0).remarks)
    assert "a has 2 layers and b 4" in remarks and "0 with 1, 1 with 3" in remarks
    same = between_models(a, states("c", ("en",), blocks=2), resamples=0)
    assert "exactly the same states in en" in " ".join(same.remarks)
    assert all(each.value == pytest.approx(1) for each in same.values["en"])


def test_a_small_sample_is_warned_of_and_a_tiny_one_refused():
    few = states("a", ("en", "de"), width=80, sentences=20)
    assert "20 sentences are fewer than the 80 dimensions" in " ".join(between_languages(few, resamples=0).remarks)
    assert not between_languages(states("a", ("en", "de"), sentences=20), resamples=0).remarks
    with pytest.raises(UserError, match="at least 4 sentences"):
        between_languages(states("a", ("en", "de"), sentences=3))


def test_languages_are_compared_pair_by_pair():
    found = between_languages(states("a", ("en", "de", "fr")), resamples=50)
    assert tuple(found.values) == ("en–de", "en–fr", "de–fr") and len(found.means()) == 3
    assert all(abs(each.value) < 0.3 for row in found.values.values() for each in row)  # unrelated draws
    assert between_languages(states("a", ("en",))) is None
