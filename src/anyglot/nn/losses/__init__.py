"""Pure functions from states or logits and targets to a scalar."""
