"""Recipes: one YAML file per run, read strictly, run by `run_recipe`."""
