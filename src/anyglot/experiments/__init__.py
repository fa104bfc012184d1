"""Whole experiments: the demo, and the study of translation as continued pretraining."""
