"""Questions in every language: a sentence with a question word where the answer would be.

Who asks for the subject, which stands first anyway: "Wer kauft den Apfel?". For the rest the word moves to where the
language has it (`order`): to the front, the verb after it or not, or it stays (Turkish, Hindi, Chinese). Someone or
something with known forms stands in for what is asked, and its words are then replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from anyglot.phrasebook.grammar.contract import Token
from anyglot.phrasebook.labelled.items import Slot
from anyglot.phrasebook.labelled.spans import TIME, Traced, tracer
from anyglot.phrasebook.meaning import Entity, Meaning, Place

# finite: question word, finite verb, subject. verbs: question word, all verbs, subject. front: question word, then as
# told. stay: as told. auxiliary: as finite, with the auxiliary that English has in "did not", the "not" left out.
Order = Literal["finite", "verbs", "front", "stay", "auxiliary"]

SUBJECT, THING, CITY = "Peter", "iphone", "Berlin"  # stand in: a man, a thing without a gender to agree with
SUBJECTS = (SUBJECT, "Thomas", "Martin", "David", "Daniel")


@dataclass(frozen=True, slots=True)
class Interrogatives:
    """The question words of a language.

    Args:
        where_forms: Form of the city that stands in -> question word, where it depends on the case.
        keeps_preposition: The question word takes the place of the noun alone ("在哪里").
        postposed: The language's adpositions follow.
    """

    who: str
    what: str
    where: str
    when: str
    order: Order
    where_forms: Mapping[str, str] = field(default_factory=dict)
    opening: str = ""
    closing: str = "?"
    keeps_preposition: bool = False
    postposed: bool = False


_TURKISH_WHERE = {"Berlin'den": "nereden", "Berlin'de": "nerede", "Berlin'e": "nereye"}
_FINNISH_WHERE = {"Berliinissä": "missä", "Berliinistä": "mistä", "Berliiniin": "mihin"}

WORDS: dict[str, Interrogatives] = {
    "de": Interrogatives("wer", "was", "wo", "wann", "finite"),
    "en": Interrogatives("who", "what", "where", "when", "auxiliary"),
    "es": Interrogatives("quién", "qué", "dónde", "cuándo", "verbs", opening="¿"),
    "fi": Interrogatives("kuka", "mitä", "missä", "milloin", "front", _FINNISH_WHERE),
    "fr": Interrogatives(
        "qui", "qu'est-ce que", "où est-ce que", "quand est-ce que", "front", closing=" ?"
    ),  # que turns into qu' before a vowel
    "hi": Interrogatives("कौन", "क्या", "कहाँ", "कब", "stay", postposed=True),
    "it": Interrogatives("chi", "che cosa", "dove", "quando", "verbs"),
    "nl": Interrogatives("wie", "wat", "waar", "wanneer", "finite"),
    "pt": Interrogatives("quem", "o que", "onde", "quando", "verbs"),
    "ru": Interrogatives("кто", "что", "где", "когда", "front"),
    "sv": Interrogatives("vem", "vad", "var", "när", "finite"),
    "tr": Interrogatives("kim", "ne", "nerede", "ne zaman", "stay", _TURKISH_WHERE),
    "uk": Interrogatives("хто", "що", "де", "коли", "front"),
    "zh": Interrogatives("谁", "什么", "哪里", "什么时候", "stay", closing="？", keeps_preposition=True),
}
_OBLIQUE_WHO = {("hi", "ने"): "किसने"}  # with the postposition that makes an agent of it


def question(meaning: Meaning, slot: Slot, language: str) -> str:
    """Ask for the agent, patient, place or time of a sentence of one clause, whose agent has a name."""
    words = WORDS[language]
    traced, key = _with_stand_in(meaning, slot, language)
    own = list(traced.words[key])
    if slot == "place" and not words.keeps_preposition:
        own = _with_adposition(traced, own, words.postposed)
    kept = [i for i in range(len(traced.tokens) - 1) if i not in own]
    before = [i for i in kept if i < own[0]]
    told = [traced.tokens[i] for i in kept]
    asked = Token(_word(words, slot, traced.tokens[traced.words[key][0]].text), "PRON")
    if slot == "agent":
        marker = told[0].text if told else ""
        oblique = _OBLIQUE_WHO.get((language, marker))
        tokens = [Token(oblique, "PRON"), *told[1:]] if oblique else [asked, *told]
    elif words.order == "stay":
        tokens = [*told[: len(before)], asked, *told[len(before) :]]
    else:
        tokens = _fronted(asked, told, words.order)
    text = tracer(language).grammar.join(_elided(tokens))
    return words.opening + text[:1].upper() + text[1:] + words.closing


def _with_stand_in(meaning: Meaning, slot: Slot, language: str) -> tuple[Traced, str]:
    clause = replace(meaning.first, time_first=False)
    taken = {entity.concept for entity in clause.entities()}
    if slot == "agent":
        key = next(name for name in SUBJECTS if name not in taken)
        clause = replace(clause, agent=Entity(key))
    elif slot == "patient":
        key = THING
        clause = replace(clause, patient=Entity(THING, definite=False))
    elif slot == "place":
        key = CITY
        clause = replace(clause, place=Place("at", Entity(CITY)))
    else:
        key = TIME
    if WORDS[language].order == "auxiliary" and slot != "agent":
        clause = replace(clause, negated=True)
    return tracer(language).trace(Meaning(clause)), key


def _with_adposition(traced: Traced, own: list[int], postposed: bool) -> list[int]:
    """The words of a place and what stands before them, or after them, to say where."""
    own = list(own)
    if postposed:
        while traced.tokens[own[-1] + 1].upos == "ADP":
            own.append(own[-1] + 1)
        return own
    while own[0] > 0 and traced.tokens[own[0] - 1].upos == "ADP":
        own.insert(0, own[0] - 1)
    return own


def _word(words: Interrogatives, slot: Slot, form: str) -> str:
    if slot == "agent":
        return words.who
    if slot == "patient":
        return words.what
    if slot == "time":
        return words.when
    for known, word in words.where_forms.items():
        if form.startswith(known):
            return word + form[len(known) :]
    return words.where


def _fronted(asked: Token, told: list[Token], order: Order) -> list[Token]:
    """The question word first, and what verbs follow it before the subject, which opened the sentence."""
    if order == "front":
        return [asked, *told]
    if order == "auxiliary":
        told = [token for token in told if token.upos != "PART"]
    moved = next(i for i, token in enumerate(told) if token.upos in ("VERB", "AUX"))
    end = moved + 1
    if order == "verbs":
        moved -= 1 if told[moved - 1].upos == "PRON" else 0
        while end < len(told) and told[end].upos in ("VERB", "AUX"):
            end += 1
    return [asked, *told[moved:end], *told[:moved], *told[end:]]


def _elided(tokens: list[Token]) -> list[Token]:
    """French que before a vowel."""
    first = tokens[0].text
    if first.endswith("est-ce que") and tokens[1].text[:1].lower() in "aeiouéèê":
        return [Token(first[:-1] + "'", "PRON"), *tokens[1:]]
    return tokens
