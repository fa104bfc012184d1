"""Corpora, tokenizers and the order of batches. Import from the modules; this package itself imports nothing."""
