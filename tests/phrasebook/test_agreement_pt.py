"""What is particular to Portuguese: melted prepositions, plurals of ão, l and m, ser, estar and ficar."""

from __future__ import annotations

import pytest

from anyglot.phrasebook import Clause, Meaning, Place, realise
from anyglot.phrasebook.meaning import Entity
from phrasebook.examples import ANNA, PETER, a, act, counted, the


def _said(clause: Clause) -> str:
    return realise(Meaning(clause), "pt").text


@pytest.mark.parametrize(
    ("patient", "said"),
    [
        (counted(2, "lion"), "2 leões"),
        (counted(2, "dog"), "2 cães"),
        (the("hand", plural=True), "as mãos"),
        (the("ring", plural=True, prop="blue"), "os anéis azuis"),
        (counted(3, "scarf", "yellow"), "3 cachecóis amarelos"),
        (the("baby", plural=True, prop="healthy"), "os bebés saudáveis"),
        (the("garden", plural=True), "os jardins"),
        (counted(4, "apple", "good"), "4 boas maçãs"),
        (a("friend", prop="good"), "um bom amigo"),
        (a("waiter", plural=True, prop="slow"), "empregados de mesa lentos"),
        (the("bathroom", prop="is_clean"), "a casa de banho limpa"),
        (a("umbrella", plural=True, prop="black"), "guarda-chuvas pretos"),
        (a("wine", prop="red"), "vinho tinto"),
    ],
)
def test_noun_phrases(patient: Entity, said: str) -> None:
    assert _said(act("transitive", ANNA, "see", "completed", patient=patient)) == f"Anna viu {said}."


def test_melted_prepositions() -> None:
    def sleeping(relation: str, place: Entity) -> str:
        return _said(act("intransitive", PETER, "sleep", "completed", place=Place(relation, place)))

    assert sleeping("under", the("tree")) == "Peter dormiu debaixo da árvore."
    assert sleeping("beside", the("window")) == "Peter dormiu ao lado da janela."
    assert sleeping("at", the("lake")) == "Peter dormiu junto ao lago."
    assert sleeping("at", the("Portugal")) == "Peter dormiu em Portugal."
    assert sleeping("at", the("India")) == "Peter dormiu na Índia."
    assert sleeping("at", the("house")) == "Peter dormiu em casa."
    assert sleeping("at", the("house", prop="old")) == "Peter dormiu na casa velha."
    assert sleeping("in", a("bed")) == "Peter dormiu numa cama."


def test_one_goes_a_and_travels_para() -> None:
    assert _said(act("motion", ANNA, "go", "completed", place=Place("to", the("beach")))) == "Anna foi à praia."
    assert _said(act("motion", ANNA, "run", "completed", place=Place("to", the("beach")))) == (
        "Anna correu para a praia."
    )


def test_places_stay_and_things_are() -> None:
    place = Place("near", the("river"))
    assert _said(Clause("location", the("church"), place=place)) == "A igreja fica perto do rio."
    assert _said(Clause("location", the("village", plural=True), tense="past", place=place)) == (
        "As aldeias ficavam perto do rio."
    )
    assert _said(Clause("location", the("dog"), place=place)) == "O cão está perto do rio."
    assert _said(Clause("location", the("stone"), place=place)) == "A pedra está perto do rio."


def test_ser_for_what_lasts_and_estar_for_what_passes() -> None:
    assert _said(Clause("property", the("film"), property="sad")) == "O filme é triste."
    assert _said(Clause("property", the("queen"), property="sad")) == "A rainha está triste."
    assert _said(Clause("property", the("boy", plural=True), property="hungry")) == "Os meninos têm fome."


def test_verbs_with_irregular_plurals() -> None:
    men = the("man", plural=True)
    assert _said(act("transitive", men, "see", "habitual", patient=the("sea"))) == "Os homens veem o mar."
    assert _said(act("motion", men, "come", "ongoing", place=Place("from", the("market")))) == (
        "Os homens vêm do mercado."
    )
    assert _said(act("transitive", men, "build", "completed", patient=a("wall"))) == "Os homens construíram um muro."
