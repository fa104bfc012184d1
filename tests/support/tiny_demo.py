"""The course over a pretrained encoder with a random tiny one in its place; also a program, to be killed.

python -m demonstration.tiny OUT START
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from anyglot.experiments.demo.course import PRETRAINED, Course
from anyglot.experiments.demo.run import Outcome, run_demo
from anyglot.experiments.demo.unseen import unseen_sentences
from anyglot.models.build import build
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.models.store import save_model
from anyglot.phrasebook import Phrasebook
from anyglot.text.tokenizer_training import train_tokenizer

WIDTH = 16
SMALL = ["method.decoder.heads=2", "method.decoder.layers=1", "method.decoder.feedforward_width=32"]
OFTEN = ["checkpoints.every=2", "validation.every=4", "runtime.precision=fp32"]
OVERRIDES = {
    "demo/sixt": [*SMALL, *OFTEN, "stages.decoder.updates=4", "stages.joint.updates=2"],
    "demo/ft_all": [*SMALL, *OFTEN, "stages.all.updates=16"],
    "demo/transformer": [
        *SMALL,
        *OFTEN,
        f"method.encoder.width={WIDTH}",
        "method.encoder.heads=2",
        "method.encoder.layers=1",
        "method.encoder.feedforward_width=32",
        "stages.all.updates=6",
    ],
}


def write_start(folder: Path) -> Path:
    """A random encoder that reads all the demo's scripts."""
    book = Phrasebook(PRETRAINED.languages, seed=2)
    texts = [sentence.text for row in book.parallel("train", 60) for sentence in row.values()]
    texts += [sentence.text for sentence in unseen_sentences()]
    tokenizer = train_tokenizer(texts, 1500, folder, seed=1, character_coverage=1.0)
    embeddings = EmbeddingsConfig(
        vocabulary_size=tokenizer.vocabulary_size, width=WIDTH, positions="learned", position_rows=70, norm=True
    )
    stack = StackConfig(layers=2, width=WIDTH, heads=2, feedforward_width=32, norm_first=False)
    torch.manual_seed(1)
    save_model(build(EncoderConfig(embeddings=embeddings, stack=stack)), folder)
    return folder


def course(start: Path) -> Course:
    smaller = replace(PRETRAINED, supervised=("de", "zh"), zero_shot=("nl",), pairs=60, held_out=6, level="beginner")
    return replace(smaller, start=str(start), longest=10)


def run(out: Path, start: Path, say: Callable[[str], None]) -> Outcome:
    return run_demo(out, seed=3, course=course(start), say=say, overrides=OVERRIDES)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(Path(sys.argv[1]), Path(sys.argv[2]), print)
