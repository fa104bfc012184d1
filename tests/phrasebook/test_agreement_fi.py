"""Finnish: objects, local cases, predicates and the negative verb, on the words against the meaning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyglot.phrasebook import Clause, Entity, Meaning, Place, realise
from anyglot.phrasebook.grammar.finnish_inflection import conjugate, decline, is_front, weakened
from anyglot.phrasebook.languages import load_grammar
from anyglot.phrasebook.sampler import sample_meanings
from phrasebook.examples import ANNA, PETER, a, act, counted, the


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings("agreement", "train", 3000))


def _said(clause: Clause) -> str:
    return realise(Meaning(clause), "fi").text


@pytest.mark.parametrize(
    ("strong", "weak"),
    [
        ("kokki", "koki"),
        ("kaupunki", "kaupungi"),
        ("katu", "kadu"),
        ("leipä", "leivä"),
        ("sika", "sia"),
        ("ranta", "ranna"),
        ("lehte", "lehde"),
        ("juusto", "juusto"),
        ("puu", "puu"),
        ("itke", "itke"),
    ],
)
def test_gradation(strong: str, weak: str) -> None:
    assert weakened(strong) == weak


def test_harmony_follows_the_last_part() -> None:
    assert is_front("isoäiti") and is_front("meri") and not is_front("hotelli") and not is_front("tietokone")


@pytest.mark.parametrize(
    ("lemma", "genitive", "partitive", "illative", "plural"),
    [
        ("talo", "talon", "taloa", "taloon", "taloja"),
        ("huone", "huoneen", "huonetta", "huoneeseen", "huoneita"),
        ("nainen", "naisen", "naista", "naiseen", "naisia"),
        ("koira", "koiran", "koiraa", "koiraan", "koiria"),
        ("kissa", "kissan", "kissaa", "kissaan", "kissoja"),
        ("hotelli", "hotellin", "hotellia", "hotelliin", "hotelleja"),
        ("lääkäri", "lääkärin", "lääkäriä", "lääkäriin", "lääkäreitä"),
        ("insinööri", "insinöörin", "insinööriä", "insinööriin", "insinöörejä"),
        ("opiskelija", "opiskelijan", "opiskelijaa", "opiskelijaan", "opiskelijoita"),
        ("museo", "museon", "museota", "museoon", "museoita"),
        ("laatikko", "laatikon", "laatikkoa", "laatikkoon", "laatikoita"),
        ("puu", "puun", "puuta", "puuhun", "puita"),
        ("Lontoo", "Lontoon", "Lontoota", "Lontooseen", "Lontoita"),
        ("Madrid", "Madridin", "Madridia", "Madridiin", "Madrideja"),
    ],
)
def test_regular_declension(lemma: str, genitive: str, partitive: str, illative: str, plural: str) -> None:
    forms = decline(lemma, {})
    singular = forms.singular
    assert (singular["genitive"], singular["partitive"], singular["illative"]) == (genitive, partitive, illative)
    assert forms.plural["partitive"] == plural


def test_plural_local_cases_are_in_the_weak_grade() -> None:
    assert decline("tyttö", {}).plural["allative"] == "tytöille"
    assert decline("kaupunki", {}).plural["inessive"] == "kaupungeissa"
    assert decline("vieras", {"genitive": "vieraan"}).plural["allative"] == "vieraille"


@pytest.mark.parametrize(
    ("lemma", "present", "past", "negative", "participle"),
    [
        ("nukkua", "nukkuvat", "nukkui", "nuku", "nukkunut"),
        ("antaa", "antavat", "antoi", "anna", "antanut"),
        ("ostaa", "ostavat", "osti", "osta", "ostanut"),
        ("syödä", "syövät", "söi", "syö", "syönyt"),
        ("tulla", "tulevat", "tuli", "tule", "tullut"),
        ("pestä", "pesevät", "pesi", "pese", "pessyt"),
        ("avata", "avaavat", "avasi", "avaa", "avannut"),
        ("siivota", "siivoavat", "siivosi", "siivoa", "siivonnut"),
    ],
)
def test_regular_conjugation(lemma: str, present: str, past: str, negative: str, participle: str) -> None:
    forms = conjugate(lemma, {})
    assert (forms.present[1], forms.past[0], forms.negative, forms.participle[0]) == (
        present,
        past,
        negative,
        participle,
    )


@pytest.mark.parametrize(
    ("lemma", "illative"),
    [("talo", "taloihin"), ("hotelli", "hotelleihin"), ("koira", "koiriin"), ("museo", "museoihin")],
)
def test_plural_illative(lemma: str, illative: str) -> None:
    assert decline(lemma, {}).plural["illative"] == illative
    assert decline("huone", {}).plural["illative"] == "huoneisiin"


def test_total_and_partitive_objects() -> None:
    reading = act("transitive", ANNA, "read", "completed", patient=the("book", prop="new"))
    said = {
        "Anna luki uuden kirjan.": reading,
        "Anna lukee uutta kirjaa.": replace(reading, tense="present", aspect="ongoing"),
        "Anna ei lukenut uutta kirjaa.": replace(reading, negated=True),
        "Anna luki uudet kirjat.": replace(reading, patient=the("book", plural=True, prop="new")),
        "Anna luki uusia kirjoja.": replace(reading, patient=a("book", plural=True, prop="new")),
        "Anna luki 2 uutta kirjaa.": replace(reading, patient=counted(2, "book", "new")),
        "Anna joi kylmää maitoa.": act("transitive", ANNA, "drink", "completed", patient=a("milk", prop="cold")),
        "Anna joi kylmän maidon.": act("transitive", ANNA, "drink", "completed", patient=the("milk", prop="cold")),
        "Anna auttoi Peteriä.": act("transitive", ANNA, "help", "completed", patient=PETER),
        "Anna soitti 2 lääkärille.": act("transitive", ANNA, "call", "completed", patient=counted(2, "doctor")),
        "Anna soitti hotelliin.": act("transitive", ANNA, "call", "completed", patient=the("hotel")),
    }
    assert {_said(clause): clause for clause in said.values()} == said


def test_negated_objects_are_never_total(meanings: list[Meaning]) -> None:
    grammar = load_grammar("fi")
    checked = 0
    for meaning in meanings:
        for clause in meaning.clauses():
            if not clause.negated or clause.patient is None or clause.verb in ("visit", "call"):
                continue
            checked += 1
            patient = grammar.noun_phrase(clause.patient, "partitive", clause.verb)  # type: ignore[attr-defined]
            assert patient[-1].text in realise(meaning, "fi").tokens
    assert checked > 50


def test_one_is_at_a_persons_and_in_a_place() -> None:
    visits = {
        "Anna vierailee 2 ystävän luona.": counted(2, "friend"),
        "Anna vierailee isoäitien luona.": the("grandmother", plural=True),
        "Anna vierailee Peterin luona.": PETER,
        "Anna vierailee vanhoissa museoissa.": a("museum", plural=True, prop="old"),
        "Anna vierailee Venäjällä.": the("Russia"),
        "Anna vierailee Pariisissa.": the("Paris"),
    }
    for text, patient in visits.items():
        assert _said(act("transitive", ANNA, "visit", "ongoing", patient=patient)) == text


def test_the_verb_gives_the_place_its_direction() -> None:
    def placed(verb: str, patient: Entity, relation: str, place: str) -> str:
        return _said(
            act("transitive", ANNA, verb, "completed", patient=patient, place=Place(relation, the(place, prop="old")))
        )

    assert placed("find", the("key"), "under", "bed") == "Anna löysi avaimen vanhan sängyn alta."
    assert placed("hide", the("key"), "under", "bed") == "Anna piilotti avaimen vanhan sängyn alle."
    assert placed("buy", a("apple"), "at", "market") == "Anna osti omenan vanhalta torilta."
    assert placed("sell", a("apple"), "at", "market") == "Anna myi omenan vanhalla torilla."
    assert placed("plant", a("tree"), "at", "garden") == "Anna istutti puun vanhaan puutarhaan."


def test_predicates() -> None:
    said = {
        "Maito on kylmää.": Clause("property", the("milk"), property="cold"),
        "Omena on makea.": Clause("property", the("apple"), property="sweet"),
        "Kengät ovat likaiset.": Clause("property", the("shoe", plural=True), property="dirty"),
        "Ovet ovat kiinni.": Clause("property", the("door", plural=True), property="closed"),
        "Laukku oli täynnä.": Clause("property", the("bag"), tense="past", property="full"),
        "Kuu oli täysi.": Clause("property", the("moon"), tense="past", property="full"),
    }
    assert {_said(clause): clause for clause in said.values()} == said


def test_the_negative_verb_agrees_and_joins() -> None:
    laugh = act("intransitive", the("child", plural=True), "laugh", "completed", negated=True)
    sleep = act("intransitive", ANNA, "sleep", "completed", negated=True)
    assert realise(Meaning(sleep, "and", laugh), "fi").text == "Anna ei nukkunut, eivätkä lapset nauraneet."
    assert realise(Meaning(laugh, "and", sleep), "fi").text == "Lapset eivät nauraneet, eikä Anna nukkunut."


def test_the_verb_agrees_but_not_with_a_count(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        clause, sentence = meaning.first, realise(meaning, "fi")
        finite = next(
            token for token, tag in zip(sentence.tokens, sentence.upos, strict=True) if tag in ("VERB", "AUX")
        )
        plural = clause.agent.plural and clause.agent.count is None
        assert finite.endswith(("vat", "vät")) == plural, sentence.text


def test_where_things_are_worn() -> None:
    wear = act("transitive", ANNA, "wear", "ongoing", patient=a("hat", prop="black"), time="today")
    assert _said(wear) == "Anna pitää tänään päässään mustaa hattua."
    assert _said(replace(wear, patient=a("shoe", plural=True))) == "Anna pitää tänään jalassaan kenkiä."
