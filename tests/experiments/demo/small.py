"""The course that pretrains an encoder, with next to no text and training; also a program, `anyglot demo` over it.

python -m demonstration.small OUT [PATTERN]     PATTERN: a SIGTERM comes when such a path has been written
"""

from __future__ import annotations

import functools
import signal
import sys
from dataclasses import replace

import torch

from anyglot.cli.main import main
from anyglot.experiments.demo import course, run
from support import deadly

SMALLER = replace(
    course.FROM_SCRATCH, supervised=("de",), zero_shot=("nl", "uk"), monolingual=600, pairs=300, held_out=12
)
COURSE = replace(SMALLER, longest=12)
OVERRIDES = {
    "tiny/masked_language": ["stages.pretrain.updates=4", "tokenizer.train.vocabulary_size=400"],
    "tiny/sixt": ["stages.decoder.updates=3", "stages.joint.updates=2", "checkpoints.every=2"],
    "tiny/transformer": ["stages.all.updates=5"],
}


if __name__ == "__main__":
    torch.set_num_threads(1)
    out, *patterns = sys.argv[1:]
    for pattern in patterns:
        deadly.die_after(pattern, number=signal.SIGTERM)
    course.FROM_SCRATCH = COURSE
    run.run_demo = functools.partial(run.run_demo, overrides=OVERRIDES)
    sys.argv = ["anyglot", "demo", "--from-scratch", "--seed", "3", "--out", out]
    main()
