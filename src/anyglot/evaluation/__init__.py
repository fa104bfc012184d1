"""Judging models: translation, retrieval and understanding."""
