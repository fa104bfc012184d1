"""BUCC: scoring against every threshold tried by brute force, reading, sentences with several ids, and tuning."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.bucc import Side, id_pairs, mine, read_split
from anyglot.evaluation.retrieval.gold import ScoredPairs
from anyglot.evaluation.retrieval.margin import Pairs
from anyglot.evaluation.retrieval.protocol import DEFAULTS
from anyglot.evaluation.retrieval.run import Request, run_bucc
from anyglot.evaluation.retrieval.tatoeba import in_first_half
from anyglot.evaluation.retrieval.tuning import across_halves, from_other, mine_split, oracle
from anyglot.stats.scores import bootstrap_values
from support.toy_vectors import system

PROTOCOL = dataclasses.replace(DEFAULTS["bucc"], layer=0)

ID_PAIRS = [(f"z{a}", f"e{b}") for a, b in itertools.product(range(4), range(3))]
CANDIDATES = some.lists(
    some.tuples(some.sampled_from(ID_PAIRS), some.sampled_from([0.5, 0.75, 1.0, 1.25])), max_size=12
)
GOLD = some.sets(some.sampled_from(ID_PAIRS), min_size=1, max_size=6)


def scored_by_sets(candidates, gold, threshold):
    """(precision, recall, F1) by set arithmetic."""
    taken = {pair for pair, score in candidates if score >= threshold}
    right = len(taken & gold)
    if not right:
        return 0.0, 0.0, 0.0
    precision, recall = right / len(taken), right / len(gold)
    return 100 * precision, 100 * recall, 100 * 2 * precision * recall / (precision + recall)


def judged(candidates, gold):
    return ScoredPairs.judge([pair for pair, _ in candidates], [score for _, score in candidates], gold)


@settings(max_examples=200, deadline=None)
@given(CANDIDATES, GOLD, some.sampled_from([0.4, 0.5, 0.6, 0.75, 1.0, 1.1, 1.25, 2.0]))
def test_a_thresholds_scores_are_those_of_sets(candidates, gold, threshold):
    cut = judged(candidates, gold).at(threshold)
    assert (cut.precision, cut.recall, cut.f1) == pytest.approx(scored_by_sets(candidates, gold, threshold))


@settings(max_examples=200, deadline=None)
@given(CANDIDATES, GOLD)
def test_no_threshold_is_better_than_the_best_one(candidates, gold):
    found = judged(candidates, gold)
    best = found.best()
    tried = [scored_by_sets(candidates, gold, score)[2] for score in {score for _, score in candidates} | {9.0}]
    assert best.f1 == pytest.approx(max(tried))
    # The threshold itself gives the score back, on the same pairs.
    assert found.at(best.threshold) == best
    assert scored_by_sets(candidates, gold, best.threshold)[2] == pytest.approx(best.f1)


@settings(max_examples=100, deadline=None)
@given(CANDIDATES, GOLD)
def test_the_curve_has_a_point_for_every_different_score(candidates, gold):
    scores = sorted({score for score in judged(candidates, gold).scores.tolist()}, reverse=True)
    points = [(cut.precision, cut.recall, cut.f1) for cut in judged(candidates, gold).curve()]
    assert np.allclose(points, [scored_by_sets(candidates, gold, score) for score in scores])


@settings(max_examples=100, deadline=None)
@given(some.permutations(range(12)), GOLD)
def test_with_different_scores_the_threshold_is_half_way_to_the_next_pair_as_in_laser(order, gold):
    candidates = [(pair, 1.0 + place / 16) for pair, place in zip(ID_PAIRS, order, strict=True)]
    ranked = sorted(candidates, key=lambda item: -item[1])
    best, threshold, right = 0.0, math.inf, 0
    for taken, (pair, score) in enumerate(ranked, start=1):
        right += pair in gold
        f1 = 2 * right / (taken + len(gold))
        if f1 > best:
            best, threshold = f1, (score + ranked[taken][1]) / 2 if taken < len(ranked) else score
    assert judged(candidates, gold).best().threshold == threshold


def test_neighbouring_floats_are_still_told_apart():
    low = 1.0
    high = np.nextafter(low, 2.0)
    found = ScoredPairs.judge([("z0", "e0"), ("z1", "e1")], [high, low], {("z0", "e0")})
    assert (found.best().taken, found.best().f1) == (1, 100.0)
    endless = ScoredPairs.judge([("z0", "e0"), ("z1", "e1")], [1.0, -math.inf], {("z0", "e0")})
    assert endless.best().threshold == 1.0


def test_where_no_pair_is_right_nothing_is_taken():
    best = ScoredPairs.judge([("z0", "e1")], [1.0], {("z0", "e0")}).best()
    assert best.threshold == math.inf and (best.taken, best.f1) == (0, 0.0)
    assert ScoredPairs.judge([], [], {("z0", "e0")}).best().recall == 0.0


def write(folder, chinese, english, gold, split="dev"):
    folder.mkdir(exist_ok=True)
    for name, lines in (("zh", chinese), ("en", english), ("gold", gold)):
        (folder / f"zh-en.{split}.{name}").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return folder


CHINESE = ["z1\t一", "z2\t二 ", "z3\t一", "z4\t"]
ENGLISH = ["e1\tone", "e2\ttwo", "e3\tthree"]


def test_a_split_is_read_with_every_different_sentence_once(tmp_path):
    split = read_split(write(tmp_path, CHINESE, ENGLISH, ["z1\te1", "z2\te2", "z2\te2"]), "zh-en", "dev")
    assert split.name == "zh-en dev" and split.languages == ("zh", "en")
    assert split.source == Side(("一", "二"), (("z1", "z3"), ("z2",)), 1)
    assert split.source.repeated == 1 and split.source.all_ids() == ("z1", "z3", "z2")
    assert split.gold == {("z1", "e1"), ("z2", "e2")}


@pytest.mark.parametrize(
    ("chinese", "english", "gold", "told"),
    [
        (CHINESE, ENGLISH, ["z1\te9"], "names 1 ids .* first is e9 in line 1; use the gold file of the same split"),
        (CHINESE, ENGLISH, ["z4\te1"], "z4 in line 1"),
        (CHINESE, ENGLISH, ["e1\tz1", "e2\tz2"], "wrong way round"),
        (CHINESE, ENGLISH, ["z1 e1"], "line 1 is not two ids"),
        (CHINESE, ENGLISH, [""], "has no pair"),
        (["z1\t一", "z1\t二"], ENGLISH, ["z1\te1"], "line 2 gives the id z1 a second time"),
        (["z1 一"], ENGLISH, ["z1\te1"], "line 1 is not an id, a tab and a sentence"),
        (["z1\t"], ENGLISH, ["z1\te1"], "has no sentence"),
    ],
)
def test_faulty_files_are_told(tmp_path, chinese, english, gold, told):
    with pytest.raises(UserError, match=told):
        read_split(write(tmp_path, chinese, english, gold), "zh-en", "dev")


def test_missing_files_and_strange_pairs_are_told(tmp_path):
    with pytest.raises(UserError, match=r"No such file: .*zh-en\.training\.zh"):
        read_split(write(tmp_path, CHINESE, ENGLISH, ["z1\te1"]), "zh-en", "training")
    with pytest.raises(UserError, match="is no pair of languages"):
        read_split(tmp_path, "zhen", "dev")


def test_a_sentence_with_several_ids_is_dropped_or_stands_for_all():
    source = Side(("a", "b"), (("z1", "z3"), ("z2",)))
    target = Side(("c", "d"), (("e1",), ("e2", "e4")))
    found = Pairs(np.array([2.0, 1.5, 1.0]), np.array([0, 1, 0]), np.array([0, 0, 1]))
    assert id_pairs(found, source, target, "drop") == ([("z2", "e1")], [1.5])
    pairs, scores = id_pairs(found, source, target, "expand")
    assert pairs == [("z1", "e1"), ("z3", "e1"), ("z2", "e1"), ("z1", "e2"), ("z1", "e4"), ("z3", "e2"), ("z3", "e4")]
    assert scores == [2.0, 2.0, 1.5, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(("duplicates", "taken", "right"), [("drop", 1, 1), ("expand", 3, 2)])
def test_gold_pairs_of_dropped_sentences_still_count_in_recall(tmp_path, duplicates, taken, right):
    # The first sentence stands under two ids, of which the gold pair names one.
    files = ["z0\t句0", "z9\t句0", "z1\t句1"], ["e0\ts0", "e1\ts1"], ["z9\te0", "z1\te1"]
    split = read_split(write(tmp_path / "data", *files), "zh-en", "dev")
    vectors = {text: [np.eye(2, dtype=np.float32)[row]] for text, row in (("句0", 0), ("s0", 0), ("句1", 1), ("s1", 1))}
    protocol = dataclasses.replace(PROTOCOL, duplicates=duplicates, k=2)
    cut = oracle(mine_split(system(vectors), split, protocol, ["ratio"], 1)["ratio"], split).cut
    assert (cut.taken, cut.right, cut.gold) == (taken, right, 2)


@settings(max_examples=30, deadline=None)
@given(some.integers(1, 7), some.integers(1, 7), some.integers(0, 10_000), some.sampled_from(["ratio", "distance"]))
def test_mining_is_that_of_a_naive_search(rows, others, seed, kind):
    generator = np.random.default_rng(seed)
    a, b = generator.normal(1.0, 1.0, (rows, 4)), generator.normal(1.0, 1.0, (others, 4))
    cosines = (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T
    own = [np.mean(sorted(row)[::-1][:4]) for row in cosines]
    other = [np.mean(sorted(column)[::-1][:4]) for column in cosines.T]
    means = np.add.outer(own, other) / 2
    if kind == "ratio" and means.min() <= 0.05:
        return  # a ratio to nothing
    scores = cosines / means if kind == "ratio" else cosines - means
    near = [set(np.argsort(-row)[:4]) for row in cosines], [set(np.argsort(-column)[:4]) for column in cosines.T]
    best = [max((scores[x, y], x, y) for y in near[0][x]) for x in range(rows)]
    best += [max((scores[x, y], x, y) for x in near[1][y]) for y in range(others)]
    wanted, used = [], (set(), set())
    for score, x, y in sorted(best, reverse=True):
        if x not in used[0] and y not in used[1]:
            wanted.append((x, y, score))
            used[0].add(x)
            used[1].add(y)
    found = mine(a.astype(np.float32), b.astype(np.float32), PROTOCOL, [kind])[kind]
    assert [(x, y) for x, y, _ in wanted] == list(zip(found.a.tolist(), found.b.tolist(), strict=True))
    assert found.scores == pytest.approx([score for *_, score in wanted], abs=1e-4)


def texts_and_vectors(count, seed, noise):
    """Translations near to each other, every second one gold, and their ids."""
    generator = np.random.default_rng(seed)
    base = generator.normal(size=(count, 8)).astype(np.float32)
    vectors = {}
    for row in range(count):
        near = row % 2 == 0
        vectors[f"句{row}"] = [base[row], generator.normal(size=8)]
        vectors[f"s{row}"] = [
            base[row] + noise * generator.normal(size=8) if near else generator.normal(size=8),
            generator.normal(size=8),
        ]
    chinese, english = [f"z{row}\t句{row}" for row in range(count)], [f"e{row}\ts{row}" for row in range(count)]
    return vectors, chinese, english, [f"z{row}\te{row}" for row in range(0, count, 2)]


@pytest.fixture
def mined(tmp_path):
    vectors, *files = texts_and_vectors(60, 4, 0.5)
    split = read_split(write(tmp_path / "data", *files), "zh-en", "dev")
    return split, mine_split(system(vectors, 2), split, DEFAULTS["bucc"], ["ratio"], 1)["ratio"]


def test_each_half_is_scored_with_what_was_tuned_on_the_other(mined):
    split, found = mined
    one, other, together = across_halves(found, split, 1)
    assert {pair[0] for pair in other.gold} == {a for a, _ in split.gold if in_first_half(a, 1)}
    assert one.gold | other.gold == split.gold and not one.gold & other.gold
    assert set(one.ids) | set(other.ids) == set(split.source.all_ids()) and not set(one.ids) & set(other.ids)
    # What is applied to the second half is the first half's best threshold, at the first half's best layer.
    layer = max((0, 1), key=lambda layer: found.first[layer].best().f1)
    threshold = found.first[layer].best().threshold
    assert one.layer == layer == 0 and one.cut == found.second[layer].at(threshold)
    assert together.cut.right == one.cut.right + other.cut.right and together.cut.gold == len(split.gold)
    assert 20 < together.cut.f1 <= oracle(found, split).cut.f1


def test_an_oracle_is_never_worse_and_a_threshold_can_come_from_another_split(tmp_path, mined):
    split, found = mined
    vectors, *files = texts_and_vectors(40, 9, 0.6)
    training = read_split(write(tmp_path / "data", *files, split="training"), "zh-en", "training")
    tuned = mine_split(system(vectors, 2), training, DEFAULTS["bucc"], ["ratio"], 1)["ratio"]
    outcome = from_other(tuned, training, found, split)
    assert (outcome.tuned_on, outcome.scored_on) == ("zh-en training", "zh-en dev")
    assert outcome.cut.threshold == tuned.judged[0].best().threshold
    assert outcome.cut == found.judged[0].at(outcome.cut.threshold)
    assert outcome.cut.f1 <= oracle(found, split).cut.f1


def test_f1_over_sentences_sums_to_the_f1_of_the_set(mined):
    split, found = mined
    for outcome in (*across_halves(found, split, 1), oracle(found, split)):
        counted = outcome.statistics("signature")
        assert counted.sums_per_sentence.sum(axis=0).tolist() == [
            outcome.cut.taken, outcome.cut.right, outcome.cut.gold
        ]  # fmt: skip
        assert counted.formula(counted.sums_per_sentence.sum(axis=0, keepdims=True))[0] == pytest.approx(outcome.cut.f1)
        assert counted.point == outcome.cut.f1
        drawn = bootstrap_values(counted, resamples=200, seed=1)
        assert drawn.min() <= outcome.cut.f1 <= drawn.max()


def run(tmp_path, systems, protocol, splits, tuning=None, margins=("ratio",), resamples=20):
    said = []
    request = Request({name: lambda made=made: made for name, made in systems.items()}, protocol, False,
                      tmp_path / "out", 1, resamples, {})  # fmt: skip
    table = run_bucc(request, splits, tuning or {}, margins, said.append)
    return table, said, json.loads((tmp_path / "out/report.json").read_text("utf-8"))


def test_a_report_names_what_every_threshold_was_tuned_on(tmp_path):
    vectors, *files = texts_and_vectors(40, 1, 0.1)
    split = read_split(write(tmp_path / "data", *files), "zh-en", "dev")
    noise = {text: [np.random.default_rng(row).normal(size=8)] * 2 for row, text in enumerate(vectors)}
    systems = {"poor": system(noise, 2, label="poor"), "good": system(vectors, 2, label="good")}
    table, _, report = run(tmp_path, systems, DEFAULTS["bucc"], [split], margins=("ratio", "absolute"))
    rows = [row for row in report["tables"][0]["rows"] if row[0] == "good" and row[1] == "ratio"]
    assert [(row[3], row[4]) for row in rows] == [
        ("half 1", "half 2 of zh-en dev"),
        ("half 2", "half 1 of zh-en dev"),
        ("the other half", "zh-en dev"),
        ("zh-en dev (oracle)", "zh-en dev"),
    ]
    assert rows[2][5] == "two" and rows[3][9]["value"] > 90
    assert [part["title"] for part in report["tables"]] == ["Scores", "Differences", "Every layer", "Data"]
    assert report["tables"][1]["rows"][0][3]["low"] > 0
    assert "| good | absolute |" in table
    assert any("tuned:the-other-half" in line and "score:cosine-ratio" in line for line in report["signatures"]["F1"])
    curves = {chart["title"]: chart for chart in report["curves"]}
    assert set(curves) == {
        f"zh-en dev, margin {kind}{more}" for kind in ("ratio", "absolute") for more in ("", ", by layer")
    }
    line = curves["zh-en dev, margin ratio"]["lines"][1]
    assert line["name"] == "good, layer 0" and max(recall for recall, _ in line["points"]) == 100.0


def test_an_oracle_protocol_reports_nothing_else_and_another_split_comes_first(tmp_path):
    vectors, *files = texts_and_vectors(20, 1, 0.1)
    split = read_split(write(tmp_path / "data", *files), "zh-en", "dev")
    other = read_split(write(tmp_path / "data", *files, split="training"), "zh-en", "training")
    only = dataclasses.replace(PROTOCOL, tuning="oracle")
    _, _, report = run(tmp_path, {"toy": system(vectors, 2)}, only, [split])
    assert [row[3] for row in report["tables"][0]["rows"]] == ["zh-en dev (oracle)"]
    tuned = dataclasses.replace(PROTOCOL, tuning="other split")
    _, _, report = run(tmp_path, {"toy": system(vectors, 2)}, tuned, [split], {"zh-en dev": other})
    assert [row[3] for row in report["tables"][0]["rows"]] == ["zh-en training", "zh-en dev (oracle)"]


def test_fewer_sentences_than_neighbours_are_told_and_scored(tmp_path):
    vectors, *files = texts_and_vectors(2, 1, 0.1)
    split = read_split(write(tmp_path / "data", *files), "zh-en", "dev")
    _, said, report = run(tmp_path, {"toy": system(vectors, 2)}, PROTOCOL, [split], resamples=0)
    assert said[0] == "zh-en dev has a text of 2 sentences: the margin looks at those, not at 4"
    assert report["tables"][0]["rows"][-1][9]["value"] == 100.0


def test_what_does_not_fit_in_memory_lies_on_disk_and_is_the_same():
    vectors = {f"t{row}": list(np.random.default_rng(row).normal(size=(2, 5)).astype(np.float32)) for row in range(10)}
    made, texts = system(vectors, 2), list(vectors)
    with made.vectors(texts, (0, 1), "de") as here, made.vectors(texts, (0, 1), "de", in_memory=99) as there:
        assert isinstance(there, np.memmap) and not isinstance(here, np.memmap)
        assert (here == there).all() and here.shape == (2, 10, 5)
        assert (here[1, 7] == vectors["t7"][1]).all()


def test_a_full_disk_is_told(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    vectors = {f"t{row}": [np.ones(5, np.float32)] for row in range(10)}
    with (
        pytest.raises(UserError, match=r"vectors of 10 sentences at 1 layers .*No space left.*choose one `layer`"),
        system(vectors).vectors(list(vectors), (0,), "de", in_memory=9),
    ):
        pass
