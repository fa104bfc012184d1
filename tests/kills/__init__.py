"""SIGKILLs over every verb that can be gone on with; `benchmarks/kills/run.py` sends two hundred."""
