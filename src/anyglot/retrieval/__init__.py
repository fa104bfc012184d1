"""Nearest neighbours of sentences over languages, exact, and what is found with them.

| question | where |
|---|---|
| the k nearest rows, one way or both | `neighbours.py` |
| margin scores; which pairs a retrieval rule chooses | `margin.py` |
"""
