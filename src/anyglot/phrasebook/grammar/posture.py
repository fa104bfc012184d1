"""How a thing is somewhere: where English and German are content with "is", Dutch and Swedish say that it lies,
stands, sits or hangs. The postures are those of the things, alike for both; the verbs are each language's own.
"""

from __future__ import annotations

from typing import Literal

from anyglot.phrasebook.lexicon import Entry

# inside: a thing in a bag or pocket; contained: food and drink in a vessel, a fish in the water; built: a building.
Posture = Literal["be", "lie", "stand", "sit", "hang", "inside", "contained", "built"]

LARGE_ANIMALS = frozenset({"horse", "cow", "sheep", "goat", "elephant"})
UPRIGHT_OBJECTS = frozenset(
    {
        "computer",
        "bag",
        "box",
        "basket",
        "cup",
        "glass",
        "bottle",
        "plate",
        "pot",
        "lamp",
        "clock",
        "candle",
        "piano",
        "guitar",
        "umbrella",
        "shoe",
        "bmw",
        "volvo",
        "toyota",
        "soup",
        "cake",
        "honey",
        "sugar",
        "salt",
        "butter",
        "mushroom",
    }
)
FALLEN_OVER = {"guitar": ("on", "in"), "umbrella": ("in", "under", "on"), "shoe": ("in", "on")}  # stand elsewhere
HANGING_OBJECTS = frozenset({"picture", "mirror"})
HANGING_CLOTHES = frozenset({"coat", "dress"})
BUILDINGS = frozenset(
    {
        "house",
        "school",
        "hospital",
        "restaurant",
        "church",
        "hotel",
        "library",
        "museum",
        "factory",
        "theatre",
        "cinema",
        "castle",
    }
)
UPRIGHT_BUILDINGS = frozenset({"tower", "wall"})
VESSELS = frozenset({"glass", "cup", "bottle", "pot", "soup", "tea", "bag"})
CARRIERS = frozenset({"pocket", "bag", "shoe"})
SEATS = frozenset({"car", "bus", "plane", "boat"})
HEAVENLY_BODIES = frozenset({"sun", "moon", "star"})


def posture_of(agent: Entry, relation: str, place: Entry) -> Posture:
    """The posture of the agent of a location clause."""
    if agent.category != "noun" or agent.group == "person":
        return _of_person(agent, relation, place)
    if agent.group == "animal":
        return _of_animal(agent, relation)
    if agent.group in ("building", "nature"):
        return _of_landmark(agent)
    if (relation, place.concept) in (("on", "wall"), ("on", "tree")) or relation == "above":
        return "hang"
    if relation == "in" and agent.group in ("food", "beverage") and place.concept in VESSELS:
        return "contained"
    if agent.concept == "hand" or place.concept == "sky":
        return "be"
    if relation == "in" and place.concept in CARRIERS:
        return "inside"
    return _of_thing(agent, relation)


def _of_person(agent: Entry, relation: str, place: Entry) -> Posture:
    if relation == "in" and place.concept == "bed":
        return "lie"
    if relation == "on" or (relation == "in" and place.concept in SEATS):
        return "lie" if agent.concept == "baby" else "sit"
    return "be"


def _of_animal(agent: Entry, relation: str) -> Posture:
    if agent.concept == "fish":
        return "contained"
    if agent.concept in LARGE_ANIMALS:
        return "stand"
    if agent.concept == "snake":
        return "lie"
    return "be" if relation in ("at", "near") else "sit"


def _of_landmark(agent: Entry) -> Posture:
    if agent.concept in ("door", "window"):
        return "be"
    if agent.concept == "cloud":
        return "hang"
    if agent.concept in HEAVENLY_BODIES or agent.concept in UPRIGHT_BUILDINGS:
        return "stand"
    return "built" if agent.concept in BUILDINGS else "lie"


def _of_thing(agent: Entry, relation: str) -> Posture:
    concept = agent.concept
    if agent.group == "beverage":
        return "be" if relation == "at" else "stand"
    if concept in HANGING_OBJECTS:
        return "hang"
    if concept in HANGING_CLOTHES:
        return "lie" if relation == "on" else "hang"
    if concept in UPRIGHT_OBJECTS:
        return "lie" if relation in FALLEN_OVER.get(concept, ()) else "stand"
    if agent.group in ("furniture", "greenery"):
        return "lie" if concept in ("carpet", "leaf") else "stand"
    if agent.group == "vehicle":
        return "lie" if concept in ("boat", "ship") else "stand"
    return "lie"
