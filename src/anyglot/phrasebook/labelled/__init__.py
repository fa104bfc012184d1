"""Labelled sets for every task type, made from the phrasebook's meanings, many-way parallel in all its languages."""

from anyglot.phrasebook.labelled.writing import labelled_items, write_labelled

__all__ = ["labelled_items", "write_labelled"]
