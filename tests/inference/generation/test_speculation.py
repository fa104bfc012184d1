"""`--decoder speculative`: greedy search's translations, wherever drafts come from; what they were worth is told."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.inference.decoding import Speculated
from anyglot.inference.decoding.protocols import Hypothesis
from anyglot.inference.generation.pieces import Candidate, Piece
from anyglot.inference.generation.speculation import Speculation, drafted
from anyglot.inference.translation import SearchSettings, Translator
from anyglot.inference.translation.command import Work, run
from anyglot.inference.translation.prefixes import Prefixes
from inference.translation.test_command import COMMAND, ENVIRONMENT
from support.tiny_translators import write_model_folder

LONG = " ".join(["Das Haus ist alt."] * 12)  # more than the model takes: it is split
SHORT = ["Das Haus ist.", "Der Hund.", "Die Katze im", "Kind ein Buch"]
LINES = [*SHORT, "", LONG, SHORT[0]]


@pytest.fixture(scope="module")
def greedy(translator: Translator) -> list[list[Candidate]]:
    settings = SearchSettings(decoder="greedy", max_length=20)
    return translator.translate_n_best(LINES, source="de", target="en", settings=settings)


def speculated(translator: Translator, draft: Translator | list[str] | None) -> list[list[Candidate]]:
    settings = SearchSettings(decoder="speculative", max_length=20)
    translator.counts.speculation = Speculation()
    return translator.translate_n_best(LINES, source="de", target="en", settings=settings, draft=draft)


def test_a_model_drafts_for_itself(translator: Translator, greedy: list[list[Candidate]], model_folder: Path) -> None:
    """Its drafts are perfect: one pass a piece. As ids, for its text may be cut in another way."""
    assert speculated(translator, Translator.from_pretrained(model_folder, "cpu", "fp32")) == greedy
    found = translator.counts.speculation
    # The drafter's limit is 200 tokens, ours 20: what it writes beyond is not looked at.
    assert found.sentences == found.passes > len(SHORT) and found.tokens > 2 * found.passes


def test_another_model_drafts(translator: Translator, greedy: list[list[Candidate]], tmp_path: Path) -> None:
    other = write_model_folder(tmp_path / "other", seed=11)
    assert speculated(translator, Translator.from_pretrained(other, "cpu", "fp32")) == greedy
    assert translator.counts.speculation.drafted > 0


def test_texts_and_nothing_draft(translator: Translator, greedy: list[list[Candidate]]) -> None:
    steps = speculated(translator, [""] * len(LINES))
    without = translator.counts.speculation
    assert steps == greedy and without.passes == without.tokens and without.drafted == 0
    assert speculated(translator, [candidates[0].text for candidates in greedy]) == greedy
    assert translator.counts.speculation.passes < without.passes
    assert speculated(translator, None) == greedy, "the source stands in"
    assert translator.counts.speculation.drafted > 0


class Parrot:
    """Drafts what it was told, with tokens or without."""

    def __init__(self, tokenizer: object, tokens: tuple[int, ...]) -> None:
        self.tokenizer, self.tokens = tokenizer, tokens

    def draft(self, texts: list[str], source: str, targets: list[str]) -> list[Candidate]:
        return [Candidate("The old house.", 0.0, tokens=self.tokens) for _ in texts]


def test_tokens_are_taken_where_tokenizers_are_the_same(translator: Translator) -> None:
    class Foreign:
        fingerprint = "another"

    [text] = translator.tokenizer.encode_target(["The old house."])
    piece = Piece("Das alte Haus.", "en")
    for tokenizer, tokens, expected in (
        (translator.tokenizer, (7, 8), (7, 8)),
        (translator.tokenizer, (), tuple(text)),  # a text in parts
        (Foreign(), (7, 8), tuple(text)),
    ):
        [found] = drafted([piece], "de", Parrot(tokenizer, tokens), translator.tokenizer)  # type: ignore[arg-type]
        assert found.draft == expected and found.source == piece.source


def test_the_figures() -> None:
    counts = Speculation()
    counts.add(
        [Speculated(Hypothesis([5] * 9, 0.0, 0.0), 2, 10, 8), Speculated(Hypothesis([5] * 4, 0.0, 0.0), 1, 4, 4)]
    )
    assert str(counts) == (
        "speculative decoding: 5.00 tokens a pass, 1.50 passes a sentence, 85.7 % of 14 drafted tokens accepted"
    )


def test_what_does_not_fit(translator: Translator, model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="1 drafts were given for 2 texts"):
        translator.translate(["a", "b"], source="de", target="en", decoder="speculative", draft=["a"])
    with pytest.raises(UserError, match="a draft is for `decoder=speculative`, not for beam"):
        translator.translate(["a"], source="de", target="en", draft=["a"])
    with pytest.raises(UserError, match="search that keeps 1"):
        SearchSettings(decoder="speculative", n_best=2)
    with pytest.raises(UserError, match="no file"):
        Prefixes.drafts(str(tmp_path / "missing"))

    def work(decoder: str, **drafts: str) -> Work:
        settings = SearchSettings(decoder=decoder)  # type: ignore[arg-type]
        return Work(str(model_folder), "de", "en", settings, None, None, "cpu", "fp32", False, **drafts)

    with pytest.raises(UserError, match="drafts are for `decoder=speculative`"):
        run(work("greedy", draft=str(model_folder)))
    with pytest.raises(UserError, match="two sources of drafts"):
        run(work("speculative", draft=str(model_folder), draft_file="x"))


def test_the_command(model_folder: Path, tmp_path: Path) -> None:
    """With a draft a line: the output of --decoder greedy, and the figures on standard error."""
    source, drafts, output = tmp_path / "in.de", tmp_path / "drafts.en", tmp_path / "out.en"
    source.write_text("\n".join(SHORT) + "\n")
    greedy = SearchSettings(decoder="greedy", max_length=20)
    run(Work(str(model_folder), "de", "en", greedy, source, drafts, "cpu", "fp32", False))
    command = [sys.executable, str(COMMAND), str(model_folder), "-s", "de", "-t", "en", "--max-length", "20"]
    command += ["--device", "cpu", "-i", str(source), "--decoder", "speculative", "--draft-file", str(drafts)]
    found = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert found.returncode == 0 and found.stdout == drafts.read_text() and found.stdout.count("\n") == len(SHORT)
    assert re.search(r"[\d.]+ tokens a pass, [\d.]+ passes a sentence, [\d.]+ % of \d+ drafted tokens", found.stderr)
    drafts.write_text("one\n")
    settings = SearchSettings(decoder="speculative")
    with pytest.raises(UserError, match="has 1 drafts for 4 lines"):
        run(Work(str(model_folder), "de", "en", settings, source, output, "cpu", "fp32", False, draft_file=str(drafts)))
