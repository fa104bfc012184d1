"""Short ways to write meanings down, for the golden sentences of every language.

`EXAMPLES` is one set of meanings that shows what every language has to get right; a language's golden test is
`GOLDEN = {"name of the example": "the sentence as a native writes it", ...}` in `golden_<language>.py`.
"""

from __future__ import annotations

from dataclasses import replace

from anyglot.phrasebook import Clause, Entity, Meaning, Place


def the(concept: str, *, plural: bool = False, prop: str | None = None) -> Entity:
    return Entity(concept, plural=plural, property=prop)


def a(concept: str, *, plural: bool = False, prop: str | None = None) -> Entity:
    return Entity(concept, plural=plural, definite=False, property=prop)


def counted(count: int, concept: str, prop: str | None = None) -> Entity:
    return Entity(concept, plural=True, definite=False, property=prop, count=count)


def act(kind: str, agent: Entity, verb: str, aspect: str, **parts: object) -> Clause:
    tense = parts.pop("tense", "past" if aspect == "completed" else "present")
    return Clause(kind, agent, verb, tense, aspect, **parts)  # type: ignore[arg-type]


ANNA, PETER = the("Anna"), the("Peter")

CLAUSES: dict[str, Clause] = {
    "intransitive ongoing": act("intransitive", the("dog"), "sleep", "ongoing", place=Place("at", the("garden"))),
    "intransitive plural past": act("intransitive", the("child", plural=True), "play", "completed", time="yesterday"),
    "intransitive counted agent": act(
        "intransitive", counted(2, "boy"), "swim", "completed", place=Place("in", the("river"))
    ),
    "intransitive negated past": act("intransitive", ANNA, "laugh", "completed", negated=True),
    "transitive counted": act(
        "transitive",
        ANNA,
        "buy",
        "ongoing",
        patient=counted(3, "apple", "red"),
        place=Place("at", the("market")),
        time="today",
    ),
    "transitive counted five past": act("transitive", PETER, "find", "completed", patient=counted(5, "key")),
    "transitive mass habitual": act(
        "transitive", the("cat", prop="black"), "drink", "habitual", patient=a("milk"), time="every_morning"
    ),
    "transitive definite past female": act(
        "transitive", the("grandmother"), "bake", "completed", patient=the("cake", prop="big"), time="on_sunday"
    ),
    "transitive negated indefinite": act("transitive", PETER, "write", "completed", negated=True, patient=a("letter")),
    "transitive negated definite": act(
        "transitive", the("woman"), "open", "completed", negated=True, patient=the("window"), time="this_morning"
    ),
    "transitive animate patient": act("transitive", the("cat"), "catch", "completed", patient=a("mouse", prop="grey")),
    "transitive plural patient": act(
        "transitive", the("girl", prop="clever"), "read", "ongoing", patient=a("book", plural=True), time="now"
    ),
    "transitive person patient": act("transitive", the("doctor"), "help", "completed", patient=the("pupil")),
    "transitive state": act("transitive", the("king", prop="rich"), "love", "state", patient=the("queen")),
    "transitive brand": act("transitive", the("neighbour"), "drive", "habitual", patient=a("bmw"), time="every_day"),
    "ditransitive past": act(
        "ditransitive", the("teacher"), "give", "completed", recipient=the("child"), patient=a("book", prop="new")
    ),
    "ditransitive plural recipient": act(
        "ditransitive", PETER, "show", "ongoing", recipient=the("guest", plural=True), patient=the("picture")
    ),
    "motion common place": act("motion", the("farmer"), "go", "ongoing", place=Place("to", the("city"))),
    "motion city past year": act(
        "motion", ANNA, "travel", "completed", place=Place("to", the("Berlin")), time="in_year", year=1998
    ),
    "motion country past": act("motion", the("Maria"), "return", "completed", place=Place("to", the("Turkey"))),
    "motion from": act("motion", the("woman", plural=True), "come", "completed", place=Place("from", the("market"))),
    "motion fronted time": act(
        "motion", PETER, "go", "habitual", place=Place("to", the("school")), time="every_day", time_first=True
    ),
    "work at company": act("intransitive", ANNA, "work", "state", place=Place("at", the("IBM"))),
    "live in city past": act(
        "intransitive", PETER, "live", "state", tense="past", place=Place("at", the("Paris")), time="last_year"
    ),
    "property present": Clause("property", the("house"), property="old"),
    "property plural past": Clause("property", the("apple", plural=True), tense="past", property="sweet"),
    "property negated": Clause("property", the("soup"), negated=True, property="hot", time="today", time_first=True),
    "property name": Clause("property", ANNA, tense="past", property="tired", time="yesterday"),
    "location on": Clause("location", the("key"), place=Place("on", the("table"))),
    "location under plural": Clause("location", the("shoe", plural=True), place=Place("under", the("bed"))),
    "location behind past": Clause("location", the("car"), tense="past", place=Place("behind", the("house"))),
    "location beside negated": Clause("location", the("lamp"), negated=True, place=Place("beside", the("window"))),
    "location in front adjective": Clause(
        "location", the("bus"), place=Place("in_front_of", the("school", prop="new"))
    ),
    "location above": Clause("location", the("moon"), place=Place("above", the("forest"))),
    "location near": Clause("location", the("hotel"), place=Place("near", the("beach"))),
    "location country": Clause("location", PETER, tense="past", place=Place("at", the("Germany")), time="last_week"),
}

EXAMPLES: dict[str, Meaning] = {name: Meaning(clause) for name, clause in CLAUSES.items()}
EXAMPLES["two clauses and"] = Meaning(
    act("intransitive", the("sun"), "shine", "ongoing"),
    "and",
    act("intransitive", the("bird", plural=True), "sing", "ongoing"),
)
EXAMPLES["two clauses but"] = Meaning(
    replace(CLAUSES["property present"], property="small"),
    "but",
    Clause("property", the("garden"), negated=True, property="green"),
)
