"""Masked-language-model pretraining: XLM-R's objective, from scratch or continued."""

from anyglot.training.methods.masked_language.method import MaskedLanguage, MaskedLanguageOptions

__all__ = ["MaskedLanguage", "MaskedLanguageOptions"]
