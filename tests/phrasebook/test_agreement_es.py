"""What is particular to Spanish: ser and estar, the personal a, pronouns, el before a stressed a, short forms."""

from __future__ import annotations

import pytest

from anyglot.phrasebook import Clause, Meaning, Place, realise
from anyglot.phrasebook.meaning import Entity
from phrasebook.examples import ANNA, PETER, a, act, counted, the


def _said(*clauses: Clause) -> str:
    return realise(Meaning(clauses[0], "and", clauses[1]) if len(clauses) > 1 else Meaning(clauses[0]), "es").text


@pytest.mark.parametrize(
    ("patient", "said"),
    [
        (the("doctor"), "Anna vio al médico."),
        (a("doctor"), "Anna vio a un médico."),
        (a("doctor", plural=True), "Anna vio médicos."),
        (counted(3, "doctor"), "Anna vio a 3 médicos."),
        (PETER, "Anna vio a Peter."),
        (the("cat"), "Anna vio al gato."),
        (a("cat"), "Anna vio un gato."),
        (the("ship"), "Anna vio el barco."),
    ],
)
def test_persons_take_a(patient: Entity, said: str) -> None:
    assert _said(act("transitive", ANNA, "see", "completed", patient=patient)) == said


def test_dear_animals_take_a_and_eaten_ones_do_not() -> None:
    feeding = act("transitive", PETER, "feed", "completed", patient=a("dog"))
    assert _said(feeding) == "Peter alimentó a un perro."
    eating = act("transitive", the("wolf"), "eat", "completed", patient=the("sheep"))
    assert _said(eating) == "El lobo comió la oveja."


def test_a_fish_on_the_plate_is_another_word() -> None:
    assert _said(act("transitive", ANNA, "cook", "completed", patient=the("fish"))) == "Anna cocinó el pescado."
    assert _said(act("transitive", ANNA, "catch", "completed", patient=counted(2, "fish"))) == "Anna atrapó 2 peces."
    assert _said(Clause("property", the("fish"), property="fresh")) == "El pescado es fresco."
    assert _said(Clause("property", the("fish"), property="big")) == "El pez es grande."


def test_ser_for_what_lasts_and_estar_for_what_passes() -> None:
    assert _said(Clause("property", the("song"), property="sad")) == "La canción es triste."
    assert _said(Clause("property", the("song"), property="sad", tense="past", time="yesterday")) == (
        "La canción era triste ayer."
    )
    assert _said(Clause("property", ANNA, property="sad")) == "Anna está triste."
    assert _said(Clause("property", the("kitchen"), property="bright")) == "La cocina es luminosa."
    now = Clause("property", the("kitchen"), property="bright", time="now")
    assert _said(now) == "La cocina está luminosa ahora."
    assert _said(Clause("property", the("child", plural=True), property="hungry")) == "Los niños tienen hambre."


def test_el_before_a_stressed_a() -> None:
    assert _said(act("transitive", ANNA, "drink", "completed", patient=the("water", prop="cold"))) == (
        "Anna bebió el agua fría."
    )
    assert _said(act("transitive", ANNA, "drink", "completed", patient=the("water", prop="good"))) == (
        "Anna bebió la buena agua."
    )
    assert _said(act("transitive", ANNA, "buy", "completed", patient=a("axe", prop="sharp"))) == (
        "Anna compró un hacha afilada."
    )
    assert _said(Clause("property", the("axe", plural=True), property="heavy")) == "Las hachas son pesadas."


def test_short_forms_before_the_noun() -> None:
    assert _said(act("transitive", ANNA, "read", "completed", patient=a("book", prop="good"))) == (
        "Anna leyó un buen libro."
    )
    assert _said(act("transitive", ANNA, "eat", "completed", patient=counted(2, "pear", "good"))) == (
        "Anna comió 2 buenas peras."
    )


def test_at_home_without_article_unless_an_adjective_is_there() -> None:
    home = act("motion", ANNA, "return", "completed", place=Place("to", the("house")))
    old = act("motion", ANNA, "return", "completed", place=Place("to", the("house", prop="old")))
    assert _said(home) == "Anna volvió a casa."
    assert _said(old) == "Anna volvió a la casa vieja."


def test_y_becomes_e_before_i() -> None:
    first = Clause("property", ANNA, property="happy")
    assert _said(first, Clause("property", the("Irina"), property="tired")) == "Anna está feliz e Irina está cansada."
    assert _said(first, Clause("property", PETER, property="tired")) == "Anna está feliz y Peter está cansado."
