"""Searching a model's output for the best sequence; knows protocols, not models.

| question | function |
|---|---|
| the most probable token at each step | `greedy_search` (greedy.py) |
| the best of several sequences, by length-normalized score | `beam_search` (beam.py) |
| the same as greedy search, in few passes, from a draft of it | `speculate` (speculative.py, drafting.py) |
| outputs drawn at random, the same for a sentence in every batch | `sample` (sampling.py, randomness.py) |
| all words at once, then written over until nothing changes | `refine` (refine.py, ctc.py) |
| outputs that must begin with something | `SearchConstraints.prefixes` (protocols.py, forcing.py) |
| which sentences go together in a batch | `plan_batches`, `plan_alike`, `pad_batch` (batching.py) |
"""

from anyglot.inference.decoding.batching import pad_batch, plan_alike, plan_batches
from anyglot.inference.decoding.beam import beam_search
from anyglot.inference.decoding.greedy import greedy_search
from anyglot.inference.decoding.protocols import Hypothesis, LengthRule, SearchConstraints, StepModel
from anyglot.inference.decoding.sampling import SamplingRule, sample
from anyglot.inference.decoding.speculative import Speculated, speculate

__all__ = [
    "Hypothesis",
    "LengthRule",
    "SamplingRule",
    "SearchConstraints",
    "Speculated",
    "StepModel",
    "beam_search",
    "greedy_search",
    "pad_batch",
    "plan_alike",
    "plan_batches",
    "sample",
    "speculate",
]
