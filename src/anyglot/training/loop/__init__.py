"""One training loop for every method: stages, exact checkpoints, validation, averaging."""
