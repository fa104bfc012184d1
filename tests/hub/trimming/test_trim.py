"""A trimmed model translates as the whole one that may write the kept tokens only."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.hub.trimming import Trimmed, VocabularySpecification, trim
from anyglot.inference.translation import SearchSettings, Translator
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.precision import multiplies_int8
from anyglot.models.restrict import restrict_output, trim_tables
from anyglot.models.store import load_model
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.trimmed_record import Record
from anyglot.text.vocabulary import Vocabulary, choose_by_scripts
from support.trimming_models import write_model


def lines(path: Path, count: int = 200) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()[:count]


@pytest.mark.parametrize("decoder", ["beam", "greedy"])
def test_translations_of_200_sentences_equal_those_of_the_masked_model(
    full: Path, trimmed: tuple[Path, Trimmed], kept: Vocabulary, texts: dict[str, Path], tmp_path: Path, decoder: str
) -> None:
    kept.save(tmp_path / "kept.json")
    settings = SearchSettings(decoder=decoder, beam=3, n_best=3 if decoder == "beam" else 1, max_length=12)  # type: ignore[arg-type]
    whole = Translator.from_pretrained(full, "cpu", "fp32", tmp_path / "kept.json")
    small = Translator.from_pretrained(trimmed[0], "cpu", "fp32")
    found, expected = (
        each.translate_n_best(lines(texts["de"]), source="de", target="en", settings=settings)
        for each in (small, whole)
    )
    assert found == expected  # texts and scores
    assert len({row[0].text for row in found}) > 20, "the model ignores its input"


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_in_other_precisions_too(
    full: Path, trimmed: tuple[Path, Trimmed], kept: Vocabulary, texts: dict[str, Path], tmp_path: Path, precision: str
) -> None:
    if precision == "int8" and not multiplies_int8(torch.device("cpu")):
        pytest.skip("this processor has no int8 products")
    kept.save(tmp_path / "kept.json")
    settings = SearchSettings(beam=2, max_length=8)
    whole = Translator.from_pretrained(full, "cpu", precision, tmp_path / "kept.json")
    small = Translator.from_pretrained(trimmed[0], "cpu", precision)
    found, expected = (
        each.translate_n_best(lines(texts["de"], 40), source="de", target="en", settings=settings)
        for each in (small, whole)
    )
    assert found == expected


def test_the_kept_tokens_matter(full: Path, trimmed: tuple[Path, Trimmed], texts: dict[str, Path]) -> None:
    """The inverse: without the mask the whole model writes other tokens too."""
    unmasked, small = (
        Translator.from_pretrained(full, "cpu", "fp32"),
        Translator.from_pretrained(trimmed[0], "cpu", "fp32"),
    )
    options = {"source": "de", "target": "en", "decoder": "greedy", "max_length": 12}
    some = lines(texts["de"], 40)
    assert unmasked.translate(some, **options) != small.translate(some, **options)  # type: ignore[arg-type]


def test_rows_are_those_of_the_whole_model(full: Path, trimmed: tuple[Path, Trimmed], kept: Vocabulary) -> None:
    whole, small = load_model(full), load_model(trimmed[0])
    ids = torch.from_numpy(kept.ids.copy())
    before, after = dict(whole.named_parameters()), dict(small.named_parameters())
    assert before.keys() == after.keys()
    for name, parameter in after.items():
        rows = before[name][ids] if name in ("encoder.embeddings.tokens.weight", "output.bias") else before[name]
        assert torch.equal(parameter, rows), name
    assert isinstance(small, EncoderDecoder)
    assert small.output.weight is small.encoder.embeddings.tokens.weight is small.decoder.embeddings.tokens.weight


def test_the_report_is_true(
    full: Path, trimmed: tuple[Path, Trimmed], kept: Vocabulary, texts: dict[str, Path]
) -> None:
    out, report = trimmed
    assert (report.rows, report.full_rows) == (len(kept), 900) and report.scripts == ("Latin",)
    assert report.parameters == sum(p.numel() for p in load_model(out).parameters()) < report.full_parameters
    assert report.disk < report.full_disk
    assert report.coverage is not None and report.coverage.lost == 0 == report.unknown
    assert report.coverage.sentences == 800 and report.tokens == report.coverage.tokens
    assert report.checked >= 800 and report.different == 0
    assert Record.load(out) == Record(len(kept), 900, ("Latin",), kept.tokenizer)
    assert (out / "languages.json").read_bytes() == (full / "languages.json").read_bytes()


def test_lower_coverage_costs_rows_and_still_spells_every_word(
    full: Path, wish: VocabularySpecification, tmp_path: Path
) -> None:
    report = trim(str(full), tmp_path / "small", VocabularySpecification(texts=wish.texts, coverage=0.8))
    assert report.coverage is not None and 0.8 <= report.coverage.token_share < 1
    assert report.unknown == 0 and report.tokens > report.coverage.tokens
    tokenizer = load_tokenizer(tmp_path / "small")
    some = lines(wish.texts[0], 50)
    assert tokenizer.decode(tokenizer.encode(some)) == load_tokenizer(full).decode(load_tokenizer(full).encode(some))


def test_by_scripts_all_their_tokens_are_kept(full: Path, texts: dict[str, Path], tmp_path: Path) -> None:
    report = trim(str(full), tmp_path / "small", VocabularySpecification(languages=("ru",), scripts=("latn",)))
    assert report.scripts == ("Cyrillic", "Latin") and report.coverage is None
    small, whole = load_tokenizer(tmp_path / "small"), load_tokenizer(full)
    for code in ("de", "ru"):
        for one, other in zip(small.encode(lines(texts[code])), whole.encode(lines(texts[code])), strict=True):
            assert small.pieces(one) == whole.pieces(other)
    assert any(small.unknown_id in ids for ids in small.encode(lines(texts["zh"])))


def test_the_output_may_be_narrower_than_the_input(full: Path, texts: dict[str, Path], tmp_path: Path) -> None:
    both = VocabularySpecification(texts=(texts["de"], texts["en"]))
    report = trim(str(full), tmp_path / "small", both, target=VocabularySpecification(texts=(texts["en"],)))
    assert report.output_rows is not None and report.output_rows < report.rows
    model, tokenizer = load_model(tmp_path / "small"), load_tokenizer(tmp_path / "small")
    assert isinstance(model, EncoderDecoder) and model.output.rows is not None
    written = {id for ids in tokenizer.encode(lines(texts["en"], 400)) for id in ids}
    assert all(id in model.output.rows for id in written)
    translator = Translator.from_pretrained(tmp_path / "small", "cpu", "fp32")
    options = {"source": "de", "target": "en", "max_length": 10, "decoder": "greedy"}
    allowed = set(tokenizer.pieces(model.output.rows.ids.tolist()))
    for translation in translator.translate(lines(texts["de"], 20), **options):  # type: ignore[arg-type]
        assert set(tokenizer.pieces(tokenizer.encode([translation])[0])) <= allowed


def test_tables_of_their_own_are_both_trimmed(
    texts: dict[str, Path], wish: VocabularySpecification, tmp_path: Path
) -> None:
    whole = write_model(tmp_path / "whole", texts, shared=False)
    report = trim(str(whole), tmp_path / "small", wish)
    shapes = {name: len(p) for name, p in load_model(tmp_path / "small").named_parameters() if len(p) == report.rows}
    assert set(shapes) == {
        "encoder.embeddings.tokens.weight",
        "decoder.embeddings.tokens.weight",
        "output.weight",
        "output.bias",
    }


def test_a_restriction_follows_the_rows(full: Path, texts: dict[str, Path], tmp_path: Path) -> None:
    trim(
        str(full),
        tmp_path / "one",
        VocabularySpecification(scripts=("Latin", "Cyrillic")),
        target=VocabularySpecification(texts=(texts["en"],)),
    )
    trim(str(tmp_path / "one"), tmp_path / "two", VocabularySpecification(scripts=("Latin",)))
    pieces = []
    for name in ("one", "two"):
        model = load_model(tmp_path / name)
        assert isinstance(model, EncoderDecoder) and model.output.rows is not None
        pieces.append(load_tokenizer(tmp_path / name).pieces(model.output.rows.ids.tolist()))
    assert pieces[0] == pieces[1]


def test_a_restriction_to_all_that_is_left_is_none(full: Path, tmp_path: Path) -> None:
    model, tokenizer = load_model(full), load_tokenizer(full)
    assert isinstance(model, EncoderDecoder)
    ids = torch.from_numpy(choose_by_scripts(["Latin"], tokenizer).ids.copy())
    restrict_output(model, ids, "test")
    trim_tables(model, ids[5:].new_tensor(sorted({0, 1, 2, 3, 899, *ids[5:60].tolist()})))
    assert model.output.rows is None and model.output.size == 60


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "give `texts`, `scripts` or `languages`"),
        ({"scripts": ("Klingon",)}, "no script 'Klingon'"),
        ({"languages": ("qqq",)}, "qqq"),
        ({"scripts": ("Latin",), "coverage": 0.9}, "count tokens of a text"),
        ({"texts": (Path("/nowhere/x.txt"),)}, "/nowhere/x.txt"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(
    full: Path, tmp_path: Path, asked: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        trim(str(full), tmp_path / "small", VocabularySpecification(**asked))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_is_not_touched(full: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists already"):
        trim(str(full), tmp_path, VocabularySpecification(scripts=("Latin",)))


def test_a_fault_on_the_way_leaves_nothing(full: Path, texts: dict[str, Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n")
    with pytest.raises(UserError, match="no text to choose a vocabulary from"):
        trim(
            str(full),
            tmp_path / "small",
            VocabularySpecification(scripts=("Latin",)),
            target=VocabularySpecification(texts=(empty,)),
        )
    assert [path.name for path in tmp_path.iterdir()] == ["empty.txt"]
