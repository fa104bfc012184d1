"""Hugging Face and other homes: transformers' classes around our models, model cards, uploads.

auto_classes.py        registers our classes with transformers' Auto classes, which importing this package does
configuration.py  config.json as a PreTrainedConfig
shell.py          what our PreTrainedModels share: the same parts under the same names as in a model folder
cache.py          a decoder's past as transformers hands it around
translation.py    AutoModelForSeq2SeqLM
searching.py      how `generate` searches unless told otherwise
encoding.py       AutoModel, AutoModelForMaskedLM
tokenizer.py      tokenizer.json beside the SentencePiece model
record.py         what a model folder and its reports tell about the model
card.py           the model card
push.py           a folder made ready, and its upload
export.py         folders for CTranslate2 and transformers, checked before they appear
ctranslate2_spec.py  our model as CTranslate2 spells it
parity.py         whether it computes the same there
"""

from anyglot.hub.auto_classes import register, register_lazily

__all__ = ["register"]

register_lazily()
