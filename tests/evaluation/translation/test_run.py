"""Evaluations with systems that are plain functions: what is translated, kept, scored and written."""

import dataclasses
import json
from importlib.util import find_spec

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.translation.hypotheses import translated, weights_hash
from anyglot.evaluation.translation.metrics import score
from anyglot.evaluation.translation.report_builder import Request, run
from anyglot.evaluation.translation.run import System, evaluate, unique_labels
from anyglot.evaluation.translation.scoring import Scoring
from anyglot.evaluation.translation.table import parse_tests
from support.evaluation_corpora import corpus


@pytest.fixture
def tests(tmp_path):
    entries = []
    for language in ("de", "hi"):
        sources, references = corpus(language, 30)
        (tmp_path / f"{language}.s").write_text("".join(f"{line or '-'}\n" for line in sources), "utf-8")
        (tmp_path / f"{language}.t").write_text("".join(f"{line}\n" for line in references), "utf-8")
        entries.append({"source": language, "target": "en", "files": [f"{language}.s", f"{language}.t"]})
    return parse_tests(entries, folder=tmp_path, where="tests")


def refusing(system, languages):
    """A system that cannot be told some languages."""

    def opener():
        made = system()

        def check(source, target):
            if source in languages:
                raise UserError(f"{made.label} has no token for {source}")

        return dataclasses.replace(made, check=check)

    return opener


class Counter:
    """Systems that count their calls: one copies its input, one gives every second word."""

    def __init__(self):
        self.calls, self.checks = [], []

    def opener(self, label, change, version="1"):
        def translate(texts, source, target):
            self.calls.append((label, source, target))
            return [change(text) for text in texts]

        kind = lambda source, target: "supervised" if source == "de" else "zero-shot"  # noqa: E731
        check = lambda source, target: self.checks.append((label, source, target))  # noqa: E731
        return lambda: System(label, {"version": version}, check, kind, translate, facts={"beam": 5})

    def systems(self, version="1"):
        return {
            "ours": self.opener("ours", lambda text: text, version),
            "half": self.opener("half", lambda text: " ".join(text.split()[::2])),
        }


def test_scores_kinds_differences_samples_and_files(tests, tmp_path):
    out = tmp_path / "out"
    found = evaluate(Counter().systems(), tests, out, baseline="half", samples=5, scoring=Scoring(resamples=100))
    ours, half, hindi, _ = found.results
    sources = (out / "tests" / "de-en.source.txt").read_text("utf-8").split("\n")[:-1]
    references = (out / "tests" / "de-en.reference.txt").read_text("utf-8").split("\n")[:-1]
    hypotheses = (out / "hypotheses" / "half" / "de-en.txt").read_text("utf-8").split("\n")[:-1]
    assert [text.split()[::2] for text in sources] == [text.split() for text in hypotheses]
    assert half.scores["BLEU"] == score("BLEU", hypotheses, references, target="en", resamples=100)
    assert ours.scores["chrF++"] == score("chrF++", sources, references, target="en", resamples=100)
    assert (ours.kind, hindi.kind, hindi.source, hindi.sentences) == ("supervised", "zero-shot", "hi", 30)
    assert half.differences == {} and ours.differences["BLEU"].value == pytest.approx(
        ours.scores["BLEU"].value - half.scores["BLEU"].value
    )
    assert [sample.language for sample in found.samples] == ["de"] * 3 + ["hi"] * 2
    assert all(sample.source == sample.output and sample.baseline is not None for sample in found.samples)
    again = evaluate(Counter().systems(), tests, tmp_path / "again", baseline="half", samples=5)
    assert again.samples == found.samples and again.data_hash == found.data_hash


def test_finished_hypotheses_are_kept_and_changed_ones_made_again(tests, tmp_path):
    counter = Counter()

    def calls(systems):
        counter.calls.clear()
        reused = evaluate(systems, tests, tmp_path / "out", scoring=Scoring(resamples=0)).reused
        return len(counter.calls), reused

    assert calls(counter.systems()) == (4, 0)
    assert calls(counter.systems()) == (0, 4)
    assert calls(counter.systems(version="2")) == (2, 2)
    kept = tmp_path / "out" / "hypotheses" / "half" / "de-en.txt"
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-5])
    assert calls(counter.systems(version="2")) == (1, 3) and kept.read_bytes() == whole
    (tmp_path / "out" / "hypotheses" / "half" / "hi-en.json").write_text("{")
    assert calls(counter.systems(version="2")) == (1, 3)
    (tmp_path / "de.s").write_text((tmp_path / "de.s").read_text("utf-8").replace("Haus", "Hof"), "utf-8")
    assert calls(counter.systems(version="2")) == (2, 2)


def test_every_pair_of_languages_is_checked_before_anything_is_translated(tests, tmp_path):
    counter = Counter()

    def change(text):
        assert counter.checks == [("ours", "de", "en"), ("ours", "hi", "en")]
        return text

    evaluate({"ours": counter.opener("ours", change)}, tests, tmp_path / "out", scoring=Scoring(resamples=0))
    assert len(counter.calls) == 2


def test_an_interrupted_evaluation_goes_on_with_the_test_set_it_stopped_at(tests, tmp_path):
    counter = Counter()

    def breaks(text):
        if len(counter.calls) > 1:
            raise KeyboardInterrupt
        return text

    with pytest.raises(KeyboardInterrupt):
        evaluate({"ours": counter.opener("ours", breaks)}, tests, tmp_path / "out")
    counter.calls.clear()
    evaluate({"ours": counter.opener("ours", str)}, tests, tmp_path / "out")
    assert counter.calls == [("ours", "hi", "en")]


def test_a_line_break_in_a_translation_does_not_shift_the_lines(tmp_path):
    made = ["a\nb", "c\u2028d\r\ne", ""]
    first, reused = translated(tmp_path / "x.txt", {}, 3, lambda: made)
    assert (first, reused) == (["a b", "c d e", ""], False)
    assert translated(tmp_path / "x.txt", {}, 3, lambda: made) == (first, True)
    with pytest.raises(UserError, match="4 lines went into the model but 3 came out"):
        translated(tmp_path / "y.txt", {}, 4, lambda: made)


@pytest.mark.skipif(find_spec("MeCab") is not None, reason="MeCab is installed here")
def test_a_tokenizer_that_is_not_there_is_told_before_any_model_is_opened(tests, tmp_path):
    with pytest.raises(UserError, match="ja-mecab' could not be loaded"):
        evaluate({"ours": lambda: pytest.fail("the model was opened")}, tests, tmp_path / "out",
                 scoring=Scoring(tokenizer="ja-mecab"))  # fmt: skip


def test_test_sets_are_read_before_any_model_is_opened(tests, tmp_path):
    (tmp_path / "hi.t").write_text("too short\n")
    with pytest.raises(UserError, match="Unequal line counts"):
        evaluate({"ours": lambda: pytest.fail("the model was opened")}, tests, tmp_path / "out")


def test_a_run_writes_a_report_with_curves_settings_and_signatures(tests, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "metrics.jsonl").write_text('{"event": "train", "stage": "joint", "update": 5, "loss": 2.5}\n' * 2)
    counter, said = Counter(), []
    table = run(
        Request(counter.systems(), {"ours": model}, tests, tmp_path / "out", Scoring(resamples=50, seed=9), "half",
                4),
        said.append,
    )  # fmt: skip
    assert "| de-en | de-en | supervised | 30 |" in table and "mean of 1" in table
    data = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert data["facts"]["Beam"] == "5" and data["facts"]["Seed"] == "9" and len(data["facts"]["Data hash"]) == 64
    assert data["curves"][0]["lines"][0]["points"] == [[5.0, 2.5]]
    assert data["tables"][1]["columns"][0] == "Test" and len(data["samples"]) == 4
    assert "bs:50|seed:9" in data["signatures"]["BLEU"][0]
    assert "half (baseline): mean" in data["summary"][1]
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Learning curves" in page and "Sample translations" in page and str(tmp_path) not in page
    assert any("report.html" in line for line in said)


def test_a_folder_in_the_way_is_told_before_anything_is_translated(tests, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match=r"cannot write .*out: file exists; choose another `out`"):
        run(Request({"ours": pytest.fail}, {}, tests, tmp_path / "out", Scoring(), None, 4), print)


def test_labels_are_short_and_different(tmp_path, monkeypatch):
    assert unique_labels(["runs/a/sixt", "runs/b/sixt", "owner/name", "x/sixt/"]) == (
        "sixt",
        "sixt-2",
        "name",
        "sixt-3",
    )
    monkeypatch.chdir(tmp_path)
    assert unique_labels(["."]) == (tmp_path.name,)
    with pytest.raises(UserError, match="given twice"):
        unique_labels(["a", "a"])


def test_the_weights_hash_sees_a_change_in_the_middle(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(bytes(5_000_000))
    before = weights_hash(tmp_path)
    changed = bytearray(5_000_000)
    changed[2_500_000] = 1
    (tmp_path / "model.safetensors").write_bytes(changed)
    assert weights_hash(tmp_path) != before


def test_w8_a_language_without_a_token_is_a_hole_in_one_models_row(tests, tmp_path):
    """It used to end the evaluation of all models; means are over what all of them translate."""
    told, systems = [], Counter().systems()
    systems["half"] = refusing(systems["half"], ("hi",))
    identifier = None
    request = Request(
        systems, {}, tests, tmp_path / "out", Scoring(resamples=50), "half", samples=4, identifier=identifier
    )
    table = run(request, told.append)
    assert any("half: hi-en is left out: half has no token for hi" in line for line in told)
    [hindi] = [line for line in table.splitlines() if "hi-en" in line]
    [german] = [line for line in table.splitlines() if "| de-en" in line]
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    scores = next(part for part in found["tables"] if part["title"] == "Scores")
    rows = {row[0]: dict(zip(scores["columns"], row, strict=True)) for row in scores["rows"]}
    assert rows["hi-en"]["BLEU half"] is None and rows["hi-en"]["BLEU ours"]["value"] > 0, (hindi, german)
    assert rows["hi-en"]["BLEU ours − baseline"] is None and rows["de-en"]["BLEU ours − baseline"] is not None
    assert "every model translates" in scores["note"]
    means = [row for name, row in rows.items() if name.startswith("mean of 1")]
    assert [row["BLEU ours"] for row in means] == [rows["de-en"]["BLEU ours"]["value"]]
    assert not (tmp_path / "out" / "hypotheses" / "half" / "hi-en.txt").exists()


def test_w8_a_model_that_can_be_told_no_language_is_refused(tests, tmp_path):
    systems = Counter().systems()
    systems["half"] = refusing(systems["half"], ("de", "hi"))
    with pytest.raises(UserError, match="no token for de"):
        evaluate(systems, tests, tmp_path / "out")
