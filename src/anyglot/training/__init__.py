"""Methods, the loop that trains them all, and the recipes that describe a run."""
