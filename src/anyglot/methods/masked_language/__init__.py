"""Masked-language-model pretraining: XLM-R's objective, from scratch or continued."""

from anyglot.methods.masked_language.method import MaskedLanguage, MaskedLanguageOptions

__all__ = ["MaskedLanguage", "MaskedLanguageOptions"]
