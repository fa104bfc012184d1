"""Translating with a model that writes all words at once: rounds, batches, limits, and what it is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.inference.translation import SearchSettings, Translator
from anyglot.models.build import build_prompted_encoder
from anyglot.models.config import CanvasConfig, EmbeddingsConfig, EncoderConfig, PromptedEncoderConfig, StackConfig
from anyglot.models.precision import multiplies_int8
from anyglot.models.store import save_model
from anyglot.text.tokenizer_training import train_tokenizer
from anyglot.text.vocabulary import choose_by_counts
from support import translate_command
from support.tiny_translators import TEXTS

COMMAND = Path(translate_command.__file__)
POSITIONS = 50  # 48 of them after RoBERTa's offset: a canvas for 24 source tokens, `</s>` not counted
needs_int8 = pytest.mark.skipif(not multiplies_int8(torch.device("cpu")), reason="this processor has no int8 products")


def write_folder(
    folder: Path, *, denoise: bool = True, groups: tuple[str, ...] = ("*",), length_classes: int = 0
) -> Path:
    """A prompted encoder with random weights and its tokenizer: nonsense, but another one for every text."""
    tokenizer = train_tokenizer(TEXTS * 5, 100, folder, seed=1)
    assert tokenizer.mask_id is not None
    torch.manual_seed(7)
    embeddings = EmbeddingsConfig(
        vocabulary_size=tokenizer.vocabulary_size, width=16, positions="learned", position_rows=POSITIONS, norm=True
    )
    stack = StackConfig(layers=2, width=16, heads=2, feedforward_width=32, norm_first=False)
    blank = tokenizer.pieces(range(tokenizer.vocabulary_size)).index("▁")
    model = build_prompted_encoder(
        PromptedEncoderConfig(
            encoder=EncoderConfig(embeddings=embeddings, stack=stack, language_head=True),
            canvas=CanvasConfig(mask_id=tokenizer.mask_id, blank_id=blank),
            prompt_length=4,
            denoise=denoise,
            groups=groups,
            length_classes=length_classes,
        )
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("source_", "prompts")) and not name.endswith("scale"):
                parameter.normal_(0, 0.5)
    save_model(model, folder)
    targets = ["en", "zh"]
    languages = {"source": ["de", "ru", *targets], "supervised": ["de", "ru"], "target": targets}
    (folder / "languages.json").write_text(json.dumps(languages))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("models") / "sga")


@pytest.fixture(scope="module")
def translator(folder: Path) -> Translator:
    return Translator.from_pretrained(folder, device="cpu", precision="fp32")


def command(*arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(COMMAND), *map(str, arguments)], input=text, capture_output=True, text=True, check=False
    )


def test_lines_in_are_lines_out_and_blank_ones_stay_empty(translator: Translator) -> None:
    texts = ["Das Haus.", "", " \t ", *TEXTS, "Das Haus.", "\u2028"]
    found = translator.translate(texts, source="de", target="en")
    assert len(found) == len(texts) and all("\n" not in text for text in found)
    assert [bool(text) for text in found] == [bool(text.strip()) for text in texts]
    assert found[0] == found[-2] and len(set(found)) > len(TEXTS) / 2


@pytest.mark.parametrize("precision", ["fp32", "bf16", pytest.param("int8", marks=needs_int8)])
def test_a_text_s_translation_and_score_are_its_own(folder: Path, precision: str) -> None:
    translator = Translator.from_pretrained(folder, device="cpu", precision=precision)
    words = " ".join(TEXTS).split()
    texts = [" ".join(words[start : start + size]) for size in (1, 3, 5) for start in range(12)]

    def found(texts: list[str], batch_tokens: int) -> list[object]:
        settings = SearchSettings(batch_tokens=batch_tokens, show_rounds=True, rounds=3)
        return [*translator.translate_n_best(texts, source="de", target="en", settings=settings)]

    expected = [found([text], 4096)[0] for text in texts]
    assert found(texts, 4096) == found(texts, 20) == expected
    assert found(texts[::-1], 60)[::-1] == expected


def test_the_last_round_is_the_translation_and_none_is_alignment_alone(translator: Translator) -> None:
    def found(rounds: int | None, show: bool = True) -> list[tuple[str, tuple[str, ...]]]:
        settings = SearchSettings(rounds=rounds, show_rounds=show)
        ranked = translator.translate_n_best(TEXTS, source="de", target="en", settings=settings)
        return [(one[0].text, one[0].rounds) for one in ranked]

    aligned, twice = found(0), found(2)
    assert all(rounds == (text,) for text, rounds in aligned)
    assert all(
        rounds[-1] == text and rounds[0] == first for (text, rounds), (first, _) in zip(twice, aligned, strict=True)
    )
    assert any(text != first for (text, _), (first, _) in zip(twice, aligned, strict=True))
    assert found(None) == twice and found(2, show=False) == [(text, ()) for text, _ in twice]
    assert [text for text, _ in found(1)] == [rounds[:2][-1] for _, rounds in twice]


def test_what_the_canvas_does_not_hold_is_split(translator: Translator) -> None:
    long = " ".join(TEXTS[:3])
    settings = SearchSettings(show_rounds=True)
    before = translator.counts.split
    found = translator.translate_n_best([long, TEXTS[0]], source="de", target="en", settings=settings)
    assert translator.counts.split == before + 1 + (len(translator.tokenizer.encode_source([TEXTS[0]])[0]) > 25)
    assert found[0][0].rounds[-1] == found[0][0].text
    assert translator.searching.source_limit == 25  # 24 have two positions of the canvas each; the last is `</s>`


def test_several_translations_are_ranked(translator: Translator) -> None:
    settings = SearchSettings(n_best=4, beam=6)
    for ranked in translator.translate_n_best(TEXTS, source="de", target="en", settings=settings):
        scores = [candidate.score for candidate in ranked]
        assert 1 <= len(ranked) <= 4 and scores == sorted(scores, reverse=True)
    unasked = translator.translate_n_best(TEXTS, source="de", target="en", settings=SearchSettings(n_best=7))
    assert max(map(len, unasked)) > 5, "as many beams as are wanted"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decoder": "beam"}, "writes all words at once, which `decoder=beam` is not for: use ctc"),
        ({"decoder": "greedy"}, "use ctc"),
        ({"decoder": "sample"}, "use ctc"),
        ({"rounds": -1}, "`rounds` must lie between 0 and 100, not -1"),
        ({"beam": 2, "n_best": 3}, "keeps 2"),
        ({"show_rounds": True, "n_best": 2}, "`show_rounds` and `n_best`"),
    ],
)
def test_what_it_cannot_do_is_said(translator: Translator, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        translator.translate_n_best(
            ["Haus"],
            source="de",
            target="en",
            settings=SearchSettings(**settings),  # type: ignore[arg-type]
        )


def test_prefixes_and_languages_are_refused(translator: Translator) -> None:
    with pytest.raises(UserError, match="a prefix cannot be forced"):
        translator.translate(["Haus"], source="de", target="en", prefixes=["The"])
    assert translator.translate(["Haus"], source="de", target="en", prefixes=[""])
    with pytest.raises(UserError, match="translates into en, zh, not into French"):
        translator.translate(["Haus"], source="de", target="fr")


def test_a_model_that_writes_word_by_word_is_not_decoded_by_ctc(model_folder: Path) -> None:
    steps = Translator.from_pretrained(model_folder, device="cpu", precision="fp32")
    for settings, message in (
        (SearchSettings(decoder="ctc"), "writes word by word, which `decoder=ctc` is not for"),
        (SearchSettings(rounds=1), "rounds belong to `decoder=ctc`, not to beam"),
        (SearchSettings(show_rounds=True), "rounds belong to `decoder=ctc`"),
    ):
        with pytest.raises(UserError, match=message):
            steps.translate_n_best(["Haus"], source="de", target="en", settings=settings)


def test_rounds_without_a_denoiser(tmp_path: Path) -> None:
    alone = Translator.from_pretrained(write_folder(tmp_path / "aligned", denoise=False), device="cpu")
    with pytest.raises(UserError, match="1 rounds were asked of a model that cannot write over what it wrote: use"):
        alone.translate(["Haus"], source="de", target="en", rounds=1)
    assert alone.translate(["Haus"], source="de", target="en") == alone.translate(
        ["Haus"], source="de", target="en", rounds=0
    )


def test_each_direction_has_its_prompts(tmp_path: Path) -> None:
    several = Translator.from_pretrained(
        write_folder(tmp_path / "several", groups=("de-en", "zh")), device="cpu", precision="fp32"
    )
    with pytest.raises(UserError, match=r"prompts for de-en, zh.* ru"):
        several.translate(["Haus"], source="ru", target="en")
    texts = TEXTS * 2
    targets = ["en"] * len(TEXTS) + ["zh"] * len(TEXTS)
    mixed = several.translate(texts, source="de", target=targets)
    assert mixed == [
        *several.translate(TEXTS, source="de", target="en"),
        *several.translate(TEXTS, source="de", target="zh"),
    ]
    assert mixed[: len(TEXTS)] != mixed[len(TEXTS) :]


def test_a_restricted_vocabulary_is_kept_to(folder: Path, tmp_path: Path) -> None:
    tokenizer = Translator.from_pretrained(folder, device="cpu").tokenizer
    counts = torch.zeros(tokenizer.vocabulary_size, dtype=torch.int64)
    counts[torch.tensor(tokenizer.encode([TEXTS[3]])[0])] = 5
    counts[tokenizer.pieces(range(tokenizer.vocabulary_size)).index("▁")] = 5
    choose_by_counts(counts.numpy(), tokenizer, share=1.0).save(tmp_path / "words.json")
    narrow = Translator.from_pretrained(folder, device="cpu", vocabulary=tmp_path / "words.json")
    allowed = {*TEXTS[3], " ", "⁇"}  # what stands for the unknown can be written, as by any model here
    found = narrow.translate(TEXTS, source="de", target="en")
    assert any(found) and {*"".join(found)} <= allowed


def test_the_command_shows_rounds_and_resumes_only_the_same_work(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.de").write_text("\n".join([*TEXTS, ""]))
    same = [folder, "-s", "de", "-t", "en", "--precision", "fp32"]
    shown = command(*same, "--rounds", "3", "--show-rounds", text=f"{TEXTS[0]}\n\n")
    rows = [line.split(" ||| ") for line in shown.stdout.splitlines()]
    assert shown.returncode == 0 and rows[0][:2] == ["1", "0"] and rows[-1] == ["2", "0", ""]
    assert [row[1] for row in rows if row[0] == "1"] == [str(number) for number in range(len(rows) - 1)]
    work = [*same, "-i", tmp_path / "in.de", "-o", tmp_path / "out.en"]
    assert command(*work, "--rounds", "1").returncode == 0
    assert len((tmp_path / "out.en").read_text().splitlines()) == len(TEXTS)
    again = command(*work, "--rounds", "2", "--resume")
    assert again.returncode == 2 and "rounds" in again.stderr, again.stderr
