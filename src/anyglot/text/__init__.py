"""Languages, scripts, tokenizers, vocabularies and the tokens that stand around a sentence."""
