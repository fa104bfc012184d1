"""Which words of a sentence stand for which participant, in every language.

A sentence is realised by a grammar of its own, on which one listens: each participant's words come out of
`noun_phrase`, the time's out of `time_tokens`. They are found again among the words of the whole sentence by
identity or, where one was changed on the way (a capital, Ukrainian учора after a consonant,
a Turkish copula: Berlin'deydi), by how they begin or end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag
from anyglot.phrasebook.languages import load_grammar
from anyglot.phrasebook.meaning import Meaning

TIME = "time"  # what the words of a time expression are found under
_CHINESE_ONE = Token("一", "NUM")
_UNSTRESSED = ("DET", "ADP")  # no part of an answer


@dataclass(frozen=True, slots=True)
class Traced:
    """The words of a sentence, and for each concept (or `TIME`) the indices of its own."""

    tokens: tuple[Token, ...]
    words: dict[str, tuple[int, ...]]


class Tracer:
    """Realises meanings in a language and tells whose words are whose."""

    def __init__(self, language: str) -> None:
        shared = load_grammar(language)
        self.grammar: Grammar = type(shared)(shared.lexicon)  # one of its own: the others are not to be listened to
        self._heard: list[tuple[str, list[Token]]] = []
        build: Any = self.grammar  # every grammar has a noun_phrase, each with arguments of its own
        listened: dict[str, Callable[..., list[Token]]] = {
            "noun_phrase": self._listening(build.noun_phrase, lambda entity: str(entity.concept)),
            "time_tokens": self._listening(self.grammar.time_tokens, lambda _: TIME),
        }
        for name, method in listened.items():
            setattr(self.grammar, name, method)

    def _listening(self, method: Callable[..., list[Token]], key: Callable[[Any], str]) -> Callable[..., list[Token]]:
        def heard(what: Any, *rest: Any, **named: Any) -> list[Token]:
            # Fresh tokens: a constant of the grammar (的) is not to be taken for its like elsewhere.
            words = [Token(*word) for word in method(what, *rest, **named)]
            self._heard.append((key(what), words))
            return words

        return heard

    def trace(self, meaning: Meaning) -> Traced:
        """The sentence of a meaning with its words told apart."""
        self._heard.clear()
        tokens = self.grammar.realise(meaning)
        owners = {id(word): key for key, words in self._heard for word in words}
        owned = [owners.get(id(token)) for token in tokens]
        for key, words in self._heard:
            for word in words:
                _claim(word, key, tokens, owned)
        for clause in meaning.clauses():
            for entity in clause.entities():
                if entity.concept not in owned:
                    self._claim_bare(entity.concept, tokens, owned)
        keys = dict.fromkeys(owner for owner in owned if owner is not None)
        return Traced(tuple(tokens), {key: tuple(i for i, owner in enumerate(owned) if owner == key) for key in keys})

    def _claim_bare(self, concept: str, tokens: Sequence[Token], owned: list[str | None]) -> None:
        """Give a participant the noun that a set phrase has for it (Dutch "op school", Chinese 街 for 街道)."""
        entry = self.grammar.lexicon[concept]
        for form in (entry.lemma, entry.get("short", entry.lemma)):
            _claim(Token(form, noun_tag(entry)), concept, tokens, owned)
            if concept in owned:
                return


def _claim(word: Token, key: str, tokens: Sequence[Token], owned: list[str | None]) -> None:
    """Give a word that is not there as it was to the one token that is made from it."""
    if any(token is word for token in tokens):
        return
    for i, token in enumerate(tokens):
        tail = (i == 0 or len(word.text) > 2) and token.text[1:] == word.text[1:]
        if owned[i] is None and token.upos == word.upos and (tail or token.text.startswith(word.text)):
            owned[i] = key
            return


@lru_cache
def tracer(language: str) -> Tracer:
    """The tracer of a language."""
    return Tracer(language)


def core(traced: Traced, key: str) -> tuple[int, int]:
    """First and one past the last word of a participant, its article and preposition left out; of a time, all of it."""
    words = list(traced.words[key])
    if len(words) > 2 and traced.tokens[words[0]] == _CHINESE_ONE:
        del words[:2]  # the measure word with it: 一个
    while key != TIME and len(words) > 1 and traced.tokens[words[0]].upos in _UNSTRESSED:
        words.pop(0)
    return words[0], words[-1] + 1


def characters(grammar: Grammar, tokens: Sequence[Token], first: int, last: int) -> tuple[int, int]:
    """Where the words from `first` to before `last` begin and end in the joined text, in characters."""
    end = len(grammar.join(list(tokens[:last])))
    start = len(grammar.join(list(tokens[: first + 1]))) - len(tokens[first].text)
    return start, end
