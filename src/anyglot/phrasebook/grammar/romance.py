"""What the Romance languages share: gender, articles that melt into prepositions, and the order of the clause.

A language adds how its words inflect (`plural_noun`, `inflected_adjective`, `conjugated`), its articles and
contractions (`article`, `prepositional`), its verb groups (`completed`, `progressive`, `negate`) and its copulas.

Features of the lexicons, alike in all of them:

noun       gender (m f); plural, plural_gender where irregular; `at`, `to`, `on` ... the preposition where it is not
           the relation's own, ` -` after it: without the article, unless an adjective is there ("in -": in cucina,
           nella cucina pulita; "en - dans": en ville, dans la belle ville); `at_<class>` for agents of a class;
           `variant_lemma`, `variant_gender` ... another word with the verbs and adjectives of `with` (pez, but
           comer pescado); article=yes on countries and firms; movable=yes on those of nature without a fixed place
verb       tail (further words), preposition of the object, `to` where the verb has its own; features with the
           prefix `human_` are another verb for persons (visiter Paris, rendre visite à Maria)
adjective  before=yes in front of the noun, except with those of `after`; `for_<class or noun>` and `predicate`:
           another word there, given as masculine/feminine where irregular; feminine, plural; invariable=yes;
           essential (classes and nouns of which a passing state is said like a quality: es triste), lasting (unless
           a time is said: es oscuro, está oscuro ahora); have (a noun: tener hambre)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag
from anyglot.phrasebook.lexicon import Entry, Lexicon
from anyglot.phrasebook.meaning import Clause, Entity, Meaning

Pair = tuple[str, str]  # singular, plural
Words = tuple[Token, ...]

# words inside prepositions, set phrases and nouns; all others are adpositions
TAG_OF = {
    **dict.fromkeys(("lado", "côté", "bord", "cima", "panne", "santé", "marché", "frente"), "NOUN"),
    **dict.fromkeys(("cerca", "detrás", "delante", "debajo", "encima", "perto", "atrás", "debaixo", "près"), "ADV"),
    **dict.fromkeys(("vicino", "accanto", "davanti", "junto"), "ADV"),
    **dict.fromkeys(("bon", "bonne"), "ADJ"),
    **dict.fromkeys(("viaggio", "voyage", "visite", "canna"), "NOUN"),
    **dict.fromkeys(("mangiare", "trovare", "cuire"), "VERB"),
    **dict.fromkeys(("un", "la"), "DET"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Noun:
    """A noun with its (singular, plural) words and genders."""

    entry: Entry
    words: tuple[Words, Words]
    genders: Pair
    mass: bool
    article: bool  # definite it takes the article, which most proper names do not
    features: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Forms:
    """What a language needs of its verbs: third persons, masculine singular participle, gerund."""

    present: Pair
    imperfect: Pair
    past: Pair = ("", "")
    participle: str = ""
    gerund: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """A verb with its forms, the words that follow it, and the preposition of its object."""

    infinitive: str
    forms: Forms
    tail: Words
    preposition: str
    features: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Preposition:
    """Words before a noun phrase, and those that go, if they can, without its article."""

    words: Words
    bare: Words


def tagged(text: str) -> Words:
    """The words of a preposition or another set phrase with their tags."""
    return tuple(Token(word, TAG_OF.get(word, "ADP")) for word in text.split())


class Romance(Grammar):
    """See the module's first line."""

    required: ClassVar[Mapping[str, tuple[str, ...]]] = {"noun": ("gender",)}
    # (singular, plural) in the present and the imperfect, by what is said: essential, temporary, location, fixed
    # (the location of a place), have
    copulas: ClassVar[Mapping[str, tuple[Pair, Pair]]]
    comma_after_time: ClassVar[bool] = False
    recipient_preposition: ClassVar[str] = "a"

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__(lexicon)
        self._nouns: dict[str, Noun] = {}
        self._variants: dict[tuple[str, str], Noun] = {}
        for entry in lexicon.entries():
            if entry.category == "noun" or entry.proper:
                self._nouns[entry.concept] = self._noun(entry, entry.lemma, entry.features)
                if others := entry.get("with"):
                    own = _without_prefix(entry.features, "variant_")
                    noun = self._noun(entry, own["lemma"], {**entry.features, **own})
                    self._variants |= {(other, entry.concept): noun for other in others.split()}
        self._verbs = {e.concept: self._verb(e.lemma, e.features) for e in lexicon.entries("verb")}
        self._human_verbs: dict[str, Verb] = {}
        for entry in lexicon.entries("verb"):
            if own := _without_prefix(entry.features, "human_"):
                self._human_verbs[entry.concept] = self._verb(own["lemma"], own)
        self._phrases: dict[tuple[Noun, bool, str, str | None], list[Token]] = {}
        self._prepositions: dict[tuple[str, str, str, str], Preposition] = {}

    # What a language says of its words

    @abstractmethod
    def plural_noun(self, word: str) -> str:
        """The regular plural of a noun."""

    @abstractmethod
    def inflected_adjective(self, lemma: str, feminine: str, gender: str, plural: bool) -> str:
        """The form of an adjective; `feminine` is the irregular feminine singular, or empty."""

    @abstractmethod
    def conjugated(self, infinitive: str, features: Mapping[str, str]) -> Forms:
        """The forms of a verb: regular ones by rule, irregular ones from the features."""

    @abstractmethod
    def article(self, kind: str, noun: Noun, plural: bool, words: list[Token]) -> list[Token]:
        """What stands before the words of a noun phrase: kind is definite, indefinite, bare or negated."""

    @abstractmethod
    def prepositional(self, words: Words, phrase: list[Token]) -> list[Token]:
        """Preposition and noun phrase, contracted or elided."""

    @abstractmethod
    def completed(self, clause: Clause, verb: Verb) -> list[Token]:
        """The past of what was done: preterite or compound."""

    @abstractmethod
    def progressive(self, verb: Verb, past: bool, plural: bool) -> list[Token]:
        """What is going on."""

    @abstractmethod
    def negate(self, words: list[Token]) -> list[Token]:
        """The finite verb and what follows in the verb group, negated."""

    def before_noun(self, adjective: str, gender: str, plural: bool, noun: str) -> str:
        """The form in front of a noun, where it is not the usual one (buen, bel, vieil)."""
        return adjective

    def indefinite_kind(self, clause: Clause, noun: Noun, plural: bool) -> str:
        """The article of an indefinite object: none in the plural and for mass nouns, "no" in negated clauses."""
        if plural or noun.mass:
            return "bare"
        return "negated" if clause.negated else "indefinite"

    def clitic(self, clause: Clause, verb: Verb) -> list[Token]:
        """The pronouns before the finite verb."""
        return [Token(word, "PRON") for word in verb.features.get("clitic", "").split()]

    def object_preposition(self, clause: Clause, verb: Verb, patient: Entity) -> str:
        """The preposition of the direct object."""
        return verb.preposition

    def connective_before(self, connective: str, word: str) -> list[Token]:
        """What stands between two clauses, of which the second begins with this word."""
        return self.conjoin(connective)

    # The clause

    def realise(self, meaning: Meaning) -> list[Token]:
        """The tokens of the whole sentence; the conjunction may depend on the next word."""
        tokens = self.clause(meaning.first)
        if meaning.second is not None and meaning.connective is not None:
            following = self.clause(meaning.second)
            tokens = tokens + self.connective_before(meaning.connective, following[0].text) + following
        return [*self.capitalised(tokens), Token(self.full_stop, "PUNCT")]

    def clause(self, clause: Clause) -> list[Token]:
        """Subject, verb, objects, place; the time first or last."""
        agent = clause.agent
        noun = self._noun_with(clause.property, agent)
        words = self.noun_phrase(agent, "definite" if agent.definite else "indefinite", noun) + self.predicate(clause)
        if clause.time is None:
            return words
        time = self.time_tokens(clause)
        if not clause.time_first:
            return words + time
        return [*time, Token(",", "PUNCT"), *words] if self.comma_after_time else time + words

    def predicate(self, clause: Clause) -> list[Token]:
        """Copula and complement, or verb, objects and place."""
        if clause.verb is None:
            return self.copular(clause) + self.place(clause, None)
        verb = self.verb_of(clause)
        words = self.verb_group(clause, verb)
        if clause.patient is not None:
            words += self.direct_object(clause, verb, clause.patient)
        if clause.recipient is not None:
            recipient = self.noun_phrase(clause.recipient, "definite")
            words += self.prepositional(tagged(self.recipient_preposition), recipient)
        return words + self.place(clause, verb)

    def verb_of(self, clause: Clause) -> Verb:
        """The verb, which may be another one for persons."""
        assert clause.verb is not None
        human = clause.patient is not None and "human" in self.lexicon[clause.patient.concept].traits
        return (self._human_verbs.get(clause.verb) if human else None) or self._verbs[clause.verb]

    def verb_group(self, clause: Clause, verb: Verb) -> list[Token]:
        """Negation, pronouns and the verb in its tense and aspect."""
        plural, past = clause.agent.plural, clause.tense == "past"
        if clause.aspect == "ongoing" and "progressive" not in verb.features:
            forms = self.progressive(verb, past, plural)
        elif past and clause.aspect == "completed":
            forms = self.completed(clause, verb)
        else:
            forms = [Token((verb.forms.imperfect if past else verb.forms.present)[plural], "VERB")]
        forms = self.clitic(clause, verb) + forms
        return [*(self.negate(forms) if clause.negated else forms), *verb.tail]

    def direct_object(self, clause: Clause, verb: Verb, patient: Entity) -> list[Token]:
        """The patient, maybe with a preposition."""
        noun = self._noun_with(clause.verb, patient)
        kind = "definite" if patient.definite else self.indefinite_kind(clause, noun, patient.plural)
        words = self.noun_phrase(patient, kind, noun)
        preposition = self.object_preposition(clause, verb, patient)
        return self.prepositional(tagged(preposition), words) if preposition else words

    def copular(self, clause: Clause) -> list[Token]:
        """The copula with the adjective, if there is one."""
        noun, kind = self._noun_with(clause.property, clause.agent), "location"
        complement: list[Token] = []
        if clause.property is not None:
            entry = self.lexicon[clause.property]
            if have := entry.get("have"):
                kind, complement = "have", [Token(have, "NOUN")]
            else:
                kind = "essential" if self.is_essential(entry, noun.entry, clause) else "temporary"
                complement = self.adjective(noun, clause.agent.plural, entry, entry.get("predicate"))
        elif "place" in noun.entry.traits and "movable" not in noun.features:
            kind = "fixed"
        form = self.copulas[kind][clause.tense == "past"][clause.agent.plural]
        copula = [Token(form, "VERB" if kind == "have" else "AUX")]
        return [*(self.negate(copula) if clause.negated else copula), *complement]

    def is_essential(self, adjective: Entry, noun: Entry, clause: Clause) -> bool:
        """Whether the adjective says what the noun is, rather than in which state."""
        lasting = adjective.get("essential").split()
        if clause.time is None:
            lasting += adjective.get("lasting").split()
        return "temporary" not in adjective.traits or noun.group in lasting or noun.concept in lasting

    def place(self, clause: Clause, verb: Verb | None) -> list[Token]:
        """A preposition (the noun's own choice, or the verb's) and the noun phrase."""
        if clause.place is None:
            return []
        relation, entity = clause.place.relation, clause.place.entity
        group = self.lexicon[clause.agent.concept].group
        own = verb.features.get(relation, "") if verb is not None else ""
        key = (relation, entity.concept, group, own)
        preposition = self._prepositions.get(key)
        if preposition is None:
            place = self.lexicon[entity.concept]
            text = own or place.get(f"{relation}_{group}") or place.get(relation) or self.lexicon[relation].lemma
            bare, dash, full = text.partition(" -")
            preposition = Preposition(tagged(full or bare), tagged(bare) if dash else ())
            self._prepositions[key] = preposition
        if preposition.bare and entity.definite and entity.property is None and not entity.plural:
            return self.prepositional(preposition.bare, self.noun_phrase(entity, "bare"))
        kind = "definite" if entity.definite else "indefinite"
        return self.prepositional(preposition.words, self.noun_phrase(entity, kind))

    # The noun phrase

    def noun_phrase(self, entity: Entity, kind: str, noun: Noun | None = None) -> list[Token]:
        """Article or digits, noun and adjective, all agreeing."""
        if noun is None:
            noun = self._noun_with(entity.property, entity)
        if entity.count is not None:
            return [Token(str(entity.count), "NUM"), *self._phrase(noun, True, "bare", entity.property)]
        return self._phrase(noun, entity.plural, kind, entity.property)

    def _noun_with(self, other: str | None, entity: Entity) -> Noun:
        """The noun, which may be another one with the verb or adjective `other`."""
        return self._variants.get((other or "", entity.concept)) or self._nouns[entity.concept]

    def _phrase(self, noun: Noun, plural: bool, kind: str, adjective: str | None) -> list[Token]:
        key = (noun, plural, kind, adjective)
        found = self._phrases.get(key)
        if found is None:
            words = list(noun.words[plural])
            if adjective is not None:
                words = self._with_adjective(noun, plural, self.lexicon[adjective], words)
            if noun.article or kind != "definite":
                words = self.article(kind, noun, plural, words) + words
            found = self._phrases[key] = words
        return found

    def _with_adjective(self, noun: Noun, plural: bool, adjective: Entry, words: list[Token]) -> list[Token]:
        forms = self.adjective(noun, plural, adjective)
        after = adjective.get("after").split()
        if not adjective.get("before") or noun.entry.group in after or noun.entry.concept in after:
            return words + forms
        form = self.before_noun(forms[0].text, noun.genders[plural], plural, words[0].text)
        return [Token(form, "ADJ"), *words]

    def adjective(self, noun: Noun, plural: bool, adjective: Entry, own: str = "") -> list[Token]:
        """The words of the adjective (or of its `own` form for the occasion) that agree with a noun."""
        own = own or adjective.get(f"for_{noun.entry.concept}") or adjective.get(f"for_{noun.entry.group}")
        lemma, _, feminine = (own or adjective.lemma).partition("/")
        if " " in lemma:
            return list(tagged(lemma))
        gender = noun.genders[plural]
        if not own:
            if plural and gender == "m" and (irregular := adjective.get("plural")):
                return [Token(irregular, "ADJ")]
            if adjective.get("invariable"):
                return [Token(lemma, "ADJ")]
            feminine = adjective.get("feminine")
        return [Token(self.inflected_adjective(lemma, feminine, gender, plural), "ADJ")]

    def gender_of(self, entity: Entity) -> str:
        """m or f."""
        return self._nouns[entity.concept].genders[entity.plural]

    # Reading the lexicon

    def _noun(self, entry: Entry, lemma: str, features: Mapping[str, str]) -> Noun:
        head, _, rest = lemma.partition(" ")
        tag = noun_tag(entry)
        following = tuple(Token(word, "ADP" if word in ("de", "da", "di", "à") else "NOUN") for word in rest.split())
        plural = head if tag == "PROPN" else (features.get("plural") or self.plural_noun(head))
        gender = features.get("gender") or ("f" if "female" in entry.traits else "m")
        return Noun(
            entry,
            ((Token(head, tag), *following), (Token(plural, tag), *following)),
            (gender, features.get("plural_gender", gender)),
            "mass" in entry.traits,
            not entry.proper or "article" in features,
            features,
        )

    def _verb(self, infinitive: str, features: Mapping[str, str]) -> Verb:
        tail = tuple(Token(word, "ADP" if word in ("a", "da") else "VERB") for word in features.get("tail", "").split())
        return Verb(infinitive, self.conjugated(infinitive, features), tail, features.get("preposition", ""), features)


def _without_prefix(features: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in features.items() if key.startswith(prefix)}
