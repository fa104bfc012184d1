"""Nearest neighbours of sentences over languages, exact, and what is found with them.

| question | where |
|---|---|
| the k nearest rows, one way or both | `neighbours.py` |
| how a sweep over all pairs is exact, and fast | `search.py`; `operands`, `shortlist`, `exact`, `deduplicate` |
| margin scores; which pairs a retrieval rule chooses | `margin.py` |
| parallel sentences out of two files, resumable | `mining.py`, `mining_text.py`, `mining_vectors.py`, `mining_job.py` |
| neighbours of near cells only (faiss) | `ivf.py` |
"""
