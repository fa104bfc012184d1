"""What the verbs import when they run, imported once by the server that they are forked from."""
