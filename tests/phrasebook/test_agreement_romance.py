"""The Romance languages: articles, adjectives and verbs agree, checked on the words against the lexicon."""

from __future__ import annotations

import itertools

import pytest

from anyglot.phrasebook import Meaning, Sentence, known_languages, realise
from anyglot.phrasebook.languages import load_grammar
from anyglot.phrasebook.sampler import sample_meanings

LANGUAGES = [language for language in ("es", "it", "pt", "fr") if language in known_languages()]

Cell = tuple[str, bool]  # gender, plural

M, F, MS, FS = ("m", False), ("f", False), ("m", True), ("f", True)
# articles, contracted or not -> the nouns they fit
ARTICLES: dict[str, dict[str, set[Cell]]] = {
    "es": {"el un ningún al del": {M}, "la una ninguna": {F}, "los": {MS}, "las": {FS}},
    "it": {
        "il lo un uno nessun nessuno al del dal nel sul allo dello dallo nello sullo": {M},
        "la una un' nessuna nessun' alla della dalla nella sulla": {F},
        "l' all' dell' dall' nell' sull'": {M, F},
        "i gli ai agli dei degli dai nei sui": {MS},
        "le alle delle dalle nelle sulle": {FS},
    },
    "pt": {
        "o um nenhum ao do no": {M},
        "uma nenhuma à da na": {F},
        "os aos dos nos": {MS},
        "as às das nas": {FS},
    },
    "fr": {"le un au du": {M}, "la une": {F}, "l'": {M, F}, "les des aux": {MS, FS}},
}
VOWELS = "aeiouáéíóúàèìòùâêîôûœ"
# words -> the first letters that they cannot stand before, and the only ones that they can (if not empty)
STARTS: dict[str, dict[str, tuple[str, str]]] = {
    "es": {},
    "pt": {},
    "it": {
        "il lo la i una al allo alla del dello della nel nello nella sul sullo sulla nessuno nessuna": (VOWELS, ""),
        "un' l' all' dell' dall' nell' sull' nessun'": ("", VOWELS + "h"),
        "uno lo nessuno allo dello dallo nello sullo": ("", "sz"),
    },
    "fr": {"le la du au ne de": (VOWELS, ""), "l' d' n'": ("", VOWELS + "hyi")},
}
# the endings that tell gender and number where an adjective shows them
ENDINGS: dict[str, dict[str, Cell]] = {
    "es": {"o": M, "a": F, "os": MS, "as": FS},
    "it": {"o": M, "a": F},
    "pt": {"o": M, "a": F, "os": MS, "as": FS},
    "fr": {
        **dict.fromkeys(("euse", "verte", "noire", "blanche", "petite", "grande", "vieille", "nouvelle", "belle"), F),
        **dict.fromkeys(("vert", "noir", "blanc", "petit", "grand", "vieil", "nouvel", "bel"), M),
        **dict.fromkeys(("euses", "vertes", "noires", "blanches", "petites", "grandes", "belles"), FS),
        **dict.fromkeys(("verts", "noirs", "blancs", "petits", "grands", "nouveaux", "beaux"), MS),
    },
}
PLURAL_VERB = {"es": ("n",), "it": ("no",), "pt": ("m", "ão"), "fr": ("nt",)}
SINGULAR_WITH_THAT_ENDING = {"pt": {"vem", "tem"}, "fr": {"vient"}}


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings("romance", "train", 3000))


def _cells(language: str) -> dict[str, set[Cell]]:
    """Noun form -> its possible genders and numbers."""
    grammar = load_grammar(language)
    cells: dict[str, set[Cell]] = {}
    for noun in [*grammar._nouns.values(), *grammar._variants.values()]:  # type: ignore[attr-defined]
        if noun.entry.proper or "stressed" in noun.features:
            continue
        for plural in (False, True):
            head = noun.words[plural][0].text
            if plural and noun.mass:
                continue
            cells.setdefault(head, set()).add((noun.genders[plural], plural))
    return cells


def _noun_phrases(sentence: Sentence, nouns: dict[str, set[Cell]]) -> list[tuple[str, list[str], str]]:
    """(the word before, adjectives beside the noun, the noun) for each noun of the sentence."""
    words = [("", ""), *zip(sentence.tokens, sentence.upos, strict=True), ("", "")]
    found = []
    for position, (word, tag) in enumerate(words):
        inside = words[position - 1][0] == "de" and words[position - 2][1] == "NOUN"  # empregado de mesa
        if tag != "NOUN" or word not in nouns or inside:
            continue
        before = position - 1
        adjectives = []
        if words[before][1] == "ADJ" and words[before - 1][1] in ("DET", "ADP", "NUM", ""):
            adjectives.append(words[before][0])
            before -= 1
        if words[position + 1][1] == "ADJ":
            adjectives.append(words[position + 1][0])
        found.append((words[before][0].lower(), adjectives, word))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_articles_and_adjectives_agree_with_the_noun(language: str, meanings: list[Meaning]) -> None:
    nouns = _cells(language)
    fitting = {article: cells for words, cells in ARTICLES[language].items() for article in words.split()}
    articles, adjectives_checked = 0, 0
    for meaning in meanings:
        sentence = realise(meaning, language)
        for article, adjectives, noun in _noun_phrases(sentence, nouns):
            possible = nouns[noun]
            if article in fitting:
                articles += 1
                possible = possible & fitting[article]
                assert possible, (article, noun, sentence.text)
            for adjective in adjectives:
                for ending, cell in ENDINGS[language].items():
                    if adjective.lower().endswith(ending):
                        adjectives_checked += 1
                        assert cell in possible, (adjective, noun, sentence.text)
    assert articles > 3000 and adjectives_checked > 150


@pytest.mark.parametrize("language", LANGUAGES)
def test_articles_fit_the_sound_of_the_next_word(language: str, meanings: list[Meaning]) -> None:
    rules = [(set(words.split()), *letters) for words, letters in STARTS[language].items()]
    for meaning in meanings:
        for word, follower in itertools.pairwise(realise(meaning, language).tokens):
            for words, refused, demanded in rules:
                if word.lower() in words:
                    assert follower[0].lower() not in refused, (word, follower)
                    assert not demanded or follower[0].lower() in demanded, (word, follower)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_verb_agrees_in_number(language: str, meanings: list[Meaning]) -> None:
    for meaning in meanings:
        if meaning.second is not None:
            continue
        sentence = realise(meaning, language)
        finite = next(w for w, tag in zip(sentence.tokens, sentence.upos, strict=True) if tag in ("AUX", "VERB"))
        if finite in SINGULAR_WITH_THAT_ENDING.get(language, ()):
            assert not meaning.first.agent.plural
            continue
        looks_plural = finite.endswith(PLURAL_VERB[language]) or finite in ("ont", "vont", "font")
        assert looks_plural == meaning.first.agent.plural, sentence.text
