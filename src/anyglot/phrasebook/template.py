"""Print an empty lexicon for a new language, or what the lexicon of one still lacks.

python -m anyglot.phrasebook.template > src/anyglot/phrasebook/lexicon/xx.tsv
python -m anyglot.phrasebook.template xx
"""

from __future__ import annotations

import sys

from anyglot.phrasebook.catalogue import LEXICON_FOLDER, Concept, load_catalogue
from anyglot.phrasebook.lexicon import load_lexicon

RELATIONS = ("at", "to", "from", "in", "on", "under", "behind", "beside", "in_front_of", "above", "near")


def template_lines() -> list[str]:
    """The concepts in the order of the data, by category and group, with notes for the writer."""
    catalogue = load_catalogue()
    lines: list[str] = []
    for relation in RELATIONS:
        lines.append(f"# {relation}: {' '.join(catalogue.places_of(relation))}")
    heading = ""
    for concept in catalogue.concepts.values():
        if f"{concept.category} {concept.group}" != heading:
            heading = f"{concept.category} {concept.group}"
            lines += ["", f"# {heading}{_note(concept)}"]
        lines.append(f"{concept.name}\t\t")
    return lines


def _note(concept: Concept) -> str:
    traits = sorted(concept.traits - {"place", "male", "female"})
    return f" ({', '.join(traits)})" if traits else ""


def missing(language: str) -> list[str]:
    """The concepts that a language's lexicon does not have yet."""
    lexicon = load_lexicon(language)
    return [name for name in load_catalogue().concepts if name not in lexicon]


def main(arguments: list[str]) -> int:
    """Without an argument the empty lexicon; with a language what its lexicon still lacks."""
    if arguments and (LEXICON_FOLDER / f"{arguments[0]}.tsv").exists():
        sys.stdout.write("\n".join(missing(arguments[0])) + "\n")
    else:
        sys.stdout.write("\n".join(template_lines()) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
