"""Prefixes, several target languages and sampling at the Translator and at the command."""

from dataclasses import replace
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.inference.translation import SearchSettings, Translator
from anyglot.inference.translation.command import Work, run
from anyglot.inference.translation.prefixes import Prefixes
from support.tiny_translators import TEXTS

LONG = "Das Haus ist alt. Die Katze sieht den Vogel, und der Hund schläft im Garten. " * 6
SETTINGS = {
    "beam": SearchSettings(beam=4, n_best=3, max_length=14),
    "greedy": SearchSettings(decoder="greedy", max_length=14),
    "sample": SearchSettings(decoder="sample", n_best=3, max_length=14, temperature=0.8, top_k=40, top_p=0.95),
}


@pytest.mark.parametrize("decoder", SETTINGS)
def test_each_translation_begins_with_its_own_prefix(translator: Translator, decoder: str) -> None:
    prefixes = ["The old house", "", "A", "老房子", "The teacher gives the", "", "A small bird", ""]
    options = {"source": "de", "target": "en", "settings": SETTINGS[decoder]}
    together = translator.translate_n_best(TEXTS, prefixes=prefixes, **options)
    for text, prefix, candidates in zip(TEXTS, prefixes, together, strict=True):
        assert all(candidate.text.startswith(prefix) for candidate in candidates)
        [alone] = translator.translate_n_best([text], prefixes=[prefix], **options)
        assert [candidate.text for candidate in alone] == [candidate.text for candidate in candidates]
    free = translator.translate_n_best(TEXTS, **options)
    assert [a == b for a, b in zip(together, free, strict=True)] == [not prefix for prefix in prefixes]


def test_the_same_text_with_two_prefixes_and_an_empty_text(translator: Translator) -> None:
    texts, prefixes = [TEXTS[0], TEXTS[0], ""], ["The", "A", "The"]
    found = translator.translate(texts, source="de", target="en", prefixes=prefixes, max_length=9)
    assert found[0].startswith("The") and found[1].startswith("A") and found[2] == ""


@pytest.mark.parametrize("decoder", SETTINGS)
def test_of_a_split_text_the_first_piece_begins_with_the_prefix(translator: Translator, decoder: str) -> None:
    before = translator.counts.split
    options = {"source": "de", "target": "en", "settings": SETTINGS[decoder]}
    [begun] = translator.translate_n_best([LONG], prefixes=["The cat"], **options)
    [free] = translator.translate_n_best([LONG], **options)
    assert translator.counts.split == before + 2
    assert len(begun) == len(free) == SETTINGS[decoder].n_best
    assert all(candidate.text.startswith("The cat") for candidate in begun)
    assert begun[0].text != free[0].text and begun[0].text[-40:] == free[0].text[-40:]


def test_prefixes_no_translation_can_begin_with(translator: Translator) -> None:
    options = {"source": "de", "target": "en", "max_length": 5}
    with pytest.raises(UserError, match="'क' has characters this model cannot write"):
        translator.translate(["Haus"], prefixes=["क"], **options)
    with pytest.raises(UserError, match=r"has \d+ tokens, but a translation at most 5"):
        translator.translate(["Haus"], prefixes=[TEXTS[4]], **options)
    with pytest.raises(UserError, match="2 prefixes were given for 1 texts"):
        translator.translate(["Haus"], prefixes=["a", "b"], **options)
    with pytest.raises(TypeError, match="prefixes must be a sequence"):
        translator.translate(["Haus"], prefixes="a", **options)


def test_a_batch_into_several_languages(translator: Translator) -> None:
    """A text goes into each language as it does alone; pieces are joined in the way of each."""
    texts = [TEXTS[0], TEXTS[0], LONG, LONG, "", TEXTS[1]]
    targets = ["en", "zh", "zh", "eng_Latn", "en", "zh"]
    found = translator.translate(texts, source="de", target=targets, max_length=12)
    for text, target, translation in zip(texts, targets, found, strict=True):
        assert translator.translate([text], source="de", target=target, max_length=12) == [translation]
    with pytest.raises(UserError, match="not into German"):
        translator.translate(["Haus", "Hund"], source="ru", target=["en", "de"])
    with pytest.raises(UserError, match="1 target languages were given for 2 texts"):
        translator.translate(["Haus", "Hund"], source="ru", target=["en"])


def test_samples_belong_to_the_text_and_the_seed(translator: Translator) -> None:
    wanted = SETTINGS["sample"]
    options = {"source": "de", "target": "en"}
    together = translator.translate_n_best([*TEXTS, TEXTS[0]], settings=wanted, **options)
    turned = translator.translate_n_best(TEXTS[::-1], settings=replace(wanted, batch_tokens=1), **options)
    texts = [[candidate.text for candidate in row] for row in together]
    assert turned[::-1] == together[:-1] and together[-1] == together[0], "scores too, bit for bit"
    fewer = translator.translate_n_best(TEXTS, settings=replace(wanted, n_best=1), **options)
    assert [row[0].text for row in fewer] == [row[0] for row in texts[:-1]]
    other = translator.translate_n_best(TEXTS, settings=replace(wanted, seed=2), **options)
    assert [[candidate.text for candidate in row] for row in other] != texts[:-1]
    assert len({text for row in texts for text in row}) > 12


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": 0.5}, "`temperature` is a setting of sampling"),
        ({"decoder": "greedy", "top_k": 5}, "`top_k` is a setting of sampling"),
        ({"decoder": "sample", "temperature": 0.0}, "`temperature` must lie between"),
        ({"decoder": "sample", "top_k": 0}, "`top_k` must lie between"),
        ({"decoder": "sample", "top_p": 1.5}, "`top_p` must lie between 0 and 1"),
        ({"decoder": "sample", "seed": -1}, "`seed` must lie between"),
        ({"decoder": "greedy", "n_best": 2}, "or `decoder=sample`"),
    ],
)
def test_settings_that_do_not_fit(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SearchSettings(**wrong)  # type: ignore[arg-type]
    assert SearchSettings(decoder="sample", n_best=7).rows == 7


def test_prefixes_are_a_text_or_the_lines_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "prefixes.en").write_bytes(b"The\n\nA\tbird\n")
    of_file = Prefixes.read(str(tmp_path / "prefixes.en"))
    assert of_file.all == ("The", "", "A bird") and of_file.of_lines(2, 2) == ["", "A bird"]
    of_file.check_number(3)
    with pytest.raises(UserError, match="has 3 prefixes for 4 lines"):
        of_file.check_number(4)
    with pytest.raises(UserError, match="the input more lines"):
        of_file.of_lines(3, 2)
    text = Prefixes.read("The old")
    text.check_number(9)
    assert text.of_lines(7, 2) == ["The old", "The old"]
    assert len({of_file.fingerprint, text.fingerprint, Prefixes.read("The").fingerprint}) == 3
    for missing in ("prefixes.txt", str(tmp_path / "missing")):
        with pytest.raises(UserError, match="there is no file"):
            Prefixes.read(missing)
    assert Prefixes.read("x " * 5000).file is None


def test_the_command_with_prefixes_and_its_resumption(model_folder: Path, tmp_path: Path) -> None:
    source, output, prefixes = tmp_path / "in.de", tmp_path / "out.en", tmp_path / "prefixes.en"
    source.write_text("\n".join(TEXTS[:3]) + "\n")
    prefixes.write_text("The\n\nA small\n")

    def work(resume: bool, **settings: object) -> Work:
        chosen = replace(SETTINGS["sample"], n_best=2, **settings)  # type: ignore[arg-type]
        return Work(str(model_folder), "de", "en", chosen, source, output, "cpu", "fp32", resume, str(prefixes))

    run(work(False))
    lines = output.read_text().splitlines()
    assert [line.split(" ||| ")[0] for line in lines] == ["1", "1", "2", "2", "3", "3"]
    assert lines[0].startswith("1 ||| The") and lines[5].startswith("3 ||| A small")
    before = output.stat().st_mtime_ns
    run(work(True))
    for changed in ({"seed": 3}, {"top_p": None}, {"temperature": 1.0}, {"top_k": 39}):
        with pytest.raises(UserError, match=f"begun with another {next(iter(changed))}"):
            run(work(True, **changed))
    prefixes.write_text("The\n\nThe\n")
    with pytest.raises(UserError, match="begun with another prefix"):
        run(work(True))
    prefixes.write_text("The\n\n")
    with pytest.raises(UserError, match="has 2 prefixes for 3 lines"):
        run(work(False))
    assert output.stat().st_mtime_ns == before and output.read_text().splitlines() == lines
