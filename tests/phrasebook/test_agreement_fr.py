"""What is particular to French: elision, partitives, de after pas, être in the past, bel and vieil, en and au."""

from __future__ import annotations

import pytest

from anyglot.phrasebook import Clause, Meaning, Place, realise
from anyglot.phrasebook.meaning import Entity
from phrasebook.examples import ANNA, PETER, a, act, counted, the


def _said(clause: Clause) -> str:
    return realise(Meaning(clause), "fr").text


@pytest.mark.parametrize(
    ("patient", "said", "denied"),
    [
        (a("apple"), "une pomme", "de pomme"),
        (a("orange", plural=True), "des oranges", "d'oranges"),
        (a("apple", plural=True, prop="good"), "de bonnes pommes", "de bonnes pommes"),
        (a("pear", plural=True, prop="ripe"), "des poires mûres", "de poires mûres"),
        (a("water"), "de l'eau", "d'eau"),
        (a("milk"), "du lait", "de lait"),
        (a("meat"), "de la viande", "de viande"),
        (a("wine", prop="good"), "du bon vin", "de bon vin"),
        (the("water"), "l'eau", "l'eau"),
        (the("axe"), "la hache", "la hache"),
        (the("wall", prop="high"), "le haut mur", "le haut mur"),
        (a("tree", prop="beautiful"), "un bel arbre", "de bel arbre"),
        (a("umbrella", plural=True, prop="old"), "de vieux parapluies", "de vieux parapluies"),
        (the("computer", prop="new"), "le nouvel ordinateur", "le nouvel ordinateur"),
        (the("egg", prop="fresh"), "l'œuf frais", "l'œuf frais"),
        (counted(3, "camera", "new"), "3 nouveaux appareils photo", "3 nouveaux appareils photo"),
        (a("iphone"), "un iPhone", "d'iPhone"),
        (the("bicycle", plural=True, prop="blue"), "les vélos bleus", "les vélos bleus"),
        (a("horse", plural=True, prop="white"), "des chevaux blancs", "de chevaux blancs"),
        (a("dress", prop="long"), "une robe longue", "de robe longue"),
        (a("letter", prop="long"), "une longue lettre", "de longue lettre"),
    ],
)
def test_articles(patient: Entity, said: str, denied: str) -> None:
    assert _said(act("transitive", ANNA, "buy", "completed", patient=patient)) == f"Anna a acheté {said}."
    assert _said(act("transitive", ANNA, "buy", "completed", patient=patient, negated=True)) == (
        f"Anna n'a pas acheté {denied}."
    )


def test_the_participle_agrees_with_the_subject_of_etre_only() -> None:
    beach = Place("to", the("beach"))
    assert _said(act("motion", ANNA, "go", "completed", place=beach)) == "Anna est allée à la plage."
    assert _said(act("motion", the("boy", plural=True), "go", "completed", place=beach)) == (
        "Les garçons sont allés à la plage."
    )
    assert _said(act("intransitive", counted(3, "woman"), "rest", "completed")) == "3 femmes se sont reposées."
    assert _said(act("transitive", ANNA, "eat", "completed", patient=a("pear"))) == "Anna a mangé une poire."


def test_negation_goes_around_the_finite_verb_and_its_pronoun() -> None:
    assert _said(act("intransitive", ANNA, "rest", "completed", negated=True)) == "Anna ne s'est pas reposée."
    assert _said(act("intransitive", ANNA, "rest", "ongoing", negated=True)) == "Anna ne se repose pas."
    assert _said(act("transitive", PETER, "love", "state", patient=ANNA, negated=True)) == "Peter n'aime pas Anna."
    assert _said(Clause("property", ANNA, negated=True, property="hungry")) == "Anna n'a pas faim."


def test_one_renders_visits_to_persons_and_visits_places() -> None:
    assert _said(act("transitive", ANNA, "visit", "completed", patient=the("friend", plural=True), negated=True)) == (
        "Anna n'a pas rendu visite aux amis."
    )
    assert _said(act("transitive", ANNA, "visit", "completed", patient=the("France"))) == "Anna a visité la France."


def test_cities_and_countries() -> None:
    def living(place: str) -> str:
        return _said(act("intransitive", PETER, "live", "state", place=Place("at", the(place))))

    assert living("Istanbul") == "Peter vit à Istanbul."
    assert living("France") == "Peter vit en France."
    assert living("Portugal") == "Peter vit au Portugal."
    flying = act("motion", ANNA, "fly", "completed", place=Place("to", the("India")))
    assert _said(flying) == "Anna a volé vers l'Inde."


def test_prepositions_melt_and_elide() -> None:
    def sleeping(relation: str, place: Entity) -> str:
        return _said(act("intransitive", PETER, "sleep", "completed", place=Place(relation, place)))

    assert sleeping("near", the("lake")) == "Peter a dormi près du lac."
    assert sleeping("near", a("lake")) == "Peter a dormi près d'un lac."
    assert sleeping("beside", the("tree")) == "Peter a dormi à côté de l'arbre."
    assert sleeping("at", the("house")) == "Peter a dormi à la maison."
    assert sleeping("at", the("house", prop="old")) == "Peter a dormi dans la vieille maison."
    assert sleeping("at", the("city", prop="quiet")) == "Peter a dormi dans la ville tranquille."
