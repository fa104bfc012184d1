"""What holds for every language of the phrasebook; a new one is found and tested by being there."""

from __future__ import annotations

import importlib
import importlib.util
import unicodedata

import pytest

from anyglot.phrasebook import Meaning, Phrasebook, known_languages, realise
from anyglot.phrasebook.catalogue import load_catalogue
from anyglot.phrasebook.grammar.contract import UPOS
from anyglot.phrasebook.languages import load_grammar
from anyglot.phrasebook.sampler import sample_meanings
from phrasebook.counting import calls_of
from phrasebook.examples import EXAMPLES

LANGUAGES = known_languages()
SCRIPTS = {"ru": "CYRILLIC", "uk": "CYRILLIC", "hi": "DEVANAGARI", "zh": "CJK"}
CALLS = 300  # of functions a sentence: three times what the dearest language takes, a tenth of a millisecond


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings("every language", "train", 3000))


@pytest.mark.parametrize("language", LANGUAGES)
def test_lexicon_is_complete(language: str) -> None:
    grammar = load_grammar(language)
    catalogue = load_catalogue()
    assert [name for name in catalogue.concepts if name not in grammar.lexicon] == []
    for category, features in grammar.required.items():
        lacking = [e.concept for e in grammar.lexicon.entries(category) if not set(features) <= set(e.features)]
        assert lacking == [], f"{category} entries without {features}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_tokens_and_text(language: str, meanings: list[Meaning]) -> None:
    full_stop = load_grammar(language).full_stop
    for meaning in meanings:
        sentence = realise(meaning, language)
        assert len(sentence.tokens) == len(sentence.upos)
        assert set(sentence.upos) <= UPOS
        assert all(token and not any(mark.isspace() for mark in token) for token in sentence.tokens)
        assert sentence.tokens[-1] == full_stop and sentence.upos[-1] == "PUNCT"
        assert sentence.text.replace(" ", "") == "".join(sentence.tokens)
        assert sentence.text == unicodedata.normalize("NFC", sentence.text)
        assert "  " not in sentence.text and " ." not in sentence.text and "{" not in sentence.text
        first = sentence.text[0]
        assert first == first.upper() or sentence.upos[0] == "PROPN"


@pytest.mark.parametrize("language", LANGUAGES)
def test_digits_and_brands_are_shared(language: str, meanings: list[Meaning]) -> None:
    companies = {concept.name for concept in load_catalogue().of("company")}
    for meaning in meanings:
        text = realise(meaning, language).text
        for clause in meaning.clauses():
            assert clause.year is None or str(clause.year) in text
            for entity in clause.entities():
                assert entity.count is None or str(entity.count) in text
                assert entity.concept not in companies or entity.concept in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_clause_has_what_it_is_made_of(language: str, meanings: list[Meaning]) -> None:
    for meaning in meanings:
        upos = realise(meaning, language).upos
        nouns = sum(1 for clause in meaning.clauses() for _ in clause.entities())
        assert upos.count("NOUN") + upos.count("PROPN") >= nouns
        verbs = sum(1 for clause in meaning.clauses() if clause.verb)
        assert upos.count("VERB") >= verbs
        counts = sum(1 for clause in meaning.clauses() for entity in clause.entities() if entity.count)
        assert upos.count("NUM") >= counts


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language in SCRIPTS])
def test_script(language: str, meanings: list[Meaning]) -> None:
    for meaning in meanings[:500]:
        latin_allowed = any(
            load_grammar(language).lexicon[entity.concept].category == "company"
            or "product" in load_grammar(language).lexicon[entity.concept].traits
            for clause in meaning.clauses()
            for entity in clause.entities()
        )
        letters = [mark for mark in realise(meaning, language).text if mark.isalpha()]
        strange = [mark for mark in letters if SCRIPTS[language] not in unicodedata.name(mark)]
        assert latin_allowed or not strange


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_tells_meanings_apart(language: str) -> None:
    """No text of a held-out split is a training text, although some languages leave distinctions unsaid."""
    held_out = {realise(m, language).text for m in sample_meanings("apart", "test", 600)}
    training = {realise(m, language).text for m in sample_meanings("apart too", "train", 15000)}
    assert held_out & training == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_texts_do_not_repeat(language: str) -> None:
    texts = [sentence.text for sentence in Phrasebook([language], 3).sentences("validation", 600, language)]
    assert len(set(texts)) == len(texts) == 600


@pytest.mark.parametrize("language", LANGUAGES)
def test_golden_sentences(language: str) -> None:
    name = f"{__package__}.golden_{language}"
    assert importlib.util.find_spec(name) is not None, f"{language} has no golden sentences"
    golden: dict[str, str] = importlib.import_module(name).GOLDEN
    assert set(golden) == set(EXAMPLES)
    said = {example: realise(meaning, language).text for example, meaning in EXAMPLES.items()}
    assert said == golden


@pytest.mark.parametrize("language", LANGUAGES)
def test_speed(language: str, meanings: list[Meaning]) -> None:
    """In calls, which no other program on the machine can slow down."""
    assert calls_of(lambda: [realise(meaning, language) for meaning in meanings]) / len(meanings) < CALLS
