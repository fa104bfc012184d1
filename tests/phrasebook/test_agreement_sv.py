"""Swedish: the two articles, three adjective forms, ingen and inte, on sampled and on chosen sentences."""

from __future__ import annotations

import pytest

from anyglot.phrasebook import Clause, Meaning, Place, realise
from anyglot.phrasebook.languages import load_grammar
from anyglot.phrasebook.sampler import sample_meanings
from phrasebook.examples import ANNA, PETER, a, act, counted, the


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings("agreement", "train", 3000))


def _said(clause: Clause) -> str:
    return realise(Meaning(clause), "sv").text


def _seen(entity: object) -> str:
    return _said(act("transitive", ANNA, "see", "state", patient=entity)).removeprefix("Anna ser ").removesuffix(".")


@pytest.mark.parametrize(
    ("concept", "forms"),
    [
        ("dog", "en liten hund | små hundar | den lilla hunden | de små hundarna | 2 små hundar"),
        ("house", "ett litet hus | små hus | det lilla huset | de små husen | 2 små hus"),
        ("apple", "ett litet äpple | små äpplen | det lilla äpplet | de små äpplena | 2 små äpplen"),
        ("man", "en liten man | små män | den lilla mannen | de små männen | 2 små män"),
        ("mouse", "en liten mus | små möss | den lilla musen | de små mössen | 2 små möss"),
        ("window", "ett litet fönster | små fönster | det lilla fönstret | de små fönstren | 2 små fönster"),
        ("hammer", "en liten hammare | små hammare | den lilla hammaren | de små hammarna | 2 små hammare"),
    ],
)
def test_noun_phrases(concept: str, forms: str) -> None:
    small = [
        a(concept, prop="small"),
        a(concept, plural=True, prop="small"),
        the(concept, prop="small"),
        the(concept, plural=True, prop="small"),
        counted(2, concept, "small"),
    ]
    assert [_seen(entity) for entity in small] == forms.split(" | ")


def test_a_definite_noun_without_an_adjective_has_no_article_in_front() -> None:
    assert _seen(the("book")) == "boken"
    assert _seen(the("book", plural=True)) == "böckerna"
    assert _seen(a("water", prop="cold")) == "kallt vatten"
    assert _seen(the("bmw")) == "BMW:n"


def test_articles_agree_with_their_nouns(meanings: list[Meaning]) -> None:
    """En and den before common nouns, ett and det before neuters, de before plurals, each with its adjective form."""
    nouns = load_grammar("sv")._nouns.values()  # type: ignore[attr-defined]
    allowed = {
        "en": {n.singular for n in nouns if not n.neuter},
        "ett": {n.singular for n in nouns if n.neuter},
        "ingen": {n.singular for n in nouns if not n.neuter},
        "inget": {n.singular for n in nouns if n.neuter},
        "inga": {n.plural for n in nouns},
        "den": {n.definite for n in nouns if not n.neuter},
        "det": {n.definite for n in nouns if n.neuter},
        "de": {n.plural_definite for n in nouns},
    }
    checked = 0
    for meaning in meanings:
        sentence = realise(meaning, "sv")
        for position, word in enumerate(sentence.tokens):
            article = word.lower()
            if sentence.upos[position] != "DET" or article not in allowed:
                continue
            with_adjective = sentence.upos[position + 1] == "ADJ"
            noun = sentence.tokens[position + 1 + with_adjective]
            assert noun in allowed[article], sentence.text
            assert with_adjective or article not in ("den", "det", "de"), sentence.text
            checked += 1
    assert checked > 500


def test_predicates_agree(meanings: list[Meaning]) -> None:
    grammar = load_grammar("sv")
    checked = 0
    for meaning in meanings:
        clause = meaning.first
        if clause.kind != "property":
            continue
        sentence = realise(Meaning(clause), "sv")
        adjective = next(w for w, tag in zip(sentence.tokens, sentence.upos, strict=True) if tag == "ADJ")
        entry = grammar.lexicon[clause.agent.concept]
        if clause.time_first or clause.time in ("last_week", "last_year"):
            continue
        checked += 1
        if clause.agent.plural:
            assert adjective.endswith(("a", "å", "små")), sentence.text
        elif not entry.proper and entry["article"] == "ett":
            assert adjective.endswith("t") or adjective == "bra", sentence.text
        else:
            assert not adjective.endswith("a") or adjective == "bra", sentence.text
    assert checked > 150


def test_the_verb_is_second(meanings: list[Meaning]) -> None:
    grammar = load_grammar("sv")
    for meaning in meanings:
        clause = meaning.first
        sentence = realise(meaning, "sv")
        opening = grammar.time_tokens(clause) if clause.time_first else grammar.noun_phrase(clause.agent)  # type: ignore[attr-defined]
        assert sentence.upos[len(opening)] in ("VERB", "AUX"), sentence.text


def test_negation_is_said_once(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        words = realise(meaning, "sv").tokens
        said = sum(words.count(word) for word in ("inte", "ingen", "inget", "inga"))
        assert said == sum(clause.negated for clause in meaning.clauses())


def test_negation_and_particles() -> None:
    def not_done(verb: str, **parts: object) -> str:
        return _said(act("transitive", PETER, verb, "completed", negated=True, **parts))

    assert not_done("eat", patient=a("bread", prop="fresh")) == "Peter åt inget färskt bröd."
    assert not_done("read", patient=the("book")) == "Peter läste inte boken."
    assert not_done("search", patient=a("key")) == "Peter letade inte efter någon nyckel."
    assert not_done("lose", patient=the("key"), time="yesterday", time_first=True) == (
        "Igår tappade Peter inte bort nyckeln."
    )
    assert not_done("wear", patient=a("hat")) == "Peter hade ingen hatt på sig."


def test_recipients_before_and_after() -> None:
    def given(verb: str, recipient: str, patient: object) -> str:
        return _said(act("ditransitive", ANNA, verb, "completed", recipient=the(recipient), patient=patient))

    assert given("give", "child", a("book")) == "Anna gav barnet en bok."
    assert given("tell", "child", the("story")) == "Anna berättade historien för barnet."
    assert given("lend", "neighbour", a("bicycle")) == "Anna lånade ut en cykel till grannen."
    assert given("bring", "guest", a("coffee")) == "Anna kom med kaffe till gästen."


def test_things_take_a_verb_of_posture() -> None:
    def somewhere(concept: str, relation: str, place: str, tense: str = "present") -> str:
        return _said(Clause("location", the(concept), tense=tense, place=Place(relation, the(place))))  # type: ignore[arg-type]

    assert somewhere("picture", "on", "wall") == "Bilden hänger på väggen."
    assert somewhere("pot", "on", "oven") == "Grytan står på spisen."
    assert somewhere("wine", "in", "glass", "past") == "Vinet var i glaset."
    assert somewhere("bird", "on", "tree") == "Fågeln sitter i trädet."
    assert somewhere("village", "near", "sea") == "Byn ligger nära havet."
    assert somewhere("baby", "in", "bed", "past") == "Bebisen låg i sängen."
