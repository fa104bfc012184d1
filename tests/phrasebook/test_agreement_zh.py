"""What Chinese has in place of agreement: measure words, aspect with its negation, the place before the verb."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from anyglot.phrasebook import Clause, Entity, Meaning, Place, realise
from anyglot.phrasebook.languages import load_grammar
from anyglot.phrasebook.sampler import sample_meanings
from phrasebook.examples import ANNA, PETER, a, act, counted, the


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings("agreement", "train", 3000))


SENTENCES: dict[str, Clause] = {
    "安娜给彼得打了电话。": act("transitive", ANNA, "call", "completed", patient=PETER),
    "老师正在给2个学生上课。": act("transitive", the("teacher"), "teach", "ongoing", patient=counted(2, "pupil")),
    "彼得把旧吉他借给了邻居。": act(
        "ditransitive", PETER, "lend", "completed", recipient=the("neighbour"), patient=the("guitar", prop="old")
    ),
    "小偷把戒指藏在了床下面。": act(
        "transitive", the("thief"), "hide", "completed", patient=the("ring"), place=Place("under", the("bed"))
    ),
    "安娜看不见月亮。": act("transitive", ANNA, "see", "state", patient=the("moon"), negated=True),
    "彼得能听见一首动听的歌。": act("transitive", PETER, "hear", "state", patient=a("song", prop="beautiful")),
    "女人穿着一件黑大衣。": act("transitive", the("woman"), "wear", "ongoing", patient=a("coat", prop="black")),
    "彼得每天都戴手套。": act(
        "transitive", PETER, "wear", "habitual", patient=a("glove", plural=True), time="every_day"
    ),
    "昨天有一条狗在车站叫了。": act(
        "intransitive",
        a("dog"),
        "bark",
        "completed",
        place=Place("at", the("station")),
        time="yesterday",
        time_first=True,
    ),
    "国王爱过女王。": act("transitive", the("king"), "love", "state", tense="past", patient=the("queen")),
    "安娜曾住在巴黎。": act("intransitive", ANNA, "live", "state", tense="past", place=Place("at", the("Paris"))),
    "彼得没在厨房里写信。": act(
        "transitive", PETER, "write", "ongoing", patient=a("letter"), negated=True, place=Place("at", the("kitchen"))
    ),
    "鸟飞到了树上。": act("motion", the("bird"), "fly", "completed", place=Place("to", the("tree"))),
    "安娜没有去银行。": act("motion", ANNA, "go", "completed", negated=True, place=Place("to", the("bank"))),
    "商店关着。": Clause("property", the("shop"), property="closed"),
    "灯没坏。": Clause("property", the("lamp"), property="broken", negated=True),
    "盘子是圆的。": Clause("property", the("plate"), property="round"),
}


@pytest.mark.parametrize("text", SENTENCES)
def test_what_the_shared_examples_do_not_show(text: str) -> None:
    assert realise(Meaning(SENTENCES[text]), "zh").text == text


def test_a_measure_word_stands_between_digits_and_noun(meanings: list[Meaning]) -> None:
    lexicon = load_grammar("zh").lexicon
    checked = 0
    for meaning in meanings:
        sentence = realise(meaning, "zh")
        expected = [e for clause in meaning.clauses() for e in clause.entities() if e.count is not None]
        followers = [
            (digits, word)
            for digits, word in itertools.pairwise(sentence.tokens)
            if digits.isdecimal() and word != "年"
        ]
        assert sorted(followers) == sorted((str(e.count), lexicon[e.concept]["classifier"]) for e in expected)
        checked += len(followers)
    assert checked > 100


def test_negation_goes_with_the_aspect(meanings: list[Meaning]) -> None:
    checked = 0
    for meaning in meanings:
        clause = meaning.first
        if meaning.second is not None or not clause.negated or clause.verb is None:
            continue
        tokens = realise(meaning, "zh").tokens
        checked += 1
        assert not {"了", "着", "正", "正在"} & set(tokens), tokens
        if clause.aspect == "completed":
            assert "没有" in tokens and "不" not in tokens
        if clause.aspect == "habitual":
            assert "不" in tokens and "没有" not in tokens
    assert checked > 100


def test_what_is_done_is_marked_and_what_is_habit_is_not(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        clause = meaning.first
        if meaning.second is not None or clause.negated or clause.verb in (None, "shine"):
            continue
        marks = {"了", "过"} & set(realise(meaning, "zh").tokens)
        if clause.aspect == "completed":
            assert marks
        if clause.aspect in ("ongoing", "habitual"):
            assert not marks


def test_the_place_precedes_the_verb(meanings: list[Meaning]) -> None:
    checked = 0
    for meaning in meanings:
        clause = meaning.first
        if meaning.second is not None or clause.kind not in ("intransitive", "transitive"):
            continue
        if clause.place is None or clause.verb in ("live", "hide", "plant"):
            continue
        sentence = realise(meaning, "zh")
        verbs = [i for i, tag in enumerate(sentence.upos) if tag == "VERB" and sentence.tokens[i] != "有"]
        assert sentence.tokens.index("在") < verbs[0]
        checked += 1
    assert checked > 200


def test_number_and_definiteness_of_things_leave_objects_alike() -> None:
    """Only people take 们, and only definite ones."""
    seen = act("transitive", ANNA, "see", "completed", patient=the("tree"))
    several = replace(seen, patient=Entity("tree", plural=True))
    assert realise(Meaning(seen), "zh").text == realise(Meaning(several), "zh").text
    people = replace(seen, patient=Entity("child", plural=True))
    assert realise(Meaning(people), "zh").text == "安娜看见了孩子们。"
    assert realise(Meaning(replace(seen, patient=counted(2, "child"))), "zh").text == "安娜看见了2个孩子。"
