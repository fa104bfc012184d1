"""An embedded multilingual corpus: grammatical, many-way parallel sentences from typed meanings."""

from anyglot.phrasebook.corpus import Phrasebook, Sentence, known_languages, realise, write_phrasebook
from anyglot.phrasebook.meaning import Clause, Entity, Meaning, Place

__all__ = [
    "Clause",
    "Entity",
    "Meaning",
    "Phrasebook",
    "Place",
    "Sentence",
    "known_languages",
    "realise",
    "write_phrasebook",
]
