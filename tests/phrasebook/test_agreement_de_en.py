"""Agreement in German and English, checked on the words against the meaning by independent rules."""

from __future__ import annotations

import itertools

import pytest

from anyglot.phrasebook import Meaning, realise
from anyglot.phrasebook.languages import load_grammar
from anyglot.phrasebook.sampler import sample_meanings

# Which (gender, case) an article form can be; "pl" is the plural.
ARTICLES = {
    "der": {("m", "nom"), ("f", "dat")},
    "die": {("f", "nom"), ("f", "acc"), ("pl", "nom"), ("pl", "acc")},
    "das": {("n", "nom"), ("n", "acc")},
    "den": {("m", "acc"), ("pl", "dat")},
    "dem": {("m", "dat"), ("n", "dat")},
    "ein": {("m", "nom"), ("n", "nom"), ("n", "acc")},
    "eine": {("f", "nom"), ("f", "acc")},
    "einen": {("m", "acc")},
    "einem": {("m", "dat"), ("n", "dat")},
    "einer": {("f", "dat")},
}
ARTICLES.update({"k" + form: cells for form, cells in list(ARTICLES.items()) if form.startswith("ein")})
ARTICLES["keine"] = ARTICLES["keine"] | {("pl", "nom"), ("pl", "acc")}
CONTRACTED = {
    "im": "dem",
    "am": "dem",
    "vom": "dem",
    "zum": "dem",
    "beim": "dem",
    "zur": "der",
    "ins": "das",
    "ans": "das",
}
PREPOSITIONS = {
    "dat": {
        "im",
        "am",
        "vom",
        "zum",
        "beim",
        "zur",
        "unter",
        "hinter",
        "neben",
        "vor",
        "über",
        "aus",
        "von",
        "zu",
        "bei",
    },
    "acc": {"ins", "ans"},
}


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings("agreement", "train", 3000))


def _noun_phrases(meaning: Meaning) -> list[tuple[list[str], str, str]]:
    """(words before the noun back to the last non-adjective, noun, article) of each noun with an article."""
    sentence = realise(meaning, "de")
    found = []
    for position, tag in enumerate(sentence.upos):
        if tag != "NOUN":
            continue
        start = position - 1
        adjectives: list[str] = []
        while start >= 0 and sentence.upos[start] == "ADJ":
            adjectives.insert(0, sentence.tokens[start])
            start -= 1
        before = sentence.tokens[start].lower() if start >= 0 else ""
        found.append((adjectives, sentence.tokens[position], before))
    return found


def test_german_articles_agree_with_their_nouns(meanings: list[Meaning]) -> None:
    lexicon = load_grammar("de").lexicon
    cells: dict[str, set[str]] = {}
    for entry in lexicon.entries("noun"):
        for form in (entry.lemma, entry.get("oblique", entry.lemma)):
            cells.setdefault(form, set()).add(entry["gender"])
        if plural := entry.get("plural"):
            for form in (plural, plural if plural.endswith(("n", "s")) else plural + "n"):
                cells.setdefault(form, set()).add("pl")
    checked = 0
    for meaning in meanings:
        for adjectives, noun, before in _noun_phrases(meaning):
            article = CONTRACTED.get(before, before)
            if article not in ARTICLES or noun not in cells:
                continue
            checked += 1
            possible = {cell for cell in ARTICLES[article] if cell[0] in cells[noun]}
            assert possible, (article, noun)
            for adjective in adjectives:
                assert adjective.endswith(("e", "en", "er", "es")), (article, adjective, noun)
                if article in ("dem", "einem", "den", "einen", "keinen"):
                    assert adjective.endswith("en"), (article, adjective, noun)
    assert checked > 2000


def test_german_prepositions_govern_their_case(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        sentence = realise(meaning, "de")
        for word, follower, tag in zip(sentence.tokens, sentence.tokens[1:], sentence.upos, strict=False):
            if tag == "ADP" and follower in ARTICLES and word in PREPOSITIONS["dat"]:
                assert any(case == "dat" for _, case in ARTICLES[follower]), sentence.text


def test_german_verb_is_second_and_agrees(meanings: list[Meaning]) -> None:
    grammar = load_grammar("de")
    for meaning in meanings:
        clause = meaning.first
        words = [token for token in realise(meaning, "de").tokens]
        finite = grammar.finite(clause).text  # type: ignore[attr-defined]
        subject = grammar.noun_phrase(clause.agent, "nom")  # type: ignore[attr-defined]
        opening = len(grammar.time_tokens(clause)) if clause.time_first else len(subject)
        assert words[opening] == finite
        if clause.agent.plural:
            assert finite.endswith("n") or finite == "sind"
        else:
            assert finite not in ("sind", "waren")


def test_english_article_fits_the_next_word(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        tokens = realise(meaning, "en").tokens
        for article, word in itertools.pairwise(tokens):
            if article.lower() == "an":
                assert word[0].lower() in "aeiou"
            if article.lower() == "a":
                assert word[0].lower() not in "aeiou"


def test_english_verb_agrees(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        clause = meaning.first
        sentence = realise(meaning, "en")
        first = next(t for t, tag in zip(sentence.tokens, sentence.upos, strict=True) if tag in ("AUX", "VERB"))
        if clause.agent.plural:
            assert first not in ("is", "was", "does")
        else:
            assert first not in ("are", "were", "do")
        if clause.tense == "present" and clause.aspect == "habitual" and not clause.negated:
            assert first.endswith("s") != clause.agent.plural
        if clause.negated:
            assert "not" in sentence.tokens
