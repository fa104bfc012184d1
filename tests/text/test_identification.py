"""The language of a text: codes in any scheme, few candidates, and how much text it takes."""

import importlib.util

import pytest

from anyglot.errors import UserError
from anyglot.text.identification import Identifier, long_enough
from support.evaluation_corpora import REFERENCES

ENGLISH = "The committee published its annual report on the quality of drinking water."
GERMAN = "Der Ausschuss hat gestern seinen Jahresbericht über die Wasserqualität veröffentlicht."
needs_py3langid = pytest.mark.skipif(importlib.util.find_spec("py3langid") is None, reason="needs the extra [lid]")


@pytest.fixture(scope="module")
def identifier():
    return Identifier()


@needs_py3langid
def test_candidates_narrow_the_answers():
    narrow = Identifier(["deu_Latn", "fr"])
    assert narrow.identify(ENGLISH) in ("de", "fr") and narrow.identify(GERMAN) == "de"
    assert narrow.knows("de") and not narrow.knows("en") and "candidates:de+fr" in narrow.signature
    with pytest.raises(UserError, match="py3langid does not know tlh"):
        Identifier(["tlh", "de"])
    with pytest.raises(UserError, match="Unknown language code"):
        Identifier(["klingonish"])


@needs_py3langid
@pytest.mark.parametrize("language", REFERENCES)
def test_every_code_scheme_names_the_identifiers_language(identifier, language):
    text = " ".join(REFERENCES[language]) * 2
    assert identifier.identify(text) == language and identifier.knows(language)


@needs_py3langid
def test_answers_are_narrowed_to_what_is_accepted():
    identifier = Identifier()
    assert identifier.narrow(lambda code: code in ("de", "fr", "zxx")) == {"de", "fr"}
    assert identifier.identify(ENGLISH) in ("de", "fr") and identifier.identify(GERMAN) == "de"
    with pytest.raises(UserError, match="knows none of the languages that are possible here"):
        identifier.narrow(lambda code: False)


def test_length_counts_letters_by_what_the_identifier_reads():
    assert not long_enough("1234567890 " * 9) and not long_enough("") and not long_enough("!" * 99)
    assert long_enough("a" * 30) and not long_enough("a" * 29)
    assert long_enough("语" * 10) and not long_enough("语" * 9)
    assert long_enough("नमस्ते दुनिया")
