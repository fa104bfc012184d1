"""Scores, bootstrap intervals and paired tests, from sufficient statistics; knows no metric and no model."""
