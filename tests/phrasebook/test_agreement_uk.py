"""Ukrainian: numerals, cases, the genitive of negation, and the words that change with their neighbours."""

from __future__ import annotations

import itertools

import pytest

from anyglot.phrasebook import Clause, Meaning, Place, realise
from anyglot.phrasebook.sampler import sample_meanings
from phrasebook.examples import ANNA, PETER, a, act, counted, the

VOWELS = "аеєиіїоуюя"


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings("agreement", "train", 3000))


def _said(clause: Clause) -> str:
    return realise(Meaning(clause), "uk").text


@pytest.mark.parametrize(
    ("count", "concept", "adjective", "said"),
    [
        (2, "table", "round", "2 круглі столи"),
        (3, "rose", "red", "3 червоні троянди"),
        (4, "window", "big", "4 великі вікна"),
        (5, "window", "big", "5 великих вікон"),
        (12, "rose", "red", "12 червоних троянд"),
        (30, "key", "old", "30 старих ключів"),
        (2, "cup", "empty", "2 порожні чашки"),
        (7, "cup", "empty", "7 порожніх чашок"),
        (3, "cow", "brown", "3 коричневих корів"),
        (2, "door", "heavy", "2 важких дверей"),
        (3, "coat", "warm", "3 теплі пальта"),
        (3, "fish", "grey", "3 сірі риби"),
        (4, "bathroom", "dirty", "4 брудні ванні"),
    ],
)
def test_numerals_govern(count: int, concept: str, adjective: str, said: str) -> None:
    seeing = act("transitive", ANNA, "see", "completed", patient=counted(count, concept, adjective))
    assert _said(seeing) == f"Анна побачила {said}."


@pytest.mark.parametrize(
    ("agent", "relation", "concept", "adjective", "said"),
    [
        ("Anna", "at", "garden", None, "Анна спала в саду."),
        ("Peter", "at", "garden", "green", "Петро спав у зеленому саду."),
        ("Peter", "at", "bridge", None, "Петро спав на мосту."),
        ("Anna", "at", "France", None, "Анна спала у Франції."),
        ("Peter", "at", "office", None, "Петро спав в офісі."),
        ("Anna", "at", "bathroom", "is_clean", "Анна спала в чистій ванній."),
        ("Anna", "in", "bag", None, "Анна спала в сумці."),
        ("Anna", "on", "book", "thick", "Анна спала на товстій книзі."),
        ("Peter", "under", "tree", "old", "Петро спав під старим деревом."),
        ("Peter", "behind", "door", "heavy", "Петро спав за важкими дверима."),
        ("Peter", "beside", "oven", "hot", "Петро спав біля гарячої печі."),
        ("Peter", "above", "sea", "blue", "Петро спав над блакитним морем."),
        ("Peter", "near", "forest", "thick", "Петро спав недалеко від густого лісу."),
    ],
)
def test_prepositions_govern(agent: str, relation: str, concept: str, adjective: str | None, said: str) -> None:
    place = Place(relation, the(concept, prop=adjective))
    assert _said(act("intransitive", the(agent), "sleep", "completed", place=place)) == said


def test_motion_has_its_prepositions_and_verbs() -> None:
    def moving(agent: str, verb: str, aspect: str, relation: str, concept: str) -> str:
        return _said(act("motion", the(agent), verb, aspect, place=Place(relation, the(concept))))

    assert moving("Anna", "go", "ongoing", "to", "market") == "Анна йде на ринок."
    assert moving("Robert", "go", "ongoing", "to", "church") == "Роберт іде до церкви."
    assert moving("Anna", "go", "habitual", "to", "church") == "Анна ходить до церкви."
    assert moving("Anna", "come", "completed", "from", "school") == "Анна прийшла зі школи."
    assert moving("Anna", "come", "completed", "from", "church") == "Анна прийшла із церкви."
    assert moving("Anna", "come", "habitual", "from", "Kyiv") == "Анна приїжджає з Києва."
    assert moving("Anna", "return", "completed", "to", "Vienna") == "Анна повернулася до Відня."


def test_objects_by_animacy_and_negation() -> None:
    def doing(verb: str, aspect: str, **parts: object) -> str:
        return _said(act("transitive", PETER, verb, aspect, **parts))

    assert doing("see", "state", patient=the("bear", prop="brown")) == "Петро бачить бурого ведмедя."
    assert doing("see", "state", patient=the("dog", prop="old")) == "Петро бачить старого собаку."
    assert doing("drink", "completed", patient=a("water", prop="cold")) == "Петро випив холодної води."
    assert doing("drink", "completed", patient=the("water")) == "Петро випив воду."
    assert doing("eat", "completed", patient=the("apple"), negated=True) == "Петро не з'їв яблука."
    assert doing("read", "ongoing", patient=a("book", plural=True), negated=True) == "Петро не читає книг."
    assert doing("see", "state", patient=the("Anna"), negated=True) == "Петро не бачить Анну."
    assert doing("drive", "ongoing", patient=a("car", prop="fast")) == "Петро керує швидкою машиною."
    assert doing("call", "completed", patient=the("Olga")) == "Петро зателефонував Ользі."
    assert doing("wear", "ongoing", patient=a("coat", prop="warm")) == "Петро ходить у теплому пальті."


def test_absence_is_said_with_the_genitive() -> None:
    bag = Clause("location", the("bag"), negated=True, place=Place("on", the("chair")))
    doors = Clause("property", the("door"), tense="past", property="is_open")
    assert _said(bag) == "Сумки немає на стільці."
    assert _said(doors) == "Двері були відчинені."


def test_words_fit_their_neighbours(meanings: list[Meaning]) -> None:
    """В stands after a vowel or before one, у between consonants; the same holds of вчора and учора."""
    checked = 0
    for meaning in meanings:
        tokens = realise(meaning, "uk").tokens
        for before, word, after in zip(("", *tokens), tokens, (*tokens[1:], ""), strict=False):
            small = word.lower()
            if before.isascii() and before.isalpha():
                continue  # who knows how a brand sounds
            after_vowel = before[-1:] in VOWELS and before != ""
            if small == "в":
                checked += 1
                assert after_vowel or after[0].lower() in VOWELS or after.isascii(), tokens
                assert after[0] not in "вВфФ", tokens
            if small == "у":
                checked += 1
                assert not after_vowel or after.lower().startswith(("в", "ф", "св", "тв", "хв", "льв")), tokens
                assert after[0].lower() not in VOWELS, tokens
            if small in ("вчора", "учора"):
                assert (small == "вчора") == after_vowel, tokens
    assert checked > 300


def test_no_article_no_double_negation_and_a_comma(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        sentence = realise(meaning, "uk")
        assert "DET" not in sentence.upos
        negated = sum(clause.negated for clause in meaning.clauses())
        assert sentence.tokens.count("не") + sentence.tokens.count("немає") == negated
        if meaning.connective:
            pairs = set(itertools.pairwise(sentence.tokens))
            assert (",", "і") in pairs or (",", "але") in pairs
