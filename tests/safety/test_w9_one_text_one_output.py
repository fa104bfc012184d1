"""W9: what the source may hold and what is written have limits of their own, and a generated text is never joined."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.inference.generation.pieces import TruncatedWarning
from anyglot.inference.generation.settings import ENDLESS
from anyglot.inference.translation import SearchSettings, Translator
from inference.generation.test_non_autoregressive import write_folder
from support import tiny_translators

SENTENCE = "The old house is near the river."
PASSAGE = " ".join([SENTENCE] * 60)
SHORT = 12  # most tokens of an output here, so that nothing takes long


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with 600 source positions: far more than are translated at once, fewer than the passage has tokens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_translators, "POSITIONS", 602)
        return tiny_translators.write_model_folder(tmp_path_factory.mktemp("roomy") / "model")


@pytest.fixture(scope="module")
def translator(roomy: Path) -> Translator:
    return Translator.from_pretrained(roomy, device="cpu", precision="fp32")


def summariser(folder: Path, **languages: object) -> Translator:
    (folder / "languages.json").write_text(json.dumps(languages))
    return Translator.from_pretrained(folder, device="cpu", precision="fp32")


def size(translator: Translator, text: str) -> int:
    return len(translator.tokenizer.encode_source([text])[0])


def test_w9_the_output_limit_moves_nothing_of_the_source(translator: Translator) -> None:
    counts = translator.counts
    line, long = " ".join([SENTENCE] * 4), " ".join([SENTENCE] * 13)
    assert SHORT + 2 < size(translator, line) < 202 < size(translator, long) < 302
    for most in (SHORT, 4 * SHORT):
        before = counts.split
        translator.translate([line], source="de", target="en", max_length=most, decoder="greedy")
        assert counts.split == before, "a source that the model takes whole was split by the limit of the output"
    for most in (SHORT, 300):  # over 202 tokens sentences are split, however long the translation may be
        before = counts.split
        translator.translate([long], source="de", target="en", max_length=most, decoder="greedy")
        assert counts.split == before + 1


def test_w9_the_source_limit_is_an_option(translator: Translator) -> None:
    options = {"source": "de", "target": "en", "max_length": SHORT, "decoder": "greedy"}
    two = f"{SENTENCE} {SENTENCE}"
    before = translator.counts.split
    whole = translator.translate([two], max_source_length=size(translator, two), **options)
    assert translator.counts.split == before
    assert whole == translator.translate([two], **options)
    [alone] = translator.translate([SENTENCE], **options)
    assert translator.translate([two], max_source_length=size(translator, two) - 1, **options) == [f"{alone} {alone}"]
    assert translator.counts.split == before + 1
    with pytest.raises(UserError, match="positions for 600 source tokens, max_source_length asks for 601"):
        translator.translate([two], max_source_length=601, **options)
    with pytest.raises(UserError, match="at least 8"):
        translator.translate([two], max_source_length=7, **options)
    with pytest.raises(UserError, match="choose one of split, truncate"):
        translator.translate([two], overlong="cut", **options)


def test_w9_from_a_language_into_itself_one_passage_gives_one_text(translator: Translator) -> None:
    options = {"source": "en", "target": "en", "max_length": SHORT, "decoder": "greedy"}
    counts = translator.counts
    split, truncated = counts.split, counts.truncated
    with pytest.warns(TruncatedWarning, match="2 of 3 texts have more than the 600 tokens"):
        ranked = translator.translate_n_best(
            [PASSAGE, SENTENCE, PASSAGE],
            source="en",
            target="en",
            settings=SearchSettings(max_length=SHORT, decoder="greedy"),
        )
    assert (counts.split, counts.truncated) == (split, truncated + 2)
    assert all(1 <= len(candidates[0].tokens) <= SHORT for candidates in ranked), "several outputs were joined"
    # It is what the model says to the beginning: sentences whose tokens fill the limit, and more behind them.
    limit = size(translator, SENTENCE)
    with pytest.warns(TruncatedWarning, match=f"the {limit} tokens"):
        [beginning] = translator.translate([PASSAGE], max_source_length=limit, **options)
    assert [beginning] == translator.translate([SENTENCE], **options)


def test_w9_split_may_be_asked_of_any_task_and_truncate_of_any(translator: Translator) -> None:
    options = {"max_length": SHORT, "decoder": "greedy"}
    counts = translator.counts
    split, truncated = counts.split, counts.truncated
    [joined] = translator.translate([PASSAGE], source="en", target="en", overlong="split", **options)
    assert len(joined.split()) > SHORT and (counts.split, counts.truncated) == (split + 1, truncated)
    with pytest.warns(TruncatedWarning):
        translator.translate([PASSAGE], source="de", target="en", overlong="truncate", **options)
    assert (counts.split, counts.truncated) == (split + 1, truncated + 1)


def test_w9_a_summariser_asked_of_a_new_language_still_summarises(roomy: Path) -> None:
    told = {"source": ["de", "en"], "target": ["en", "zh"], "supervised": ["en"]}
    assert summariser(roomy, **told, pairs=["en-en"]).generates("de", "en")
    assert not summariser(roomy, **told, pairs=["en-en", "de-en"]).generates("de", "en")
    both = summariser(roomy, **told, pairs=["de-en"])
    assert not both.generates("de", "en") and both.generates("en", "en")
    # Each text of a mixed batch has its own rule.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        both.translate([PASSAGE, PASSAGE], source="en", target=["en", "zh"], max_length=4, decoder="greedy")
    assert [str(one.message) for one in caught if one.category is TruncatedWarning] == [
        "1 of 2 texts have more than the 600 tokens that are read at once: their end is not read."
    ]
    assert both.counts.split == both.counts.truncated == 1


def test_w9_a_model_that_writes_freely_never_splits(tmp_path: Path) -> None:
    free = Translator.from_pretrained(write_folder(tmp_path / "free", length_classes=18))
    assert free.generates("de", "en")
    with pytest.warns(TruncatedWarning):
        [found] = free.translate([PASSAGE], source="de", target="en")
    assert (free.counts.split, free.counts.truncated) == (0, 1)
    assert size(free, found) <= 18 + 2
    canvas = Translator.from_pretrained(write_folder(tmp_path / "canvas"))
    canvas.translate([PASSAGE], source="de", target="en")
    assert (canvas.counts.split, canvas.counts.truncated) == (1, 0), "CTC translates, and goes on splitting"


def test_w9_positions_without_an_end_are_read_as_the_paper_reads_them() -> None:
    assert SearchSettings().source_room(ENDLESS, "truncate") == 512
    assert SearchSettings().source_room(1024, "truncate") == 1024
    assert SearchSettings().source_room(1024, "split") == SearchSettings(max_length=900).source_room(ENDLESS, "split")
    assert SearchSettings(max_source_length=700).source_room(ENDLESS, "split") == 700


def test_w9_the_command_says_how_many_texts_lost_their_end(roomy: Path, tmp_path: Path) -> None:
    (tmp_path / "in.en").write_text(f"{PASSAGE}\n{SENTENCE}\n")
    options = ["-i", str(tmp_path / "in.en"), "-o", str(tmp_path / "out.en"), "--max-length", "6", "--beam", "1"]
    asked = ["translate", str(roomy), "-s", "en", "-t", "en", *options, "--precision", "fp32"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert "longer than is read at once, their end not read: 1" in result.stderr
    assert len((tmp_path / "out.en").read_text().splitlines()) == 2
    again = CliRunner().invoke(app, [*asked, "--overlong", "split", "--resume"])
    assert again.exit_code != 0 and "overlong" in str(again.exception) + again.output
