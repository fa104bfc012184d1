"""Tatoeba: both layouts, both directions, and the layer that is chosen on one half only."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.protocol import DEFAULTS, TATOEBA_PRESETS
from anyglot.evaluation.retrieval.run import Request, run_tatoeba
from anyglot.evaluation.retrieval.sweep import ModelResult, score_language
from anyglot.evaluation.retrieval.tatoeba import (
    XTREME_LANGUAGES,
    SentencePairs,
    choose_languages,
    find_languages,
    hits,
    in_first_half,
    read_pairs,
)
from anyglot.text.encoder_templates import MissingToken
from support.toy_vectors import system

PROTOCOL = dataclasses.replace(DEFAULTS["tatoeba"], layer=0)
GERMAN = ["Zwei Hunde.", "Ein Haus.", "Drei Katzen.", "Kein Baum."]
ENGLISH = ["Two dogs.", "A house.", "Three cats.", "No tree."]


def write_raw(folder, code="deu", other=GERMAN, english=ENGLISH):
    folder.mkdir(exist_ok=True)
    (folder / f"tatoeba.{code}-eng.{code}").write_text("".join(f"{line}\n" for line in other), "utf-8")
    (folder / f"tatoeba.{code}-eng.eng").write_text("".join(f"{line}\n" for line in english), "utf-8")
    return folder


def write_sorted(folder, code="de", other=GERMAN, english=ENGLISH):
    folder.mkdir(exist_ok=True)
    gold = sorted(range(len(english)), key=lambda row: english[row])
    (folder / f"{code}-en.{code}").write_text("".join(f"{line}\n" for line in other), "utf-8")
    (folder / f"{code}-en.en").write_text("".join(f"{english[row]}\n" for row in gold), "utf-8")
    (folder / f"test-{code}.tsv").write_text("".join(f"{row}\n" for row in gold), "utf-8")
    return folder


def pairs_of(other, english, gold=None):
    rows = np.arange(len(other)) if gold is None else np.asarray(gold)
    return SentencePairs("de", tuple(other), tuple(english), rows, "")


def naive(queries, base):
    """The nearest row of each query, by a loop in float64; of equal ones the lowest."""
    found = []
    for query in np.asarray(queries, np.float64):
        cosines = []
        for row in np.asarray(base, np.float64):
            lengths = np.linalg.norm(query) * np.linalg.norm(row)
            cosines.append(float(np.float32(query @ row / lengths)) if lengths else 0.0)
        found.append(int(np.argmax(cosines)))
    return found


def test_both_layouts_hold_the_same_pairs(tmp_path):
    raw = read_pairs(find_languages(write_raw(tmp_path / "raw"))["de"])
    ordered = read_pairs(find_languages(write_sorted(tmp_path / "sorted"))["de"])
    assert raw.other == ordered.other and raw.english != ordered.english
    for each in (raw, ordered):
        assert {(each.other[row], english) for english, row in zip(each.english, each.gold, strict=True)} == set(
            zip(GERMAN, ENGLISH, strict=True)
        )
    assert (raw.tuning_half(3) == ordered.tuning_half(3)).all()


@settings(max_examples=40, deadline=None)
@given(some.integers(1, 9), some.integers(0, 10_000))
def test_both_layouts_score_alike_and_as_a_naive_search(rows, seed):
    generator = np.random.default_rng(seed)
    other, english = generator.normal(size=(2, rows, 5)).astype(np.float32)
    texts = [f"x{row}" for row in range(rows)], [f"e{row}" for row in range(rows)]
    order = generator.permutation(rows)
    raw = hits(pairs_of(*texts), other, english, PROTOCOL)
    shuffled = hits(pairs_of(texts[0], [texts[1][row] for row in order], order), other, english[order], PROTOCOL)
    assert raw["from-english"].tolist() == [found == row for row, found in enumerate(naive(english, other))]
    assert raw["to-english"].tolist() == [found == row for row, found in enumerate(naive(other, english))]
    for direction in raw:
        assert (raw[direction] == shuffled[direction]).all()


def test_english_asks_among_the_other_sides_sentences():
    # Both English sentences are nearest to the first German one; both German ones to their own translations.
    english = np.array([[1.0, 0.0], [1.0, 0.5]], np.float32)
    german = np.array([[1.0, 0.1], [1.0, 9.0]], np.float32)
    found = hits(pairs_of(GERMAN[:2], ENGLISH[:2]), german, english, PROTOCOL)
    assert found["from-english"].tolist() == [True, False]
    assert found["to-english"].tolist() == [True, True]
    xtreme = dataclasses.replace(TATOEBA_PRESETS["xtreme"], layer=0, depth=None)
    assert set(hits(pairs_of(GERMAN[:2], ENGLISH[:2]), german, english, xtreme)) == {"from-english"}


def test_another_row_of_the_same_sentence_counts_only_where_texts_are_compared():
    same = np.eye(2, dtype=np.float32)[[0, 0]]
    pairs = pairs_of(["Hallo!", "Hallo!"], ["Hi!", "Hello!"])
    assert hits(pairs, same, same, PROTOCOL)["from-english"].tolist() == [True, False]
    by_text = dataclasses.replace(PROTOCOL, duplicates="texts")
    assert hits(pairs, same, same, by_text)["from-english"].tolist() == [True, True]
    assert hits(pairs, same, same, by_text)["to-english"].tolist() == [True, False]  # Hi! is not Hello!
    assert pairs.repeated == 1


def test_a_margin_frees_a_query_from_a_sentence_that_is_near_to_all():
    # The second German sentence is a hub: near to both English ones, and to the first a little nearer than its own.
    english = np.array([[1.0, 0.05, 0.3], [0.0, 1.0, 0.3]], np.float32)
    german = np.array([[0.75, -0.75, 0.1], [0.8, 0.8, 0.5]], np.float32)
    pairs = pairs_of(GERMAN[:2], ENGLISH[:2])
    cosine = hits(pairs, german, english, PROTOCOL)["from-english"]
    margin = hits(pairs, german, english, dataclasses.replace(PROTOCOL, margin="ratio", k=2))["from-english"]
    assert cosine.tolist() == [False, True]
    assert margin.tolist() == [True, True]


def test_centring_takes_away_what_a_language_has_in_common():
    shifts = np.array([[0.0, 2.0, 0.0], [5.0, 0.0, 0.0]], np.float32)
    base = np.array([[0, 1, 0], [0, 0, 1], [0, -1, 0], [0, 0, -1]], np.float32)
    vectors = {text: [vector] for text, vector in zip(ENGLISH, base + shifts[0], strict=True)}
    vectors |= {text: [vector] for text, vector in zip(GERMAN, base + shifts[1], strict=True)}
    plain = score_language(system(vectors), pairs_of(GERMAN, ENGLISH), PROTOCOL, seed=1)
    centered = score_language(
        system(vectors), pairs_of(GERMAN, ENGLISH), dataclasses.replace(PROTOCOL, center=True), seed=1
    )
    assert centered.accuracies("from-english").tolist() == [100.0] > plain.accuracies("from-english").tolist()


def test_the_layer_is_chosen_on_one_half_and_scored_on_the_other():
    other, english = [f"x{row}" for row in range(40)], [f"e{row}" for row in range(40)]
    pairs = pairs_of(other, english)
    half = pairs.tuning_half(1)
    assert 8 < half.sum() < 32
    basis = np.eye(40, dtype=np.float32)
    wrong = np.roll(basis, 1, axis=0)
    # Layer 0 finds the first half only, layer 1 the second only.
    vectors = {text: [basis[row]] * 2 for row, text in enumerate(other)}
    for row, text in enumerate(english):
        vectors[text] = [basis[row], wrong[row]] if half[row] else [wrong[row], basis[row]]
    protocol = DEFAULTS["tatoeba"]
    result = score_language(system(vectors, 2), pairs, protocol, seed=1)
    model = ModelResult("toy", 2, protocol, {"de": result})
    assert result.accuracies("from-english", half).tolist() == [100.0, 0.0]
    assert result.accuracies("from-english", ~half).tolist() == [0.0, 100.0]
    assert model.chosen_layer() == 0
    assert model.best_layer() == (0 if half.sum() >= 20 else 1)


def test_halves_depend_on_the_seed_and_on_nothing_else():
    keys = [f"sentence {number}" for number in range(400)]
    assert [in_first_half(key, 1) for key in keys] == [in_first_half(key, 1) for key in keys]
    assert [in_first_half(key, 1) for key in keys] != [in_first_half(key, 2) for key in keys]
    assert 150 < sum(in_first_half(key, 1) for key in keys) < 250


def test_languages_are_found_by_any_code_and_missing_ones_are_named(tmp_path):
    folder = write_raw(tmp_path / "data")
    write_raw(folder, "cmn")
    write_raw(folder, "dsb")
    write_raw(folder, "qqq")
    found = find_languages(folder)
    assert set(found) == {"de", "zh", "dsb", "qqq"}
    chosen, missing = choose_languages(found, ["deu_Latn", "cmn", "fr", "qqq"])
    assert [files.code for files in chosen] == ["de", "zh", "qqq"] and missing == ("fr",)
    chosen, missing = choose_languages(found, ["xtreme"])
    assert {files.code for files in chosen} == {"de", "zh"} and len(missing) == 34 == len(XTREME_LANGUAGES) - 2
    assert len(choose_languages(found, [])[0]) == 4
    with pytest.raises(UserError, match="no files of fr; the folder has de, dsb"):
        choose_languages(found, ["fr"])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "tatoeba.deu-eng.deu").write_text("Eins.\n"), "has 1 lines, .* has 4;"),
        (lambda folder: (folder / "tatoeba.deu-eng.deu").unlink(), "No such file"),
        (lambda folder: write_raw(folder, other=["a", " ", "c", ""]), "2 empty lines, the first is line 2"),
    ],
)
def test_a_faulty_language_is_told(tmp_path, damage, told):
    folder = write_raw(tmp_path / "data")
    damage(folder)
    with pytest.raises(UserError, match=told):
        read_pairs(find_languages(folder)["de"])


@pytest.mark.parametrize(
    ("gold", "told"),
    [
        ("0\n1\n2\n", "must hold 4 row numbers"),
        ("0\n1\n2\nx\n", "must hold 4 row numbers"),
        ("0\n1\n2\n4\n", "names row 4"),
        ("0\n1\n2\n2\n", "names a row twice"),
    ],
)
def test_gold_rows_that_are_no_permutation_are_told(tmp_path, gold, told):
    folder = write_sorted(tmp_path / "data")
    (folder / "test-de.tsv").write_text(gold)
    with pytest.raises(UserError, match=told):
        read_pairs(find_languages(folder)["de"])


def test_the_sorted_layout_without_gold_rows_cannot_be_scored(tmp_path):
    folder = write_sorted(tmp_path / "data")
    (folder / "test-de.tsv").rename(tmp_path / "test-de.tsv")
    with pytest.raises(UserError, match="give its folder as --set gold"):
        read_pairs(find_languages(folder)["de"])
    assert len(read_pairs(find_languages(folder, tmp_path)["de"])) == 4


def test_no_folder_and_no_files_are_told(tmp_path):
    with pytest.raises(UserError, match="is no folder"):
        find_languages(tmp_path / "nowhere")
    with pytest.raises(UserError, match="has no Tatoeba files"):
        find_languages(tmp_path)


def run(tmp_path, systems, protocol, codes=("de",), missing=(), **changes):
    said = []
    request = Request({name: lambda made=made: made for name, made in systems.items()}, protocol, False,
                      tmp_path / "out", 1, changes.pop("resamples", 50), {})  # fmt: skip
    found = find_languages(tmp_path / "data")
    table = run_tatoeba(request, [found[code] for code in codes], missing, said.append)
    return table, said, json.loads((tmp_path / "out/report.json").read_text("utf-8"))


def random_vectors(texts, depth, seed):
    generator = np.random.default_rng(seed)
    return {text: list(generator.normal(size=(depth, 6)).astype(np.float32)) for text in texts}


def test_a_report_compares_models_layer_by_layer_and_names_what_no_model_has_read(tmp_path):
    german, english = [f"Satz {n}." for n in range(30)], [f"Sentence {n}." for n in range(30)]
    write_raw(tmp_path / "data", other=german, english=english)
    write_raw(tmp_path / "data", "swe", ["En.", ""], ["One.", "Two."])
    good = {text: [np.eye(30, dtype=np.float32)[row % 30]] * 2 for row, text in enumerate([*german, *english])}
    systems = {
        "poor": system(random_vectors([*german, *english], 2, 0), 2, label="poor"),
        "good": system(good, 2, frozenset({"fr"}), label="good"),
    }
    table, said, report = run(tmp_path, systems, DEFAULTS["tatoeba"], ("de", "sv"), ("nl",))
    assert "| good | 0 of 2 | layer chosen on half of the pairs, scored on the others | 100.0 |" in table
    assert any("good has never read de" in line for line in said)
    assert any(line.startswith("sv is left out:") and "empty lines" in line for line in said)
    assert report["facts"]["Languages without files"] == "nl" and report["facts"]["Languages left out"] == "sv"
    titles = [part["title"] for part in report["tables"]]
    assert titles == ["Scores", "By language", "good minus poor", "Every layer"]
    assert report["tables"][1]["rows"][0][0] == "de (never read by good)"
    difference = report["tables"][2]["rows"][0][2]
    assert difference["value"] > 50 and difference["low"] > 0
    assert [chart["title"] for chart in report["curves"]] == [
        "en→xx, mean over languages", "xx→en, mean over languages"
    ]  # fmt: skip
    assert [(part["rows"], part["columns"]) for part in report["maps"]] == [(["de"], ["0", "1"])] * 4
    signed = report["signatures"]["accuracy"]
    assert any("layer:0" in line and "tuned:half-1(seed-1)|pairs:half-2" in line for line in signed)
    scores = json.loads((tmp_path / "out/scores.json").read_text("utf-8"))
    assert scores["good"]["languages"]["de"]["from-english"]["all"] == [100.0, 100.0]


def test_a_fixed_layer_is_scored_on_all_pairs(tmp_path):
    write_raw(tmp_path / "data")
    vectors = {text: [np.eye(4, dtype=np.float32)[row % 4]] for row, text in enumerate([*GERMAN, *ENGLISH])}
    table, _, report = run(tmp_path, {"toy": system(vectors)}, PROTOCOL, resamples=0)
    assert table.splitlines()[2] == "| toy | 0 of 1 | all pairs, layer as asked | 100.0 | 100.0 | 100.0 |"
    assert report["tables"][1]["rows"][0][1] == 4 and report["maps"] == []
    assert all("pairs:all" in line for line in report["signatures"]["accuracy"])


def test_two_pairs_are_too_few_to_choose_a_layer_on(tmp_path):
    write_raw(tmp_path / "data", other=["Eins."], english=["One."])
    with pytest.raises(UserError, match="1 pairs are too few"):
        run(tmp_path, {"toy": system({}, 2)}, DEFAULTS["tatoeba"])


def unable(made, languages):
    """A system that has no token for some languages."""

    def stream(texts, layers, language):
        if language in languages:
            raise MissingToken(f"this model has no token for the language {language}")
        yield from made.stream(texts, layers, language)

    return dataclasses.replace(made, stream=stream)


def test_w8_a_language_without_a_token_is_a_hole_in_one_models_row(tmp_path):
    """It used to end the test of all models; means are over the languages that every model can be told."""
    sides = {
        code: ([f"{code} {n}." for n in range(20)], [f"Sentence {n}." for n in range(20)]) for code in ("de", "sv")
    }
    write_raw(tmp_path / "data", "deu", *sides["de"])
    write_raw(tmp_path / "data", "swe", *sides["sv"])
    texts = [*sides["de"][0], *sides["sv"][0], *sides["de"][1]]
    whole = system(random_vectors(texts, 2, 0), 2, label="whole")
    halved = unable(system(random_vectors(texts, 2, 1), 2, label="halved"), {"sv"})
    protocol = dataclasses.replace(DEFAULTS["tatoeba"], layer=1)
    _, said, report = run(tmp_path, {"whole": whole, "halved": halved}, protocol, ("de", "sv"))
    assert any(line.startswith("halved: sv is left out: this model has no token") for line in said)
    assert report["facts"]["Languages a model cannot be told"] == "sv (halved)"
    german, swedish = report["tables"][1]["rows"]
    assert swedish[0] == "sv" and swedish[2]["value"] >= 0 and swedish[4:] == [None, None] and None not in german
    [mean] = [row for row in report["tables"][0]["rows"] if row[0] == "whole"][:1]
    assert mean[3]["value"] == pytest.approx(german[2]["value"])
    with pytest.raises(UserError, match=r"no language is left .* sv \(halved\)"):
        run(tmp_path, {"whole": whole, "halved": halved}, protocol, ("sv",))
