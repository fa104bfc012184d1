"""Chinese: measure words, aspect by 了 过 着 在, negation by aspect, the place before the verb, no tense or number.

What a native leaves unsaid stays unsaid: the definite noun is bare, an indefinite subject is introduced by 有, and an
activity told as done gets the bound that 了 needs (睡了一觉, 等了一会儿).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import ClassVar, NamedTuple

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag
from anyglot.phrasebook.lexicon import Entry
from anyglot.phrasebook.meaning import Clause, Entity, Place

DE, LE, ZHE, GUO = Token("的", "PART"), Token("了", "AUX"), Token("着", "AUX"), Token("过", "AUX")
NOT, NOT_DONE, NOT_GOING_ON = Token("不", "PART"), Token("没有", "PART"), Token("没", "PART")
AT, TAKING = Token("在", "ADP"), Token("把", "ADP")
PREPOSITIONS = frozenset("往从给")
BOUND_TAGS = {"了": "AUX", "过": "AUX", "一会儿": "ADV", "一觉": "NOUN"}


class Form(NamedTuple):
    """The parts of a verb's `form`: "给…打~电话", "抓/住", "听见+的声音", "穿着"."""

    marker: str  # before the object or the recipient
    verb: str
    lasting: bool  # V着 while it goes on
    bound: str  # the verb's own noun, after 了
    result: str  # the verb's complement, once it is done
    trailer: str  # after the object


@lru_cache(maxsize=512)
def parse_form(text: str) -> Form:
    """Read the notation of the lexicon's `form`."""
    text, _, trailer = text.partition("+")
    text, _, result = text.partition("/")
    before, _, verb = text.rpartition("…")
    verb, _, bound = verb.partition("~")
    return Form(before, verb.removesuffix("着"), verb.endswith("着"), bound, result, trailer)


class Chinese(Grammar):
    """See the module's first line."""

    language: ClassVar[str] = "zh"
    full_stop: ClassVar[str] = "。"
    space: ClassVar[str] = ""
    required: ClassVar[Mapping[str, tuple[str, ...]]] = {"noun": ("classifier",)}

    def conjoin(self, connective: str) -> list[Token]:
        """The full-width comma is the only "and" between clauses; 但 follows it for "but"."""
        word = self.lexicon[connective].lemma
        return [Token("，", "PUNCT")] if word == "-" else [Token("，", "PUNCT"), Token(word, "CCONJ")]

    def clause(self, clause: Clause) -> list[Token]:
        """Topic first: the time and the agent in either order, then all that modifies the verb, then the verb."""
        time = self.time_tokens(clause)
        echo = self.lexicon[clause.time].get("echo") if clause.time else ""
        also = [Token(echo, "ADV")] if echo else []
        agent = self.noun_phrase(clause.agent)
        if clause.agent.definite:
            words = [*time, *agent, *also] if clause.time_first else [*agent, *time, *also]
        elif clause.time_first:
            words = [*time, *also, Token("有", "VERB"), *agent]
        else:
            words = [Token("有", "VERB"), *agent, *time, *also]
        if clause.property is not None:
            return words + self.property(clause, clause.property)
        if clause.verb is None:
            return words + ([NOT] if clause.negated else []) + self.place(clause.place)
        verb = self.lexicon[clause.verb]
        if not clause.agent.definite and self.is_timeless(clause):
            clause = replace(clause, aspect="ongoing")  # 有 tells of someone here and now
        return words + (self.framed(clause, verb) if "frame" in verb.features else self.action(clause, verb))

    def is_timeless(self, clause: Clause) -> bool:
        """Whether the clause says what is done at no particular time ("works" is a state to the sampler)."""
        if clause.verb == "work":
            return clause.tense == "present" and clause.aspect == "state"
        return clause.aspect == "habitual" and clause.time is None

    def property(self, clause: Clause, concept: str) -> list[Token]:
        """The predicate: 很小, 是圆的, 坏了, 开着, and the negation of each."""
        adjective = self.lexicon[concept]
        style = adjective.get("style", "degree")
        word = Token(self.adjective(adjective, self.lexicon[clause.agent.concept])[0], "ADJ")
        if style in ("copula", "colour"):
            return [*([NOT] if clause.negated else []), Token("是", "AUX"), word, DE]
        if style == "degree":
            return [NOT if clause.negated else Token("很", "ADV"), word]
        if clause.negated:
            return [NOT_GOING_ON, word]
        return [word, LE if style == "change" else ZHE]

    def framed(self, clause: Clause, verb: Entry) -> list[Token]:
        """A verb around its place, without 在: 去学校, 往学校走, 去柏林旅行了, 住在柏林."""
        place = self.localised(clause.place) if clause.place else []
        common = clause.place is not None and self.lexicon[clause.place.entity.concept].category == "noun"
        aspect = "frame" if clause.negated and clause.aspect != "ongoing" else clause.aspect
        frame = verb.get(aspect, verb["frame"])
        if common:
            frame = verb.get(f"common_{aspect}", verb.get("common", frame))
        before, _, after = frame.partition("…")
        words = [*self.before_verb(clause, verb, []), Token(before, "ADP" if before in PREPOSITIONS else "VERB")]
        mark = [LE] if aspect == "completed" else []
        return [*words, *place, Token(after, "VERB"), *mark] if after else [*words, *mark, *place]

    def before_verb(self, clause: Clause, verb: Entry, place: list[Token], lasting: bool = False) -> list[Token]:
        """Negation, the mark of what goes on, and the place."""
        done = clause.aspect == "completed" or (clause.aspect == "state" and verb.get("state") == "了")
        if clause.negated:
            if (
                done
                or (clause.tense == "past" and verb.get("past") == "过")
                or (lasting and clause.aspect == "ongoing")
            ):
                return [NOT_DONE, *place]
            if clause.aspect == "ongoing":
                return [NOT_GOING_ON, *(place or [AT])]
            if verb.get("not") == "potential":
                return place  # 看不见: inside the verb
            return [NOT, Token("会", "AUX"), *place] if verb.get("not") == "会" else [NOT, *place]
        if clause.aspect == "ongoing" and not lasting:
            if clause.time == "today" and not clause.recipient and clause.kind != "motion":
                return place or [Token("在", "ADV")]
            return [Token("正", "ADV"), *place] if place else [Token("正在", "ADV")]
        if clause.aspect == "state":
            if verb.get("state") == "能":
                return [*place, Token("能", "AUX")]
            if clause.tense == "past" and verb.get("past") == "曾" and clause.time is None:
                return [Token("曾", "ADV"), *place]
        return place

    def action(self, clause: Clause, verb: Entry) -> list[Token]:
        """An event or a state with what it is done to, all of it after the place."""
        target = clause.patient or clause.agent
        form = self.form(verb, self.lexicon[target.concept])
        disposal = clause.patient is not None and clause.patient.definite and verb.get("disposal")
        ends_in_place = disposal == "place" and clause.place is not None
        lasting = form.lasting or verb.get("lasting") == "always"
        words = self.before_verb(clause, verb, [] if ends_in_place else self.place(clause.place), lasting)
        completed = verb.get("completed")
        if completed and clause.aspect == "completed" and not clause.negated:
            return words + [Token(word, BOUND_TAGS.get(word, "VERB")) for word in completed.split()]
        patient = self.patient(clause, verb)
        recipient = self.noun_phrase(clause.recipient) if clause.recipient else []
        verb_group = self.verb_group(clause, verb, form)
        if disposal and (ends_in_place or recipient):
            end = self.place(clause.place) if ends_in_place else recipient
            if ends_in_place and verb_group[-1] is LE:  # 藏在了床下面
                return [*words, TAKING, *patient, *verb_group[:-1], AT, LE, *end[1:]]
            if clause.aspect == "ongoing" and recipient and "ongoing" in verb.features:
                verb_group = [Token(verb["ongoing"], "VERB")]
            return [*words, TAKING, *patient, *verb_group, *end]
        if form.marker:
            first, patient = (recipient, patient) if recipient else (patient, [])
            return [*words, Token(form.marker, "ADP"), *first, *verb_group, *patient]
        trailer = [DE, Token(form.trailer[1:], "NOUN")] if form.trailer else []
        return [*words, *verb_group, *recipient, *patient, *trailer]

    def form(self, verb: Entry, target: Entry) -> Form:
        """The word for the verb with this object: the noun's own, that for its group, or the usual one."""
        own = target.get(verb.concept) or verb.get(target.group)
        return parse_form(own or verb.get("form", verb.lemma))

    def verb_group(self, clause: Clause, verb: Entry, form: Form) -> list[Token]:
        """The verb with complement and aspect marker, its own noun last: 修好了, 打了电话, 看不见."""
        bound = [Token(form.bound, "NOUN")] if form.bound else []
        done = clause.aspect == "completed" or (clause.aspect == "state" and verb.get("state") == "了")
        if clause.negated and not done and verb.get("not") == "potential":
            return [Token(form.verb[:-1], "VERB"), NOT, Token(form.verb[-1], "VERB")]
        if verb.get("lasting") == "always" or (form.lasting and clause.aspect == "ongoing"):
            return [Token(form.verb, "VERB"), *([] if clause.negated else [ZHE])]
        past_state = clause.aspect == "state" and clause.tense == "past" and verb.get("past") == "过"
        if done or past_state:
            mark = [] if clause.negated else [GUO if past_state else LE]
            return [Token(form.verb + form.result, "VERB"), *mark, *bound]
        return [Token(form.verb + form.bound, "VERB")]

    def patient(self, clause: Clause, verb: Entry) -> list[Token]:
        """The object: with 一 or 一些 only where something happens to some one of a kind."""
        entity = clause.patient
        if entity is None:
            return []
        if entity.definite or entity.count is not None:
            return self.noun_phrase(entity)
        of_a_kind = clause.aspect != "completed" if entity.plural else clause.aspect == verb.get("bare")
        return self.noun_phrase(entity, bare=clause.negated or of_a_kind)

    def place(self, place: Place | None) -> list[Token]:
        """在, the noun and its localiser."""
        return [AT, *self.localised(place)] if place else []

    def localised(self, place: Place) -> list[Token]:
        """The noun and its localiser, which with `at`, `to` and `from` is the noun's own choice."""
        entry = self.lexicon[place.entity.concept]
        localiser = entry.get(place.relation, self.lexicon[place.relation].lemma)
        words = self.noun_phrase(place.entity)
        if localiser == "-" or entry.proper:
            return words
        if len(localiser) == 1 and len(words) == 1 and (short := entry.get("short")):
            words = [Token(short, "NOUN")]
        return [*words, Token(localiser, "ADP")]

    def noun_phrase(self, entity: Entity, bare: bool = False) -> list[Token]:
        """Digits or 一 with the measure word, adjective, noun; 们 for definite people."""
        entry = self.lexicon[entity.concept]
        noun = entry.lemma
        words: list[Token] = []
        if entity.property:
            attribute = self.attribute(self.lexicon[entity.property], entry)
            words = [Token(attribute.removesuffix("的"), "ADJ"), *([DE] if attribute.endswith("的") else [])]
            if len(attribute) == 1:
                noun = entry.get("paired", noun)
        if entity.plural and entity.definite and "human" in entry.traits:
            noun += "们"
        words.append(Token(noun, noun_tag(entry)))
        if entity.count is not None:
            return [Token(str(entity.count), "NUM"), Token(entry["classifier"], "NOUN"), *words]
        if entity.definite or bare or "mass" in entry.traits:
            return words
        if not entity.plural:
            return [Token("一", "NUM"), Token(entry["classifier"], "NOUN"), *words]
        some = entry.get("some", "一些")
        return words if some == "-" else [Token("一", "NUM"), Token(some[1:], "NOUN"), *words]

    def adjective(self, adjective: Entry, noun: Entry) -> tuple[str, str]:
        """The word for a property of this noun, as a predicate and, where it is not regular, before the noun."""
        own = noun.get(adjective.concept) or adjective.get(noun.group)
        if own:
            predicate, _, attribute = own.partition("/")
            return predicate, attribute
        return adjective.lemma, adjective.get("attributive")

    def attribute(self, adjective: Entry, noun: Entry) -> str:
        """The adjective before a noun: 小, 红 or (of a long noun) 红色的, 聪明的."""
        predicate, attribute = self.adjective(adjective, noun)
        if attribute:
            return attribute
        if adjective.get("style") == "colour" and len(noun.lemma) <= 2:
            return predicate[0]
        return predicate if len(predicate) == 1 else predicate + "的"


GRAMMAR = Chinese
