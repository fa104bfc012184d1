"""Which language a text is in, as far as py3langid can tell (Lui and Baldwin's langid.py, 2012).

It is wrong now and then, on short sentences and between near languages above all, and it tells no scripts apart.
"""

import importlib.metadata
import importlib.util
import unicodedata
from collections.abc import Callable, Sequence

from anyglot.errors import UserError
from anyglot.text.languages import language

# The identifier reads bytes: this many of letters are some 5 words of Latin script, 10 letters of Devanagari or Han.
LONG_ENOUGH = 30
# Its label for what is no language at all.
_NO_LANGUAGE = "zxx"


class Identifier:
    """py3langid, with labels in our canonical codes."""

    def __init__(self, candidates: Sequence[str] = ()) -> None:
        """Load it.

        Args:
            candidates: Codes of the only languages it may answer; empty for all it knows.

        Raises:
            UserError: py3langid is not installed, a code names no language, or a candidate is unknown to it.
        """
        if importlib.util.find_spec("py3langid") is None:
            raise UserError("Telling languages apart needs a language identifier; run: pip install 'anyglot[lid]'")
        wanted = {language(code).code.partition("-")[0] for code in candidates}
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
        labels = {label: _code(label) for label in self._identifier.labels}
        if unknown := sorted(wanted - set(labels.values())):
            raise UserError(f"py3langid does not know {', '.join(unknown)}; leave them out of the candidates")
        if wanted:
            labels = {label: code for label, code in labels.items() if code in wanted}
            self._identifier.set_languages(list(labels))
        self.codes = labels
        among = "+".join(sorted(wanted)) or "all"
        version = importlib.metadata.version("py3langid")
        self.signature = f"identifier:py3langid|version:{version}|candidates:{among}|long:{LONG_ENOUGH}bytes"

    def knows(self, code: str) -> bool:
        """Tell whether it could answer this language."""
        return language(code).code.partition("-")[0] in self.codes.values()

    def narrow(self, accepts: Callable[[str], bool]) -> frozenset[str]:
        """Answer from now on only languages that are accepted, and return those.

        Raises:
            UserError: It knows none of them.
        """
        self.codes = {label: code for label, code in self.codes.items() if code != _NO_LANGUAGE and accepts(code)}
        if not self.codes:
            raise UserError("py3langid knows none of the languages that are possible here: name the language.")
        self._identifier.set_languages(list(self.codes))
        return frozenset(self.codes.values())

    def identify(self, text: str) -> str:
        """Return the primary code of the likeliest language, or "zxx" for no language."""
        return self.codes[self._identifier.classify(text)[0]]


def _code(label: str) -> str:
    return _NO_LANGUAGE if label == _NO_LANGUAGE else language(label).code.partition("-")[0]


def long_enough(text: str) -> bool:
    """Tell whether a sentence has letters enough to be identified by: 30 bytes of them in UTF-8."""
    letters = (character for character in text if unicodedata.category(character)[0] in "LM")
    return sum(len(character.encode("utf-8", "replace")) for character in letters) >= LONG_ENOUGH
