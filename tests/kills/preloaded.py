"""What the verbs import when they run, imported once by the server that they are forked from."""

import anyglot.cli.main
import anyglot.embedding.work
import anyglot.evaluation.writing
import anyglot.methods
import anyglot.recipe.run
import anyglot.retrieval.mining
import anyglot.translator.distilling
import anyglot.translator.work  # noqa: F401
