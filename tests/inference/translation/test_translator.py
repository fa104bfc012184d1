"""The Translator: order, languages, long texts, bad folders, any text in."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.inference.translation import SearchSettings, Translator
from support.tiny_translators import TEXTS, write_model_folder

LONG = "Das Haus ist alt. Die Katze sieht den Vogel, und der Hund schläft im Garten. " * 6


def test_order_is_kept_and_batches_do_not_matter(translator: Translator) -> None:
    texts = [*TEXTS, "", "  \t", *reversed(TEXTS)]
    alone = [translator.translate([text], source="de", target="en", max_length=20)[0] for text in texts]
    assert translator.translate(texts, source="de", target="en", max_length=20) == alone
    assert translator.translate(texts, source="de", target="en", max_length=20, batch_tokens=1) == alone
    assert alone[len(TEXTS) : len(TEXTS) + 2] == ["", ""]
    assert len(set(alone)) > 4, "the model ignores its input"


@given(texts=st.lists(st.text(alphabet=st.characters(), max_size=60), max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_texts_give_one_line_each(translator: Translator, texts: list[str]) -> None:
    found = translator.translate(texts, source="de", target="en", max_length=8, decoder="greedy")
    assert len(found) == len(texts)
    for text, translation in zip(texts, found, strict=True):
        assert len(translation.splitlines()) <= 1
        assert text.strip() or not translation


def test_n_best_is_ordered_and_begins_with_the_best(translator: Translator) -> None:
    wanted = SearchSettings(beam=4, n_best=3, max_length=12)
    ranked = translator.translate_n_best([TEXTS[0], "", LONG], source="de", target="en", settings=wanted)
    assert [len(candidates) for candidates in ranked] == [3, 1, 3]
    for candidates in ranked[:2]:
        assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)
    best = translator.translate([TEXTS[0], "", LONG], source="de", target="en", beam=4, max_length=12)
    assert best == [candidates[0].text for candidates in ranked]


def test_a_long_text_is_the_join_of_its_pieces(translator: Translator) -> None:
    before = translator.counts.split
    sentence, other = "Das Haus ist alt.", "Die Katze sieht."
    limit = len(translator.tokenizer.encode_source([sentence + " " + other])[0]) - 3
    options = {"source": "de", "max_length": 20, "max_source_length": limit}
    parts = translator.translate([sentence, other], target="en", **options)
    assert translator.counts.split == before
    assert translator.translate([f"{sentence} {other}"], target="en", **options) == [" ".join(parts)]
    assert translator.counts.split == before + 1
    parts = translator.translate([sentence, other], target="zh", **options)
    assert translator.translate([f"{sentence} {other}"], target="zh", **options) == ["".join(parts)]


def test_a_hundred_thousand_characters_without_a_space(translator: Translator) -> None:
    [translation] = translator.translate(["häuser" * 500], source="de", target="en", max_length=4, decoder="greedy")
    assert translation and "\n" not in translation
    with pytest.raises(UserError, match=r"line 2 has 200,001 characters"):
        translator.translate(["a", "x" * 200_001], source="de", target="en")


def test_languages_in_any_spelling(translator: Translator) -> None:
    wanted = translator.translate(TEXTS[:2], source="de", target="en", max_length=9)
    for source, target in (("deu", "eng"), ("deu_Latn", "eng_Latn"), ("de_DE", "en_XX")):
        assert translator.translate(TEXTS[:2], source=source, target=target, max_length=9) == wanted


def test_languages_the_model_does_not_know(model_folder: Path, recwarn: pytest.WarningsRecorder) -> None:
    fresh = Translator.from_pretrained(model_folder, device="cpu")
    with pytest.raises(UserError, match=r"translates into en, zh, not into German \(de\)"):
        fresh.translate(["a"], source="ru", target="de")
    with pytest.raises(UserError, match="qqq"):
        fresh.translate(["a"], source="qqq", target="en")
    recwarn.clear()
    fresh.translate([""], source="de", target="en")
    assert not [w for w in recwarn if w.category is UserWarning]
    fresh.translate([""], source="zh", target="en")
    fresh.translate([""], source="zh", target="en")
    fresh.translate([""], source="fi", target="en")
    spoken = [str(w.message) for w in recwarn if w.category is UserWarning]
    assert len(spoken) == 2
    assert "Chinese (zh) is zero-shot" in spoken[0] and "never trained on Finnish (fi)" in spoken[1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"decoder": "sampling"}, "choose one of beam, greedy, sample"),
        ({"beam": 0}, "`beam` must lie between 1 and 100"),
        ({"max_length": 0}, "`max_length`"),
        ({"batch_tokens": -3}, "`batch_tokens`"),
        ({"length_penalty": float("nan")}, "`length_penalty`"),
    ],
)
def test_settings_out_of_range(translator: Translator, wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        translator.translate(["a"], source="de", target="en", **wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="keeps 5"):
        SearchSettings(decoder="beam", n_best=6)
    with pytest.raises(TypeError, match="not one text"):  # `translate` takes a text alone, this does not
        translator.translate_n_best("Das Haus", source="de", target="en")


def test_folders_that_are_no_translator(model_folder: Path, tmp_path: Path) -> None:
    def broken(name: str) -> Path:
        return Path(shutil.copytree(model_folder, tmp_path / name))

    with pytest.raises(UserError, match="no folder"):
        Translator.from_pretrained(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError):
        Translator.from_pretrained(tmp_path / "empty")
    with pytest.raises(UserError, match="is a file"):
        Translator.from_pretrained(model_folder / "config.json")
    with pytest.raises(UserError, match="is an encoder and cannot translate"):
        Translator.from_pretrained(write_model_folder(tmp_path / "encoder", encoder_only=True))

    cut = broken("cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        Translator.from_pretrained(cut)
    untokenised = broken("untokenised")
    (untokenised / "sentencepiece.bpe.model").write_bytes(b"nothing")
    with pytest.raises(UserError):
        Translator.from_pretrained(untokenised)
    for content in ("[", "[]", '{"target": "en"}', '{"target": ["xx-what"]}'):
        lost = broken(f"lost{len(content)}")
        (lost / "languages.json").write_text(content)
        with pytest.raises(UserError):
            Translator.from_pretrained(lost)


def test_devices_and_precisions(model_folder: Path) -> None:
    with pytest.raises(UserError, match="there is no device 'tpu9'"):
        Translator.from_pretrained(model_folder, device="tpu9")
    with pytest.raises(UserError, match="choose one of auto, fast, fp32, bf16, fp16, int8"):
        Translator.from_pretrained(model_folder, precision="int3")
    with pytest.raises(UserError, match="fp16 needs a GPU"):
        Translator.from_pretrained(model_folder, device="cpu", precision="fp16")
    half = Translator.from_pretrained(model_folder, device="cpu", precision="bf16")
    assert next(half.model.parameters()).dtype == torch.bfloat16
    assert half.translate([TEXTS[0]], source="de", target="en", max_length=9)[0]


def test_identity_changes_with_the_weights(model_folder: Path, translator: Translator, tmp_path: Path) -> None:
    other = Path(shutil.copytree(model_folder, tmp_path / "other"))
    assert Translator.from_pretrained(other, device="cpu", precision="fp32").identity == translator.identity
    content = bytearray((other / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (other / "model.safetensors").write_bytes(bytes(content))
    assert Translator.from_pretrained(other, device="cpu", precision="fp32").identity != translator.identity


def test_special_tokens_are_never_written(model_folder: Path, tmp_path: Path) -> None:
    """Even a model that wants nothing but padding and masks writes text; rows beyond the tokenizer count as special."""
    translator = Translator.from_pretrained(model_folder, device="cpu", precision="fp32")
    prompt = translator.searching.prompt(["en"], [()])
    assert set(prompt.never) == set(translator.tokenizer.special_ids) - {prompt.end}
    assert prompt.start == ((2,),) and prompt.end == 2
    assert json.loads((model_folder / "languages.json").read_text())["target"] == ["en", "zh"]
