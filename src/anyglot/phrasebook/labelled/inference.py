"""Natural language inference: what follows from a premise, what cannot be, and what is left open.

A hypothesis is drawn first, negated or not by a coin, and its label by another; only then is a premise made that
stands to it as the label says. So the hypothesis alone says nothing about the label (Gururangan et al., 2018, found
that in SNLI and MNLI it does). A premise may say something unrelated besides; that says nothing either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from anyglot.phrasebook.labelled.alternatives import rival
from anyglot.phrasebook.labelled.draws import Draws, concepts_of
from anyglot.phrasebook.labelled.items import NLI_LABELS, PairItem
from anyglot.phrasebook.meaning import Clause, Meaning

UNRELATED = 0.5  # of the premises say something else besides
ATTEMPTS = 40

Make = Callable[[Draws, Clause, str], Clause | None]


def inference_items(draws: Draws) -> Iterator[PairItem]:
    """Items without end, the labels balanced in every run of three."""
    labels: list[str] = []
    while True:
        hypothesis = _hypothesis(draws)
        labels = labels or draws.random.sample(NLI_LABELS, len(NLI_LABELS))
        label = labels.pop()
        yield PairItem(_premise(draws, hypothesis, label), (hypothesis,), label)


def _hypothesis(draws: Draws) -> Meaning:
    """A clause about someone or something definite, negated or not."""
    while True:
        meaning = draws.single(_can_be_negated)
        clause = replace(meaning.first, negated=draws.chance(0.5))
        if clause.negated and clause.aspect == "habitual":
            clause = replace(clause, time=None, year=None, time_first=False)
        made = Meaning(clause, topic=meaning.topic)
        if draws.inside(made):
            return made


def _can_be_negated(clause: Clause) -> bool:
    return clause.agent.definite and all(entity.count is None for entity in clause.entities())


def _premise(draws: Draws, hypothesis: Meaning, label: str) -> tuple[Meaning, ...]:
    clause, topic = hypothesis.first, hypothesis.topic
    ways = _WAYS[label, clause.negated]
    made: Clause | None = None
    for _ in range(ATTEMPTS):
        made = draws.one_of(ways)(draws, clause, topic)
        if made is not None:
            break
    core = None if made is None else Meaning(made, topic=topic)
    beside = core is None or core.first == clause or draws.chance(UNRELATED)
    # Only what is left open may find no way (no other can do it): then unrelated things are said, which leaves it open.
    said = [core] if core is not None else []
    if beside:
        taken = concepts_of(clause) | (concepts_of(core.first) if core else set())
        for _ in range(1 if said else 2):
            said.append(draws.beside(taken))
    draws.random.shuffle(said)
    return tuple(said)


def _same(draws: Draws, clause: Clause, topic: str) -> Clause | None:
    return clause


def _denied(draws: Draws, clause: Clause, topic: str) -> Clause | None:
    """The clause with its negation taken away or added."""
    timeless = clause.aspect == "habitual" and not clause.negated
    if timeless and clause.time is not None:
        return None
    return replace(clause, negated=not clause.negated)


def _more(draws: Draws, clause: Clause, topic: str) -> Clause | None:
    """The clause with a property of a participant, a place or a time added."""
    ways = [_with_adjective, _with_place, _with_time]
    draws.random.shuffle(ways)
    for way in ways:
        made = way(draws, clause, topic)
        if made is not None:
            return made
    return None


def _less(draws: Draws, clause: Clause, topic: str) -> Clause | None:
    """The clause with less said: no time, no place, or the indefinite patient without its property."""
    options: list[Clause] = []
    if clause.time is not None:
        options.append(replace(clause, time=None, year=None, time_first=False))
    if clause.place is not None and clause.verb is not None and clause.kind != "motion":
        needed = draws.prefer.catalogue.verbs[clause.verb].place == "always"
        options += [] if needed else [replace(clause, place=None)]
    if clause.patient is not None and clause.patient.property and not clause.patient.definite:
        options.append(replace(clause, patient=replace(clause.patient, property=None)))
    return draws.one_of(options) if options else None


def _with_adjective(draws: Draws, clause: Clause, topic: str) -> Clause | None:
    patient = clause.patient
    if patient is None or patient.property or draws.concepts[patient.concept].category != "noun":
        return None
    name = draws.from_table(draws.prefer.adjectives(patient.concept), set())
    return replace(clause, patient=replace(patient, property=name)) if name else None


def _with_place(draws: Draws, clause: Clause, topic: str) -> Clause | None:
    if clause.kind not in ("transitive", "intransitive") or clause.place is not None or clause.verb is None:
        return None
    if draws.prefer.catalogue.verbs[clause.verb].place == "never":
        return None
    table = draws.prefer.places(topic, clause.verb, clause.agent.concept)
    name = draws.from_table(table, concepts_of(clause))
    return replace(clause, place=draws.place(name)) if name else None


def _with_time(draws: Draws, clause: Clause, topic: str) -> Clause | None:
    times = draws.times(clause) if clause.time is None else []
    if not times:
        return None
    first = draws.chance(draws.level.fronted_time)
    return replace(clause, time=draws.one_of(times), time_first=first)


def _other_agent(draws: Draws, clause: Clause, topic: str) -> Clause | None:
    """Someone else does it, or does not."""
    made = draws.with_other_agent(clause, topic, concepts_of(clause))
    if made is None:
        return None
    negated = draws.chance(0.5)
    if made.aspect == "habitual" and negated:
        made = replace(made, time=None, year=None, time_first=False)
    return replace(made, negated=negated)


def _other_patient(draws: Draws, clause: Clause, topic: str) -> Clause | None:
    """It is done to something else, or is not."""
    if clause.patient is None:
        return None
    made = draws.changed(clause, ("patient",), topic, set())
    return None if made is None else replace(made, negated=clause.negated)


def _rival(draws: Draws, clause: Clause, topic: str) -> Clause | None:
    return rival(draws, clause)


def _then(first: Make, second: Make) -> Make:
    def both(draws: Draws, clause: Clause, topic: str) -> Clause | None:
        made = first(draws, clause, topic)
        return None if made is None else second(draws, made, topic)

    return both


# (label, is the hypothesis negated) -> ways to make a premise from it. Denying reverses what follows from what: who
# bought no apple bought no red apple, so a negated hypothesis follows from less said and is left open by more.
_WAYS: dict[tuple[str, bool], tuple[Make, ...]] = {
    ("entailment", False): (_more, _more, _same),
    ("entailment", True): (_less, _rival, _same),
    ("contradiction", False): (_denied, _rival, _then(_less, _denied)),
    ("contradiction", True): (_denied, _then(_denied, _more)),
    ("neutral", False): (_other_agent, _other_agent, _other_patient, _less, _then(_denied, _more)),
    ("neutral", True): (_other_agent, _other_agent, _other_patient, _more, _then(_less, _denied)),
}
