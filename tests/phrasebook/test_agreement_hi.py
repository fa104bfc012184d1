"""Agreement and case in Hindi, checked on the words against the meaning by independent rules."""

from __future__ import annotations

import itertools
import unicodedata

import pytest

from anyglot.phrasebook import Clause, Meaning, Place, Sentence, realise
from anyglot.phrasebook.languages import load_grammar
from anyglot.phrasebook.lexicon import Entry
from anyglot.phrasebook.sampler import sample_meanings
from phrasebook.examples import ANNA, PETER, a, act, counted, the

INVARIABLE = frozenset(["भारी", "खाली", "आलसी", "दुखी", "स्लेटी"])  # end in -ी for both genders
FEMININE_ENDINGS = ("ी", "ीं", "ई", "ईं")
POSTPOSITIONS = frozenset(["ने", "को", "से", "में", "पर", "का", "की", "के"])


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    """Of one clause, so that words can be told by their place."""
    return [m for m in sample_meanings("agreement", "train", 4000) if m.second is None]


SENTENCES: dict[str, Clause] = {
    "अन्ना ने पीटर को फ़ोन किया।": act("transitive", ANNA, "call", "completed", patient=PETER),
    "लड़कियों ने 2 किताबें पढ़ीं।": act(
        "transitive", the("girl", plural=True), "read", "completed", patient=counted(2, "book")
    ),
    "वेटर मेहमान के लिए कॉफ़ी लाया।": act(
        "ditransitive", the("waiter"), "bring", "completed", recipient=the("guest"), patient=a("coffee")
    ),
    "अन्ना किसी दादी से नहीं मिली।": act("transitive", ANNA, "visit", "completed", patient=a("grandmother"), negated=True),
    "पीटर ने संग्रहालय की सैर की।": act("transitive", PETER, "visit", "completed", patient=the("museum")),
    "अन्ना को अँगूठियाँ नहीं मिलतीं।": act(
        "transitive", ANNA, "find", "state", patient=the("ring", plural=True), negated=True
    ),
    "औरत काला कोट पहने हुए है।": act("transitive", the("woman"), "wear", "ongoing", patient=the("coat", prop="black")),
    "लड़के ने चाबी खो दी।": act("transitive", the("boy"), "lose", "completed", patient=the("key")),
    "लड़के ने चाबी नहीं खोई।": act("transitive", the("boy"), "lose", "completed", patient=the("key"), negated=True),
    "भेड़िए ने मुर्गी को देखा।": act("transitive", the("wolf"), "see", "completed", patient=the("chicken")),
    "पक्षी पेड़ की ओर उड़े।": act("motion", the("bird", plural=True), "fly", "completed", place=Place("to", the("tree"))),
    "अन्ना ने रोम के लिए उड़ान भरी।": act("motion", ANNA, "fly", "completed", place=Place("to", the("Rome"))),
    "हवाई जहाज़ बड़े हवाई अड्डे पर हैं।": Clause(
        "location", the("plane", plural=True), place=Place("at", the("airport", prop="big"))
    ),
    "माँएँ थकी हुई थीं।": Clause("property", the("mother", plural=True), tense="past", property="tired"),
    "नए जूते गीले नहीं हैं।": Clause("property", the("shoe", plural=True, prop="new"), property="wet", negated=True),
}


@pytest.mark.parametrize("text", SENTENCES)
def test_what_the_shared_examples_do_not_show(text: str) -> None:
    assert realise(Meaning(SENTENCES[text]), "hi").text == unicodedata.normalize("NFC", text)


def _nouns() -> dict[str, Entry]:
    """Inflecting nouns of one word whose forms keep all but their last two letters."""
    return {entry.lemma: entry for entry in load_grammar("hi").lexicon.entries("noun") if " " not in entry.lemma}


def _noun_at(sentence: Sentence, position: int, nouns: dict[str, Entry]) -> Entry | None:
    """The noun of a word: the one in the meaning that begins alike."""
    word = sentence.tokens[position]
    lexicon = load_grammar("hi").lexicon
    named = [nouns.get(lexicon[entity.concept].lemma) for entity in sentence.meaning.first.entities()]
    found = [
        entry for entry in named if entry is not None and word.startswith(entry.lemma[: max(2, len(entry.lemma) - 2)])
    ]
    return found[0] if len(found) == 1 else None


def test_adjectives_agree_in_gender(meanings: list[Meaning]) -> None:
    nouns = _nouns()
    checked = 0
    for meaning in meanings:
        sentence = realise(meaning, "hi")
        for position, (tag, following) in enumerate(itertools.pairwise(sentence.upos)):
            word = sentence.tokens[position]
            noun = _noun_at(sentence, position + 1, nouns) if (tag, following) == ("ADJ", "NOUN") else None
            if noun is None or not word.endswith(("ा", "े", "ी", "या", "ए", "ई")) or word in INVARIABLE:
                continue
            checked += 1
            assert word.endswith(FEMININE_ENDINGS) == (noun["gender"] == "f"), sentence.text
    assert checked > 200


def test_the_noun_before_a_postposition_is_oblique(meanings: list[Meaning]) -> None:
    nouns = _nouns()
    marked = {
        lemma
        for lemma, e in nouns.items()
        if lemma.endswith("ा") and e["gender"] == "m" and "oblique" not in e.features
    }
    checked = 0
    for meaning in meanings:
        sentence = realise(meaning, "hi")
        for word, following, tag in zip(sentence.tokens, sentence.tokens[1:], sentence.upos, strict=False):
            if tag != "NOUN" or following not in POSTPOSITIONS:
                continue
            checked += 1
            assert word not in marked, sentence.text
    assert checked > 500


def test_ne_marks_who_did_something_to_something(meanings: list[Meaning]) -> None:
    checked = 0
    for meaning in meanings:
        clause = meaning.first
        sentence = realise(meaning, "hi")
        if clause.aspect != "completed":
            assert "ने" not in sentence.tokens
        elif clause.kind == "transitive" and clause.verb not in ("find", "visit", "carry"):
            assert "ने" in sentence.tokens, sentence.text
            checked += 1
    assert checked > 200


def test_what_was_done_agrees_with_its_object(meanings: list[Meaning]) -> None:
    lexicon = load_grammar("hi").lexicon
    checked = 0
    for meaning in meanings:
        clause = meaning.first
        sentence = realise(meaning, "hi")
        if clause.patient is None or clause.aspect != "completed" or "ने" not in sentence.tokens:
            continue
        if {"का", "की", "को"} & set(sentence.tokens):
            continue
        patient = lexicon[clause.patient.concept]
        verb = sentence.tokens[-2]
        checked += 1
        assert verb.endswith(FEMININE_ENDINGS) == (patient["gender"] == "f"), sentence.text
        if patient["gender"] == "f":
            assert verb.endswith(("ीं", "ईं")) == clause.patient.plural, sentence.text
    assert checked > 100


def test_the_copula_agrees_with_its_subject(meanings: list[Meaning]) -> None:
    checked = 0
    for meaning in meanings:
        clause = meaning.first
        last = realise(meaning, "hi").tokens[-2]
        if clause.verb == "find" or last not in ("है", "हैं", "था", "थे", "थी", "थीं"):
            continue
        checked += 1
        if last in ("है", "हैं", "थी", "थीं"):
            assert last.endswith("ं") == clause.agent.plural
        else:
            assert (last == "थे") == clause.agent.plural
    assert checked > 500


def test_the_verb_is_last_and_nothing_but_negation_parts_it_from_its_own_words(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        sentence = realise(meaning, "hi")
        if meaning.first.verb is not None:
            last = max(i for i, tag in enumerate(sentence.upos) if tag == "VERB")
            assert set(sentence.upos[last + 1 : -1]) <= {"AUX"}
        assert ("नहीं" in sentence.tokens) == meaning.first.negated
