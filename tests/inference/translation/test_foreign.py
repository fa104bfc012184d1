"""Other people's translation models: their own tokenizers and `generate` are the reference, token for token."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import LogitsProcessor, LogitsProcessorList

from anyglot.errors import UserError
from anyglot.inference.decoding import LengthRule, SearchConstraints, beam_search, greedy_search, pad_batch
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.inference.translation import Translator
from anyglot.text.lines import clean
from support import foreign_translators

LIMIT = 24
SPELLED = {
    "mbart50": {"de": "de_DE", "fr": "fr_XX", "ru": "ru_RU", "en": "en_XX"},
    "m2m_100": {"de": "de", "fr": "fr", "ru": "ru", "en": "en"},
    "nllb": {"de": "deu_Latn", "fr": "fra_Latn", "ru": "rus_Cyrl", "en": "eng_Latn"},
}
SPELLED |= {"mbart": SPELLED["mbart50"], "nllb_legacy": SPELLED["nllb"]}


class Pair:
    """One folder in both toolkits."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = foreign_translators.write(name, folder)
        self.ours = Translator.from_pretrained(self.folder, device="cpu", precision="fp32")
        self.model: Any = transformers.AutoModelForSeq2SeqLM.from_pretrained(self.folder).eval()
        self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(self.folder)

    def reference_inputs(self, texts: list[str], source: str, target: str) -> Any:
        """What transformers' own tokenizer makes of the texts, padded."""
        if self.name.startswith("marian"):
            token = {"fr": ">>fra<<", "ru": ">>rus<<"}[target] if self.name != "marian_pair" else ""
            texts = [token + text for text in texts]
        else:
            self.tokenizer.src_lang = SPELLED[self.name][source]
        return self.tokenizer(texts, return_tensors="pt", padding=True)

    def forced(self, target: str) -> dict[str, int]:
        """How `generate` is told the target language."""
        if self.name.startswith("marian"):
            return {}
        id = int(self.tokenizer.convert_tokens_to_ids(SPELLED[self.name].get(target, "")))
        if self.name == "m2m_100":
            id = self.tokenizer.get_lang_id(target)
        return {"decoder_start_token_id" if self.name == "mbart" else "forced_bos_token_id": id}


@pytest.fixture(scope="module", params=foreign_translators.FOLDERS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    torch.set_num_threads(1)
    return Pair(request.param, tmp_path_factory.mktemp("foreign") / request.param)


class EndAtLimit(LogitsProcessor):
    """Leaves the end token alone at the limit, with its log-probability, as our search does."""

    def __init__(self, length: int, end: int) -> None:
        self.length, self.end = length, end

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if input_ids.shape[1] < self.length:
            return scores
        ending = torch.full_like(scores, -torch.inf)
        ending[:, self.end] = scores[:, self.end]
        return ending


def targets_of(pair: Pair) -> list[str]:
    return ["fr"] if pair.name == "marian_pair" else ["fr", "ru"]


class Never(LogitsProcessor):
    """Keeps special tokens out of the text once the language has been forced, as our search does."""

    def __init__(self, ids: list[int], start: int) -> None:
        self.ids, self.start = ids, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if input_ids.shape[1] < self.start:
            return scores
        return scores.index_fill(1, torch.tensor(self.ids), -torch.inf)


def generated(pair: Pair, texts: list[str], target: str, **options: Any) -> list[list[int]]:
    """transformers' translations without start, language and end tokens."""
    framing = pair.ours.framing
    start, end = len(framing.start(framing.target(target))), pair.model.config.eos_token_id
    rules = [Never(list(prompt_of(pair, target).never), start), EndAtLimit(start + LIMIT, end)]
    rows = pair.model.generate(
        **pair.reference_inputs(texts, "de", target),
        max_length=start + LIMIT + 1,
        do_sample=False,
        logits_processor=LogitsProcessorList(rules),
        **options,
    )
    cut = [row[start:] for row in rows.tolist()]
    return [row[: row.index(end)] if end in row else row for row in cut]


def prompt_of(pair: Pair, target: str) -> SearchConstraints:
    return pair.ours.searching.prompt([pair.ours.framing.target(target)], [()])


def searched(
    pair: Pair, texts: list[str], target: str, *, beams: int = 1, length_penalty: float = 1.0, minimum: int = 0
) -> list[list[int]]:
    framing = pair.ours.framing
    spelled = framing.target(target)
    encoded = framing.encode(texts, framing.source("de"), [spelled] * len(texts))
    source, mask = pad_batch(encoded, pair.ours.tokenizer.pad_id, torch.device("cpu"))
    known = prompt_of(pair, target)
    prompt = SearchConstraints(start=framing.start(spelled), end=known.end, never=known.never)
    options: dict[str, Any] = {"length": LengthRule(LIMIT, minimum=minimum), "length_penalty": length_penalty}
    stepping = EncoderDecoderStepModel(pair.ours.model)
    if beams == 1:
        return [list(one.tokens) for one in greedy_search(stepping, source, mask, prompt, **options)]
    return [list(one[0].tokens) for one in beam_search(stepping, source, mask, prompt, beams=beams, **options)]


def test_source_tokens_equal_the_tokenizers_own(pair: Pair) -> None:
    texts = foreign_translators.sentences()
    framing = pair.ours.framing
    for target in targets_of(pair):
        expected = pair.reference_inputs(texts, "de", target)
        rows = [
            [id for id, kept in zip(ids, mask, strict=True) if kept]
            for ids, mask in zip(expected["input_ids"].tolist(), expected["attention_mask"].tolist(), strict=True)
        ]
        assert framing.encode(texts, framing.source("de"), [framing.target(target)] * len(texts)) == rows


def test_greedy_translations_equal_generates_token_for_token(pair: Pair) -> None:
    """With the folder's own generation settings, and the target language forced as transformers' manual says."""
    texts = foreign_translators.sentences()
    assert len(texts) >= 50
    for target in targets_of(pair):
        expected = generated(pair, texts, target, num_beams=1, **pair.forced(target))
        assert searched(pair, texts, target) == expected
        assert len({tuple(row) for row in expected}) > 10, "outputs that are all alike prove little"


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_beams_equal_generates_token_for_token(pair: Pair, length_penalty: float) -> None:
    """`forced_bos_token_id` counts the language token as a word of the output that costs nothing.

    So the two rank hypotheses alike when length does not count, or when the language is given as a decoder input.
    """
    texts = foreign_translators.sentences()
    for target in targets_of(pair):
        language: dict[str, Any] = pair.forced(target)
        if length_penalty and "forced_bos_token_id" in language:
            start = pair.ours.framing.start(pair.ours.framing.target(target))
            language = {"decoder_input_ids": torch.tensor([start] * len(texts))}
        options = {"num_beams": 4, "early_stopping": True, "length_penalty": length_penalty}
        with without_padding(pair.model):
            expected = generated(pair, texts, target, **options, **language)
        assert searched(pair, texts, target, beams=4, length_penalty=length_penalty) == expected


@contextmanager
def without_padding(model: Any) -> Iterator[None]:
    """Marian's padding token, silenced in the reference's weights instead of by its generation settings.

    Those renormalise after every other rule, which would make an end forced by the limit free.
    """
    settings, bias = model.generation_config, getattr(model, "final_logits_bias", None)
    if not settings.renormalize_logits or bias is None:
        yield
        return
    pad = model.config.pad_token_id
    before = bias[0, pad].clone()
    settings.renormalize_logits, bias[0, pad] = False, -1e9
    yield
    settings.renormalize_logits, bias[0, pad] = True, before


def test_marians_padding_takes_no_probability(pair: Pair) -> None:
    """Our output layer gives what transformers' `bad_words_ids` with `renormalize_logits` give."""
    if not pair.name.startswith("marian"):
        pytest.skip("only Marian's padding token was added afterwards")
    inputs = pair.reference_inputs(foreign_translators.sentences()[:3], "de", "fr")
    start = torch.full((3, 1), pair.model.config.decoder_start_token_id)
    with torch.no_grad():
        logits = pair.model(**inputs, decoder_input_ids=start).logits[:, 0]
        states = pair.ours.model(inputs["input_ids"], inputs["attention_mask"].bool(), start)
        ours = pair.ours.model.output(states)[:, 0].log_softmax(-1)
    logits[:, pair.model.config.pad_token_id] = -torch.inf
    theirs = logits.log_softmax(-1)
    kept = theirs.isfinite()
    torch.testing.assert_close(ours[kept], theirs[kept], atol=2e-5, rtol=0)
    assert (ours[~kept] < -1e8).all()


def test_texts_equal_the_tokenizers_own(pair: Pair) -> None:
    texts = [text for text in foreign_translators.sentences() if len(pair.ours.tokenizer.encode([text])[0]) < LIMIT][
        :20
    ]
    assert len(texts) > 5
    rows = searched(pair, texts, "fr", beams=4, minimum=1)
    expected = [clean(text) for text in pair.tokenizer.batch_decode(rows, skip_special_tokens=True)]
    assert pair.ours.translate(texts, source="deu", target="fra", beam=4, max_length=LIMIT) == expected


def test_several_targets_in_one_call(pair: Pair) -> None:
    if len(targets_of(pair)) == 1:
        pytest.skip("a model of one target language")
    texts = foreign_translators.sentences()[:6]
    mixed = pair.ours.translate([*texts, *texts], source="de", target=["fr"] * 6 + ["ru"] * 6, beam=2, max_length=LIMIT)
    alone = [pair.ours.translate(texts, source="de", target=t, beam=2, max_length=LIMIT) for t in ("fr", "ru")]
    assert mixed == alone[0] + alone[1] and alone[0] != alone[1]


def test_an_unknown_language_lists_those_close_by(pair: Pair) -> None:
    target = "sr-Latn" if pair.name != "marian_pair" else "de"
    with pytest.raises(UserError) as caught:
        pair.ours.translate(["a"], source="de", target=target)
    said = {"marian_pair": "translates into French (fr) only, not into German (de)"}
    assert said.get(pair.name, "no token for Serbian (Latin) (sr-Latn): its nearest are ") in str(caught.value)
    with pytest.raises(UserError, match="Unknown language code 'xxy'"):
        pair.ours.translate(["a"], source="de", target="xxy")


def test_a_source_the_model_was_not_trained_on_is_remarked(pair: Pair) -> None:
    fresh = Translator.from_pretrained(pair.folder, device="cpu", precision="fp32")
    if pair.name.startswith("marian"):
        with pytest.warns(UserWarning, match=r"trained on German \(de\), not on Finnish \(fi\)"):
            fresh.check_languages("fi", "fr")
    elif pair.name != "mbart":
        assert fresh.framing.warning(fresh.framing.source("fi"), fresh.framing.target("fr")) is None


def test_text_that_spells_a_token_is_text(pair: Pair) -> None:
    hidden = pair.ours.tokenizer._hidden  # type: ignore[attr-defined]
    for text in (">>fra<< Das Haus", "fr_XX Das Haus", "__fr__ Das </s> Haus", "fra_Latn <pad>"):
        for row in pair.ours.tokenizer.encode([text]):
            assert not hidden & set(row)


@pytest.mark.parametrize(("called", "warned"), [("mbart-large-50", True), ("mbart-large-50-many-to-many-mmt", False)])
def test_a_pretrained_mbart_is_remarked(called: str, warned: bool, tmp_path: Path) -> None:
    translator = Translator.from_pretrained(foreign_translators.write("mbart50", tmp_path / called), device="cpu")
    remark = translator.framing.warning("de_DE", "fr_XX")
    assert (remark is not None) == warned and (remark is None or "never taught to translate" in remark)


def test_a_token_beyond_the_models_table_is_none(tmp_path: Path) -> None:
    """A tokenizer knows all its class's languages, whatever the checkpoint was trained with."""
    folder = foreign_translators.write("m2m_100", tmp_path / "small")
    translator = Translator.from_pretrained(folder, device="cpu")
    rows = translator.model.config.encoder.embeddings.vocabulary_size
    tokens = translator.tokenizer.language_tokens
    assert tokens is not None
    file, weights = folder / "config.json", folder / "model.safetensors"
    tensors = load_file(weights)
    tensors = {name: value[: rows - 20].clone() if len(value) == rows else value for name, value in tensors.items()}
    save_file(tensors, weights)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"vocab_size": rows - 20}))
    trimmed = Translator.from_pretrained(folder, device="cpu")
    lost = [spelling for spelling, id in tokens.ids.items() if id >= rows - 20]
    assert lost
    with pytest.raises(UserError, match="has no token for"):
        trimmed.check_languages("de", lost[0])
    trimmed.check_languages("de", next(iter(tokens.ids)))


def test_the_command(tmp_path: Path) -> None:
    """translate and evaluate drive such a folder; a language without a token writes nothing."""
    from typer.testing import CliRunner

    from anyglot.cli.main import app

    folder = foreign_translators.write("nllb", tmp_path / "nllb")
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
    source, reference = tmp_path / "test.de", tmp_path / "test.fr"
    source.write_text("\n".join(foreign_translators.sentences()[:8]) + "\n")
    reference.write_text("\n".join(foreign_translators.sentences("fr")[:8]) + "\n")
    runner = CliRunner()
    common = [str(folder), "--source", "de", "--input", str(source), "--beam", "2", "--max-length", "24"]
    wrong = runner.invoke(app, ["translate", *common, "--target", "sr-Latn", "--output", str(tmp_path / "none")])
    assert isinstance(wrong.exception, UserError) and not list(tmp_path.glob("none*"))
    done = runner.invoke(app, ["translate", *common, "--target", "fra_Latn", "--output", str(tmp_path / "out")])
    assert done.exit_code == 0 and len((tmp_path / "out").read_text().splitlines()) == 8
    options = ["--target", "fr", "--reference", str(reference), "--out", str(tmp_path / "scores"), "--resamples", "0"]
    scored = runner.invoke(app, ["evaluate", "translation", *common, *options])
    assert scored.exit_code == 0, scored.output
    report = json.loads((tmp_path / "scores" / "report.json").read_text())
    assert "chrF++" in json.dumps(report)
