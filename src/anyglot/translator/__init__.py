"""The door: `Translator.from_pretrained(folder).translate(texts, source=, target=)`.

door.py       Translator: texts -> pieces -> translated pieces -> texts
searching.py  pieces -> batches -> hypotheses -> pieces
pieces.py     what is searched for at a time, and what is found
settings.py   how to search, checked
languages.py  which languages a model knows
framing.py    where their tokens stand
lines.py      any bytes -> one clean line
sentences.py  a line too long for the model -> pieces
prefixes.py   what translations must begin with
streams.py    lines that keep arriving
jobs.py       a file, translated so that it can be interrupted and resumed
loading.py    where a model is, its device and precision
work.py       one run of the command, from arguments to exit code
reporting.py  what the command says on stderr
"""

from anyglot.translator.door import Translator
from anyglot.translator.pieces import Candidate
from anyglot.translator.settings import SearchSettings

__all__ = ["Candidate", "SearchSettings", "Translator"]
