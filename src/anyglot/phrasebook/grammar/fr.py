"""French: elision, partitives, ne and pas with de, avoir or être in the compound past, bel, nouvel and vieil."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Token
from anyglot.phrasebook.grammar.romance import Forms, Noun, Pair, Romance, Verb, Words
from anyglot.phrasebook.meaning import Clause

VOWELS = tuple("aeiouhàâéèêëîïôöùûüœæ")
ASPIRATED = ("hache", "haut")  # their h counts as a consonant
ELIDED = {"le": "l'", "la": "l'", "de": "d'", "ne": "n'", "se": "s'"}
CONTRACTIONS = {("à", "le"): "au", ("à", "les"): "aux", ("de", "le"): "du", ("de", "les"): "des"}
BEFORE_VOWEL = {"beau": "bel", "nouveau": "nouvel", "vieux": "vieil"}
ETRE: tuple[Pair, Pair] = (("est", "sont"), ("était", "étaient"))
AVOIR: tuple[Pair, Pair] = (("a", "ont"), ("avait", "avaient"))


def begins_with_vowel(word: str) -> bool:
    """Whether le, de and the like lose their vowel before the word."""
    word = word.lower()
    return word.startswith(VOWELS) and not word.startswith(ASPIRATED)


def elided(words: list[Token]) -> list[Token]:
    """The words with l', d', n', s' where they stand before a vowel."""
    before = [
        Token(ELIDED[word.text], word.upos) if word.text in ELIDED and begins_with_vowel(following.text) else word
        for word, following in itertools.pairwise(words)
    ]
    return [*before, words[-1]]


class French(Romance):
    """See the module's first line."""

    language: ClassVar[str] = "fr"
    comma_after_time: ClassVar[bool] = True
    recipient_preposition: ClassVar[str] = "à"
    copulas: ClassVar[Mapping[str, tuple[Pair, Pair]]] = {
        **dict.fromkeys(("essential", "temporary", "location", "fixed"), ETRE),
        "have": AVOIR,
    }

    def plural_noun(self, word: str) -> str:
        """-s, or -x after eau and eu, -aux for -al; nothing after s, x, z."""
        if word.endswith(("s", "x", "z")):
            return word
        if word.endswith("al"):
            return word[:-2] + "aux"
        return word + ("x" if word.endswith(("au", "eu")) and word != "bleu" else "s")

    def inflected_adjective(self, lemma: str, feminine: str, gender: str, plural: bool) -> str:
        """-e in the feminine, with -euse for -eux and -ère for -er."""
        form = lemma
        if gender == "f":
            form = feminine or self._feminine(lemma)
        return self.plural_noun(form) if plural else form

    def _feminine(self, lemma: str) -> str:
        if lemma.endswith("eux"):
            return lemma[:-1] + "se"
        if lemma.endswith("er"):
            return lemma[:-2] + "ère"
        return lemma if lemma.endswith("e") else lemma + "e"

    def conjugated(self, infinitive: str, features: Mapping[str, str]) -> Forms:
        """The present, imperfect and participle."""
        stem, first = infinitive[:-2], infinitive.endswith("er")
        present = features.get("present", stem + "e")
        present_plural = features.get("present_plural", present + "nt")
        if infinitive.endswith("ger"):
            stem += "e"
        elif infinitive.endswith("cer"):
            stem = stem[:-1] + "ç"
        imperfect = features.get("imperfect", (stem if first else present_plural.removesuffix("ent")) + "ait")
        return Forms(
            (present, present_plural),
            (imperfect, imperfect.removesuffix("t") + "ent"),
            participle=features.get("participle", infinitive[:-2] + "é"),
        )

    def article(self, kind: str, noun: Noun, plural: bool, words: list[Token]) -> list[Token]:
        """le, un, du, des and what they become; de after pas and before an adjective in the plural."""
        if kind == "bare":
            return []
        feminine = noun.genders[plural] == "f"
        if kind == "negated" or (kind == "indefinite" and plural and words[0].upos == "ADJ"):
            articles = ["de"]
        elif plural:
            articles = ["les" if kind == "definite" else "des"]
        elif kind == "definite":
            articles = ["la" if feminine else "le"]
        elif noun.mass:
            articles = ["de", "la"] if feminine or begins_with_vowel(words[0].text) else ["du"]
        else:
            articles = ["une" if feminine else "un"]
        return elided([*(Token(article, "DET") for article in articles), words[0]])[:-1]

    def indefinite_kind(self, clause: Clause, noun: Noun, plural: bool) -> str:
        """pas de lettres; but a preposition keeps the article: n'enseigne pas à des enfants."""
        return "negated" if clause.negated and not self.verb_of(clause).preposition else "indefinite"

    def before_noun(self, adjective: str, gender: str, plural: bool, noun: str) -> str:
        """un bel arbre, un vieil homme."""
        return BEFORE_VOWEL.get(adjective, adjective) if not plural and begins_with_vowel(noun) else adjective

    def prepositional(self, words: Words, phrase: list[Token]) -> list[Token]:
        """au, du, des; d' before a vowel."""
        contraction = CONTRACTIONS.get((words[-1].text, phrase[0].text))
        if contraction is not None and phrase[0].upos == "DET":
            return [*words[:-1], Token(contraction, "ADP"), *phrase[1:]]
        if words[-1].text == "de":
            return [*words[:-1], *elided([words[-1], phrase[0]]), *phrase[1:]]
        return [*words, *phrase]

    def completed(self, clause: Clause, verb: Verb) -> list[Token]:
        """The compound past; with être the participle agrees with the subject."""
        plural, participle = clause.agent.plural, verb.forms.participle
        if verb.features.get("auxiliary") != "être":
            return [Token(AVOIR[0][plural], "AUX"), Token(participle, "VERB")]
        agreeing = self.inflected_adjective(participle, "", self.gender_of(clause.agent), plural)
        return [Token(ETRE[0][plural], "AUX"), Token(agreeing, "VERB")]

    def progressive(self, verb: Verb, past: bool, plural: bool) -> list[Token]:
        """French does not say it: the present and the imperfect."""
        return [Token((verb.forms.imperfect if past else verb.forms.present)[plural], "VERB")]

    def verb_group(self, clause: Clause, verb: Verb) -> list[Token]:
        """s' before a vowel."""
        words = super().verb_group(clause, verb)
        return elided(words) if "clitic" in verb.features else words

    def negate(self, words: list[Token]) -> list[Token]:
        """ne before the verb and its pronoun, pas after the finite verb."""
        finite = 1 if words[0].upos == "PRON" else 0
        return elided([Token("ne", "PART"), *words[: finite + 1], Token("pas", "PART"), *words[finite + 1 :]])


GRAMMAR = French
