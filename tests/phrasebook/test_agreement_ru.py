"""Russian: numerals, cases, aspect and the past, on sentences as a native writes them and on sampled ones."""

from __future__ import annotations

import pytest

from anyglot.phrasebook import Clause, Meaning, Place, realise
from anyglot.phrasebook.catalogue import load_catalogue
from anyglot.phrasebook.sampler import sample_meanings
from phrasebook.examples import ANNA, PETER, a, act, counted, the

NAMES = {concept.name for concept in load_catalogue().of("name")}
GENDERS = {"был": "m", "была": "f", "было": "n", "были": "pl"}


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings("agreement", "train", 3000))


def _said(clause: Clause) -> str:
    return realise(Meaning(clause), "ru").text


@pytest.mark.parametrize(
    ("count", "concept", "adjective", "said"),
    [
        (2, "table", "round", "2 круглых стола"),
        (3, "rose", "red", "3 красные розы"),
        (4, "window", "big", "4 больших окна"),
        (5, "window", "big", "5 больших окон"),
        (12, "rose", "red", "12 красных роз"),
        (30, "key", "old", "30 старых ключей"),
        (2, "chair", "hard", "2 жёстких стула"),
        (100, "chair", "hard", "100 жёстких стульев"),
        (3, "cow", "brown", "3 коричневых коров"),
        (3, "clock", "broken", "3 сломанных будильника"),
        (3, "fish", "grey", "3 серые рыбы"),
        (2, "piano", "black", "2 чёрных пианино"),
        (4, "bathroom", "dirty", "4 грязные ванные"),
    ],
)
def test_numerals_govern(count: int, concept: str, adjective: str, said: str) -> None:
    buying = act("transitive", ANNA, "see", "completed", patient=counted(count, concept, adjective))
    assert _said(buying) == f"Анна увидела {said}."


@pytest.mark.parametrize(
    ("relation", "concept", "adjective", "said"),
    [
        ("at", "garden", None, "в саду"),
        ("at", "garden", "green", "в зелёном саду"),
        ("at", "bridge", None, "на мосту"),
        ("at", "bathroom", "is_clean", "в чистой ванной"),
        ("at", "France", None, "во Франции"),
        ("at", "Helsinki", None, "в Хельсинки"),
        ("on", "cupboard", "high", "на высоком шкафу"),
        ("in", "oven", "hot", "в горячей печи"),
        ("under", "tree", "old", "под старым деревом"),
        ("behind", "door", "heavy", "за тяжёлой дверью"),
        ("beside", "table", None, "рядом со столом"),
        ("beside", "school", "new", "рядом с новой школой"),
        ("above", "sea", "blue", "над голубым морем"),
        ("in_front_of", "church", "old", "перед старой церковью"),
        ("near", "forest", "thick", "недалеко от густого леса"),
    ],
)
def test_prepositions_govern(relation: str, concept: str, adjective: str | None, said: str) -> None:
    sleeping = act("intransitive", PETER, "sleep", "completed", place=Place(relation, the(concept, prop=adjective)))
    assert _said(sleeping) == f"Пётр спал {said}."


def test_motion_has_its_prepositions_and_verbs() -> None:
    def moving(verb: str, aspect: str, relation: str, concept: str) -> str:
        return _said(act("motion", ANNA, verb, aspect, place=Place(relation, the(concept))))

    assert moving("go", "ongoing", "to", "market") == "Анна идёт на рынок."
    assert moving("go", "habitual", "to", "church") == "Анна ходит в церковь."
    assert moving("run", "completed", "to", "river") == "Анна побежала к реке."
    assert moving("come", "ongoing", "from", "office") == "Анна идёт из офиса."
    assert moving("come", "habitual", "from", "office") == "Анна приходит из офиса."
    assert moving("come", "completed", "from", "Paris") == "Анна приехала из Парижа."
    assert moving("travel", "habitual", "to", "France") == "Анна ездит во Францию."


def test_objects_by_animacy_definiteness_and_negation() -> None:
    def doing(verb: str, aspect: str, **parts: object) -> str:
        return _said(act("transitive", PETER, verb, aspect, **parts))

    assert doing("see", "state", patient=the("bear")) == "Пётр видит медведя."
    assert doing("see", "state", patient=the("table")) == "Пётр видит стол."
    assert doing("see", "state", patient=the("cow", plural=True, prop="white")) == "Пётр видит белых коров."
    assert doing("drink", "completed", patient=a("water", prop="cold")) == "Пётр выпил холодной воды."
    assert doing("drink", "completed", patient=the("water")) == "Пётр выпил воду."
    assert doing("drink", "ongoing", patient=a("water")) == "Пётр пьёт воду."
    assert doing("eat", "ongoing", patient=a("meat"), negated=True) == "Пётр не ест мяса."
    assert doing("read", "ongoing", patient=a("book", plural=True), negated=True) == "Пётр не читает книг."
    assert doing("read", "ongoing", patient=the("book"), negated=True) == "Пётр не читает книгу."
    assert doing("use", "ongoing", patient=a("phone", prop="new")) == "Пётр пользуется новым телефоном."
    assert doing("call", "completed", patient=the("Anna")) == "Пётр позвонил Анне."
    assert doing("call", "completed", patient=the("hotel")) == "Пётр позвонил в отель."


def test_verbs_that_depend_on_their_object() -> None:
    def doing(verb: str, aspect: str, **parts: object) -> str:
        return _said(act("transitive", ANNA, verb, aspect, **parts))

    assert doing("visit", "completed", patient=the("grandmother")) == "Анна навестила бабушку."
    assert doing("visit", "completed", patient=the("museum")) == "Анна посетила музей."
    assert doing("wash", "ongoing", patient=the("sock", plural=True)) == "Анна стирает носки."
    assert doing("wash", "ongoing", patient=the("plate")) == "Анна моет тарелку."
    assert doing("wear", "ongoing", patient=a("coat", prop="warm")) == "Анна ходит в тёплом пальто."
    assert doing("wear", "habitual", patient=a("coat", prop="warm")) == "Анна носит тёплое пальто."
    assert doing("wear", "completed", patient=a("ring")) == "Анна надела кольцо."


def test_absence_is_said_with_the_genitive() -> None:
    bag = Clause("location", the("bag"), negated=True, place=Place("on", the("chair")))
    friends = Clause(
        "location",
        the("friend", plural=True),
        tense="past",
        negated=True,
        place=Place("at", the("school")),
        time="yesterday",
    )
    village = Clause("location", the("village"), negated=True, place=Place("near", the("sea")))
    assert _said(bag) == "Сумки нет на стуле."
    assert _said(friends) == "Друзей вчера не было в школе."
    assert _said(village) == "Деревня не находится недалеко от моря."


def test_predicates_short_and_long() -> None:
    assert _said(Clause("property", the("shop", plural=True), property="closed")) == "Магазины закрыты."
    assert _said(Clause("property", the("shop"), tense="past", property="closed")) == "Магазин был закрыт."
    assert _said(Clause("property", the("clock"), property="broken")) == "Часы сломаны."
    assert _said(Clause("property", the("cup"), property="broken")) == "Чашка разбита."
    assert _said(Clause("property", ANNA, property="tired")) == "Анна устала."
    assert _said(Clause("property", the("sea"), tense="past", property="blue")) == "Море было голубым."
    assert _said(Clause("property", the("dog"), negated=True, property="hungry")) == "Собака не голодна."


def test_an_indefinite_subject_follows_its_verb_after_the_time() -> None:
    barking = act("intransitive", a("dog"), "bark", "habitual", time="every_morning", time_first=True)
    assert _said(barking) == "Каждое утро лает собака."


def _gender_by_ending(noun: str) -> str:
    if noun in ("мужчина", "дедушка", "кофе", "Лео", "Марко"):
        return "m"
    if noun in ("мышь", "лошадь", "соль", "кровать", "печь", "дверь", "церковь", "мать"):
        return "f"
    return "f" if noun[-1] in "ая" else "n" if noun[-1] in "ое" else "m"


def test_the_past_agrees_with_the_subject(meanings: list[Meaning]) -> None:
    checked = 0
    for meaning in meanings:
        clause = meaning.first
        absent = clause.kind == "location" and clause.negated
        if clause.kind not in ("property", "location") or clause.tense != "past" or clause.time_first or absent:
            continue
        words = realise(Meaning(clause), "ru").tokens
        subject = words[0] if clause.agent.concept in NAMES else words[0].lower()
        plural = clause.agent.plural or subject == "часы"
        if subject.isascii():
            continue
        expected = "pl" if plural else _gender_by_ending(subject)
        found = {GENDERS[word] for word in words if word in GENDERS}
        if found:
            checked += 1
            assert found == {expected}, words
    assert checked > 100


def test_no_article_no_double_negation_and_a_comma(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        sentence = realise(meaning, "ru")
        assert "DET" not in [
            tag for word, tag in zip(sentence.tokens, sentence.upos, strict=True) if not word.lower().startswith("кажд")
        ]
        negated = sum(clause.negated for clause in meaning.clauses())
        assert sentence.tokens.count("не") + sentence.tokens.count("нет") == negated
        if meaning.connective:
            assert (", и " in sentence.text) or (", но " in sentence.text)
