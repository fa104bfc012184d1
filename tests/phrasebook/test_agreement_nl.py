"""Dutch: articles, the -e of the adjective, verbs and what is particular to it, on the words against the meaning."""

from __future__ import annotations

import itertools

import pytest

from anyglot.phrasebook import Clause, Meaning, Place, realise
from anyglot.phrasebook.languages import load_grammar
from anyglot.phrasebook.sampler import sample_meanings
from phrasebook.examples import ANNA, a, act, counted, the


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings("agreement", "train", 3000))


def _said(clause: Clause) -> str:
    return realise(Meaning(clause), "nl").text


def test_articles_and_adjectives_agree(meanings: list[Meaning]) -> None:
    """`het` only before neuter singulars, and no -e only after een, geen or nothing before one."""
    lexicon = load_grammar("nl").lexicon
    neuter = {e.lemma for e in lexicon.entries("noun") if e["article"] == "het"} | {"fornuis"}
    common = {e.lemma for e in lexicon.entries("noun") if e["article"] == "de"} | {
        "tekening",
        "buurt",
        "zomer",
        "winter",
    }
    plural = {e.get("plural") for e in lexicon.entries("noun")}
    invariable = {"open", "gesloten"}
    checked = 0
    for meaning in meanings:
        sentence = realise(meaning, "nl")
        words = list(zip([""] + [token.lower() for token in sentence.tokens], ["X", *sentence.upos], strict=True))
        raw = ["", *sentence.tokens]
        for position, (_, tag) in enumerate(words):
            if tag != "NOUN":
                continue
            noun = raw[position]
            has_adjective = words[position - 1][1] == "ADJ"
            article = words[position - 1 - has_adjective][0]
            adjective = words[position - 1][0] if has_adjective else ""
            if article == "het":
                assert noun in neuter, sentence.text
            if article == "de":
                assert noun in common or noun in plural, sentence.text
            if adjective in invariable or noun not in neuter | common | plural or adjective in ("vorig", "vorige"):
                continue
            if has_adjective:
                checked += 1
                inflected = adjective.endswith("e")
                may_be_short = noun in neuter and article not in ("de", "het")
                assert inflected or may_be_short, sentence.text
                assert not (inflected and article == "een" and noun in neuter), sentence.text
    assert checked > 300


def test_the_verb_is_second_and_agrees(meanings: list[Meaning]) -> None:
    grammar = load_grammar("nl")
    for meaning in meanings:
        clause = meaning.first
        sentence = realise(meaning, "nl")
        opening = grammar.time_tokens(clause) if clause.time_first else grammar.noun_phrase(clause.agent)  # type: ignore[attr-defined]
        finite, tag = sentence.tokens[len(opening)], sentence.upos[len(opening)]
        assert tag in ("VERB", "AUX"), sentence.text
        if clause.agent.plural:
            assert finite.endswith("n"), sentence.text
        else:
            assert not finite.endswith("en") or finite == "scheen", sentence.text


def test_negation_is_said_once(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        words = realise(meaning, "nl").tokens
        negated = sum(clause.negated for clause in meaning.clauses())
        assert words.count("niet") + words.count("geen") == negated
        for first, second in itertools.pairwise(words):
            assert (first, second) not in {("niet", "een"), ("geen", "de"), ("geen", "het")}


def test_an_indefinite_subject_after_the_verb_is_announced() -> None:
    barking = act("intransitive", a("dog"), "bark", "habitual", time="every_morning", time_first=True)
    assert _said(barking) == "Elke ochtend blaft er een hond."
    eating = act("transitive", a("dog"), "eat", "ongoing", patient=a("meat"), time="now", time_first=True)
    assert _said(eating) == "Nu eet een hond vlees."


def test_particles_stand_before_the_place() -> None:
    cleaning = act(
        "transitive", ANNA, "clean", "completed", patient=the("window"), place=Place("at", the("kitchen", prop="dirty"))
    )
    assert _said(cleaning) == "Anna maakte het raam schoon in de vieze keuken."
    teaching = act("transitive", the("teacher"), "teach", "completed", patient=the("pupil"), negated=True)
    assert _said(teaching) == "De leraar gaf de leerling geen les."


def test_fixed_phrases_break_up_before_an_adjective() -> None:
    street = act("intransitive", ANNA, "play", "completed", place=Place("at", the("street")))
    narrow = act("intransitive", ANNA, "play", "completed", place=Place("at", the("street", prop="narrow")))
    assert _said(street) == "Anna speelde op straat."
    assert _said(narrow) == "Anna speelde in de smalle straat."


def test_things_take_a_verb_of_posture() -> None:
    places = {
        "De melk zit in het glas.": Clause("location", the("milk"), place=Place("in", the("glass"))),
        "De melk staat in de koelkast.": Clause("location", the("milk"), place=Place("in", the("fridge"))),
        "De appels hangen in de boom.": Clause("location", the("apple", plural=True), place=Place("on", the("tree"))),
        "De jas hing achter de deur.": Clause(
            "location", the("coat"), tense="past", place=Place("behind", the("door"))
        ),
        "De katten zitten op het bed.": Clause("location", the("cat", plural=True), place=Place("on", the("bed"))),
        "De kok is in de keuken.": Clause("location", the("chef"), place=Place("at", the("kitchen"))),
    }
    assert {_said(clause) for clause in places.values()} == set(places)


def test_a_drawn_picture_is_no_painting() -> None:
    drawing = act("transitive", ANNA, "draw", "completed", patient=counted(2, "picture", "small"))
    selling = act("transitive", ANNA, "sell", "completed", patient=a("picture", prop="small"))
    assert _said(drawing) == "Anna tekende 2 kleine tekeningen."
    assert _said(selling) == "Anna verkocht een klein schilderij."
