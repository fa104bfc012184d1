"""What is particular to Italian: articles by sound, melted prepositions, partitives, essere in the past, bel, buon."""

from __future__ import annotations

import pytest

from anyglot.phrasebook import Clause, Meaning, Place, realise
from anyglot.phrasebook.meaning import Entity
from phrasebook.examples import ANNA, PETER, a, act, counted, the


def _said(*clauses: Clause) -> str:
    return realise(Meaning(clauses[0], "and", clauses[1]) if len(clauses) > 1 else Meaning(clauses[0]), "it").text


@pytest.mark.parametrize(
    ("patient", "said"),
    [
        (the("mirror"), "lo specchio"),
        (a("mirror"), "uno specchio"),
        (the("mirror", plural=True), "gli specchi"),
        (a("mirror", plural=True), "degli specchi"),
        (the("mirror", prop="beautiful"), "il bello specchio"),
        (the("mirror", plural=True, prop="beautiful"), "i begli specchi"),
        (the("umbrella", prop="beautiful"), "il bell'ombrello"),
        (the("ring", plural=True, prop="beautiful"), "i begli anelli"),
        (a("house", prop="beautiful"), "una bella casa"),
        (a("book", plural=True, prop="beautiful"), "dei bei libri"),
        (a("book", prop="good"), "un buon libro"),
        (a("mirror", prop="good"), "un buono specchio"),
        (a("orange"), "un'arancia"),
        (a("orange", plural=True), "delle arance"),
        (a("orange", prop="small"), "una piccola arancia"),
        (the("iphone"), "l'iPhone"),
        (a("bmw"), "una BMW"),
        (counted(3, "egg", "fresh"), "3 uova fresche"),
        (a("egg", prop="fresh"), "un uovo fresco"),
        (a("meat"), "della carne"),
        (a("sugar"), "dello zucchero"),
    ],
)
def test_articles_by_the_sound_of_the_next_word(patient: Entity, said: str) -> None:
    assert _said(act("transitive", ANNA, "buy", "completed", patient=patient)) == f"Anna ha comprato {said}."


def test_no_partitive_in_habits_and_after_non() -> None:
    assert _said(act("transitive", ANNA, "drink", "habitual", patient=a("milk"))) == "Anna beve latte."
    assert _said(act("transitive", ANNA, "drink", "completed", patient=a("milk"), negated=True)) == (
        "Anna non ha bevuto latte."
    )
    assert _said(act("transitive", ANNA, "see", "completed", patient=a("mirror"), negated=True)) == (
        "Anna non ha visto nessuno specchio."
    )


def test_the_participle_agrees_with_the_subject_of_essere_only() -> None:
    school = Place("to", the("school"))
    assert _said(act("motion", ANNA, "go", "completed", place=school)) == "Anna è andata a scuola."
    assert _said(act("motion", PETER, "go", "completed", place=school)) == "Peter è andato a scuola."
    girls = counted(2, "girl")
    assert _said(act("motion", girls, "run", "completed", place=school)) == "2 ragazze sono corse a scuola."
    boys = the("boy", plural=True)
    assert _said(act("motion", boys, "return", "completed", place=school)) == "I ragazzi sono tornati a scuola."
    assert _said(act("transitive", ANNA, "eat", "completed", patient=a("apple"))) == "Anna ha mangiato una mela."


def test_one_goes_to_find_persons_but_visits_places() -> None:
    assert _said(act("transitive", ANNA, "visit", "completed", patient=the("Maria"))) == (
        "Anna è andata a trovare Maria."
    )
    assert _said(act("transitive", ANNA, "visit", "completed", patient=the("Portugal"))) == (
        "Anna ha visitato il Portogallo."
    )


def test_places_with_and_without_article() -> None:
    def sleeping(place: Entity) -> str:
        return _said(act("intransitive", PETER, "sleep", "completed", place=Place("at", place)))

    assert sleeping(the("kitchen")) == "Peter ha dormito in cucina."
    assert sleeping(the("kitchen", prop="is_clean")) == "Peter ha dormito nella cucina pulita."
    assert sleeping(the("school", prop="new")) == "Peter ha dormito alla nuova scuola."
    assert sleeping(the("island")) == "Peter ha dormito sull'isola."
    assert sleeping(the("Portugal")) == "Peter ha dormito in Portogallo."
    assert sleeping(the("Amsterdam")) == "Peter ha dormito ad Amsterdam."


def test_feeding_is_giving_to_eat() -> None:
    feeding = act("transitive", ANNA, "feed", "ongoing", patient=the("cat", plural=True))
    assert _said(feeding) == "Anna sta dando da mangiare ai gatti."


def test_euphonic_d() -> None:
    giving = act("ditransitive", PETER, "give", "completed", patient=the("key"), recipient=ANNA)
    assert _said(giving) == "Peter ha dato la chiave ad Anna."
    first = Clause("property", ANNA, property="happy")
    assert _said(first, Clause("property", the("Eva"), property="hungry")) == "Anna è felice ed Eva ha fame."
