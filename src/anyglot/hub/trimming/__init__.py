"""A model folder with fewer tokens: rows dropped from every table, the tokenizer rewritten to the new numbers.

| question | where |
|---|---|
| which tokens are kept | `choice.py` |
| a tokenizer that knows only those | `tokenizers.py` |
| the new folder, checked before it appears | `folder.py` |
| what a trimmed folder says of itself, and text it cannot read | `text/trimmed_record.py` |
"""

from anyglot.hub.trimming.choice import VocabularySpecification
from anyglot.hub.trimming.folder import Trimmed, trim

__all__ = ["Trimmed", "VocabularySpecification", "trim"]
