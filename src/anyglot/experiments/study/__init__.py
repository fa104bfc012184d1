"""A study: conditions, seeds and measurements from one file, run step by step and reported."""
