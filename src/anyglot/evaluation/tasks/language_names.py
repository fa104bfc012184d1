"""Languages and splits as benchmarks spell them in file names."""

from __future__ import annotations

from typing import cast

from anyglot.errors import UserError
from anyglot.evaluation.tasks.task import Split
from anyglot.text.languages import language

_SPLITS = {"train": "train", "dev": "dev", "test": "test", "val": "dev", "valid": "dev", "validation": "dev"}
_CONLL = {"testa": "dev", "testb": "test"}
_CONLL_LANGUAGES = {"esp": "es", "ned": "nl"}

# English names in file names (Universal Dependencies, TyDiQA) and codes; names of several words have `_` there.
_TABLE = """
Afrikaans af Akkadian akk Albanian sq Amharic am Ancient_Greek grc Arabic ar Armenian hy Assyrian aii Bambara bm
Basque eu Belarusian be Bengali bn Bhojpuri bho Breton br Bulgarian bg Buryat bxr Cantonese yue Catalan ca Chinese zh
Classical_Chinese lzh Coptic cop Croatian hr Czech cs Danish da Dutch nl English en Erzya myv Estonian et Faroese fo
Finnish fi French fr Galician gl German de Gothic got Greek el Hebrew he Hindi hi Hungarian hu Icelandic is
Indonesian id Irish ga Italian it Japanese ja Karelian krl Kazakh kk Komi_Permyak koi Komi_Zyrian kpv Korean ko
Kurmanji ku Latin la Latvian lv Lithuanian lt Livvi olo Maltese mt Manx gv Marathi mr Mbya_Guarani gun Moksha mdf
Naija pcm North_Sami se Norwegian no Old_Church_Slavonic cu Old_French fro Old_Russian orv Persian fa Polish pl
Portuguese pt Romanian ro Russian ru Sanskrit sa Scottish_Gaelic gd Serbian sr Skolt_Sami sms Slovak sk Slovenian sl
Spanish es Swahili sw Swedish sv Swiss_German gsw Tagalog tl Tamil ta Telugu te Thai th Turkish tr Ukrainian uk
Upper_Sorbian hsb Urdu ur Uyghur ug Vietnamese vi Warlpiri wbp Welsh cy Wolof wo Yoruba yo
"""
_CELLS = _TABLE.split()
NAMES: dict[str, str] = dict(zip(_CELLS[::2], _CELLS[1::2], strict=True))


def split_named(spelling: str) -> Split:
    """The split a file name means: `val`, `valid` and `validation` are dev sets, as are CoNLL's `testa`."""
    return cast(Split, {**_SPLITS, **_CONLL}[spelling])


def code_of(spelling: str) -> str | None:
    """The canonical code of a language's code or English name; None where it is neither."""
    named = NAMES.get(spelling) or NAMES.get(spelling.capitalize()) or _CONLL_LANGUAGES.get(spelling)
    if named is not None:
        return named
    try:
        return language(spelling, names=False).code
    except UserError:
        return None


def name_of(code: str) -> str:
    """The English name of a language in lower case, as TyDiQA's ids have it; the code where none is known."""
    return next((name.lower() for name, known in NAMES.items() if known == code), code)
