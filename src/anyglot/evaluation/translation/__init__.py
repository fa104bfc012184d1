"""Scores with signatures and intervals, tables over test sets, and reports that say where their numbers come from."""
