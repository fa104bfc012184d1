"""The door: `Translator.from_pretrained(folder).translate(texts, source=, target=)`.

translator.py       Translator: texts -> pieces -> translated pieces -> texts
inference/generation/autoregressive.py  pieces -> batches -> hypotheses -> pieces
inference/generation/pieces.py     what is searched for at a time, and what is found
inference/generation/settings.py   how to search, checked
text/model_languages.py  which languages a model knows
text/translation_templates.py    where their tokens stand
text/lines.py      any bytes -> one clean line
text/sentences.py  a line too long for the model -> pieces
prefixes.py   what translations must begin with
streams.py    lines that keep arriving
jobs.py       a file, translated so that it can be interrupted and resumed
loading.py    where a model is, its device and precision
command.py       one run of the command, from arguments to exit code
reporting.py  what the command says on stderr
"""

from anyglot.inference.generation.pieces import Candidate
from anyglot.inference.generation.settings import SearchSettings
from anyglot.inference.translation.translator import Translator

__all__ = ["Candidate", "SearchSettings", "Translator"]
