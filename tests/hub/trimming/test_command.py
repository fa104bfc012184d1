"""`anyglot model trim`, `anyglot data vocabulary`, and translating with what they made."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import pytest

from anyglot.cli.main import main
from anyglot.errors import UserError
from anyglot.hub.trimming import Trimmed
from anyglot.inference.translation import Translator
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.trimmed_record import UnreadableWarning
from anyglot.text.vocabulary import Vocabulary

TRANSLATE = ("--source", "de", "--target", "en", "--decoder", "greedy", "--max-length", "8", "--device", "cpu")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Runs a command: exit code, standard output, standard error."""

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["anyglot", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended, warnings.catch_warnings():
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return command


def test_trim_tells_what_it_did(run, full: Path, texts: dict[str, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "small"
    code, told, _ = run(
        "model", "trim", full, "--out", out, "--corpus", texts["de"], "--corpus", texts["en"], "--coverage", 0.99
    )
    assert code == 0, told
    rows = load_tokenizer(out).vocabulary_size
    assert f"{out}: {rows} of 900 rows; scripts Latin" in told
    for word in ("memory in fp32", "on disk", "800 sentences", "unknown", "segmented otherwise"):
        assert word in told
    code, _, told = run("model", "trim", full, "--out", out, "--scripts", "Latin")
    assert code == 2 and told.startswith("anyglot: ") and "exists already" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --corpus, --scripts or --languages"),
        (("--scripts", "Latin, Elvish"), "no script 'Elvish'"),
        (("--scripts", "Latin", "--coverage", "0.5"), "count tokens of a text"),
        (("--corpus", "missing.txt"), "missing.txt"),
    ],
)
def test_a_mistake_is_one_sentence(  # type: ignore[no-untyped-def]
    run, full: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, out, told = run("model", "trim", full, "--out", tmp_path / "small", *arguments)
    assert (code, out) == (2, "") and told.count("\n") == 1 and message in told
    assert not list(tmp_path.iterdir())


def test_a_dropped_script_is_refused_and_nothing_written(  # type: ignore[no-untyped-def]
    run, trimmed: tuple[Path, Trimmed], texts: dict[str, Path], tmp_path: Path
) -> None:
    output = tmp_path / "out.txt"
    code, _, told = run("translate", trimmed[0], *TRANSLATE, "--input", texts["ru"], "--output", output)
    assert code == 2 and "Traceback" not in told
    [sentence] = [line for line in told.splitlines() if "characters are unknown" in line]
    assert "95% of the text" in sentence and "trimmed to Latin" in sentence
    assert not list(tmp_path.iterdir())


def test_some_unknown_characters_are_counted(  # type: ignore[no-untyped-def]
    run, trimmed: tuple[Path, Trimmed], tmp_path: Path
) -> None:
    (tmp_path / "in.txt").write_text("Das Haus ist alt.\nDer дом ist alt.\n")
    output = tmp_path / "out.txt"
    code, _, told = run("translate", trimmed[0], *TRANSLATE, "--input", tmp_path / "in.txt", "--output", output)
    assert code == 0 and output.read_text().count("\n") == 2
    assert "with characters this trimmed model does not know: 1" in told


def test_the_library_warns_and_refuses_too(trimmed: tuple[Path, Trimmed], full: Path) -> None:
    small, whole = Translator.from_pretrained(trimmed[0], "cpu"), Translator.from_pretrained(full, "cpu")
    options = {"source": "de", "target": "en", "max_length": 4, "decoder": "greedy"}
    with pytest.warns(UnreadableWarning, match="1 of 2 texts"):
        small.translate(["Das Haus ist alt.", "Ein дом ist alt."], **options)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="translate with the full model"):
        small.translate(["старый дом"], **options)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnreadableWarning)
        whole.translate(["старый дом", "ελληνικά"], **options)  # type: ignore[arg-type]
        small.translate(["", "Das Haus ist alt."], **options)  # type: ignore[arg-type]


def test_a_vocabulary_restricts_a_translation(  # type: ignore[no-untyped-def]
    run, full: Path, texts: dict[str, Path], tmp_path: Path
) -> None:
    choice, output = tmp_path / "english.json", tmp_path / "out.txt"
    code, told, _ = run("data", "vocabulary", full, "--out", choice, "--corpus", texts["en"], "--coverage", 0.95)
    tokenizer = load_tokenizer(full)
    vocabulary = Vocabulary.load(choice, tokenizer)
    assert code == 0 and f"{len(vocabulary)} of 900 rows" in told and "all characters of Latin" in told
    again = Translator.from_pretrained(full, "cpu", vocabulary=choice)
    assert again.model.output.size == len(vocabulary)
    assert again.identity != Translator.from_pretrained(full, "cpu").identity
    (tmp_path / "in.txt").write_text("".join(texts["de"].read_text().splitlines(keepends=True)[:8]))
    code, _, told = run(
        "translate", full, *TRANSLATE, "--input", tmp_path / "in.txt", "--output", output, "--vocabulary", choice
    )
    assert code == 0, told
    expected = again.translate(
        (tmp_path / "in.txt").read_text().splitlines(), source="de", target="en", max_length=8, decoder="greedy"
    )
    assert output.read_text().splitlines() == expected


def test_a_vocabulary_of_another_model_is_refused(  # type: ignore[no-untyped-def]
    run, full: Path, trimmed: tuple[Path, Trimmed], tmp_path: Path
) -> None:
    choice = tmp_path / "latin.json"
    assert run("data", "vocabulary", trimmed[0], "--out", choice, "--scripts", "Latin")[0] == 0
    (tmp_path / "in.txt").write_text("Das Haus\n")
    wanted = (*TRANSLATE, "--input", tmp_path / "in.txt", "--vocabulary")
    code, _, told = run("translate", full, *wanted, choice)
    assert code == 2 and "made for another tokenizer" in told
    document = json.loads(choice.read_text())
    document["runs"][0][1] += 1
    choice.write_text(json.dumps(document))
    code, _, told = run("translate", trimmed[0], *wanted, choice)
    assert code == 2 and "damaged" in told
