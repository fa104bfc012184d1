"""Off-target rate: how many translations are not in the language they were asked for, as far as an identifier can tell.

The identifier is py3langid (Lui and Baldwin's langid.py, 2012), which is wrong now and then, on short sentences and
between near languages above all. So its own error rate, measured on the references of the same test set, stands beside
every rate: an off-target rate that is no larger says nothing. Scripts are not told apart: Traditional Chinese is
on target for Simplified.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from anyglot.evaluation.translation.table import TestSentences, TestSet
from anyglot.reporting.elements import Cell, Table
from anyglot.stats.scores import Score
from anyglot.text.identification import LONG_ENOUGH, Identifier, long_enough
from anyglot.text.languages import language


def off_target_table(
    identifier: Identifier,
    tests: Sequence[TestSet],
    sentences: Mapping[str, TestSentences],
    outputs: Mapping[str, Mapping[str, Sequence[str]]],
) -> Table:
    """Count the translations in another language than asked for, by test set and system, short ones apart.

    Args:
        identifier: The identifier.
        tests: The test sets.
        sentences: Their sentences, by name.
        outputs: The hypotheses, by system's label and test set's name; a system may lack some.
    """
    rows: list[tuple[Cell, ...]] = []
    unknown = sorted({test.pairs.target for test in tests if not identifier.knows(test.pairs.target)})
    for test in tests:
        if not identifier.knows(test.pairs.target):
            continue
        wanted = language(test.pairs.target).code.partition("-")[0]
        references = _identified(identifier, sentences[test.name].references)
        error = _rate("misidentified", references[True], wanted, identifier.signature)
        for label, lines in ((label, lines) for label, lines in outputs.items() if test.name in lines):
            found = _identified(identifier, lines[test.name])
            rate = _rate("off-target", found[True], wanted, identifier.signature)
            taken = [(code, count) for code, count in found[True].most_common() if code != wanted]
            told = ", ".join(f"{code} {count}" for code, count in taken[:3])
            short, wrong = found[False].total(), found[False].total() - found[False][wanted]
            rows.append((test.name, label, wanted, found[True].total(), rate, error, told or None, short, wrong))
    names = ("Test", "Model", "Target", "Sentences", "Off-target %", "References misidentified %", "Most taken for")
    note = (
        "Share of translations that the identifier takes for another language than the target, with 95 % Wilson "
        "interval. Read it against the references misidentified: that is the identifier's own error on right sentences "
        f"of this test set. Sentences with fewer than {LONG_ENOUGH} bytes of letters, empty ones included, are short: "
        "they are counted apart, because the identifier errs on them."
    )
    if unknown:
        note += f" Without a rate, because the identifier cannot answer them: {', '.join(unknown)}."
    return Table("Off-target", (*names, "Short", "Short and off-target"), tuple(rows), note)


def _identified(identifier: Identifier, lines: Sequence[str]) -> dict[bool, Counter[str]]:
    """Count languages, of long enough (True) and of short (False) sentences."""
    found: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for line in lines:
        found[long_enough(line)][identifier.identify(line)] += 1
    return found


def _rate(name: str, found: Counter[str], wanted: str, signature: str) -> Score | None:
    size = found.total()
    if not size:
        return None
    wrong = size - found[wanted]
    low, high = wilson(wrong, size)
    return Score(name, 100.0 * wrong / size, 100.0 * low, 100.0 * high, signature, size)


def wilson(count: int, size: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927), which keeps its sense at shares of 0 and 1."""
    z = 1.959963984540054
    share, scale = count / size, 1 + z * z / size
    middle = (share + z * z / (2 * size)) / scale
    reach = z / scale * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    return max(0.0, middle - reach), min(1.0, middle + reach)
