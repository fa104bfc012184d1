"""Bricks assembled to models. Only the builder reads sizes from a config."""
