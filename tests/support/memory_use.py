"""The validation of a tiny SixT+ model, in this process or as one of several."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from anyglot.training.loop.distributed import start_accelerator, wrap
from anyglot.training.loop.objective import Objective
from anyglot.training.loop.options import ValidationOptions
from anyglot.training.loop.validation import Validation
from anyglot.training.methods.sixt import SixT, SixTOptions
from anyglot.training.recipe.static_configs import StubTokenizer
from support.tiny_sixt import DECODER, WORDS, batch, write_encoder
from support.training_worker import become, end

SETS = {"de-en": 0, "fi-en": 100}


@torch.no_grad()
def measure(
    folder: Path, *, blind: bool = False, shard: bool = False, options: ValidationOptions | None = None
) -> dict[str, float]:
    """The numbers of two sets of five batches each; of a blind model cross-attention adds nothing to the states."""
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = start_accelerator("fp32", (), folder)
    method = SixT(SixTOptions.model_validate({"start": write_encoder(folder), "decoder": DECODER}))
    model = method.build(StubTokenizer(WORDS), seed=1)
    for name, parameter in model.named_parameters():
        if ".cross_attention." in name:
            parameter.mul_(0.0 if blind and ".output." in name else 20.0)
    objective = wrap(accelerator, Objective(method, model), shard=shard)
    model.eval()
    sets = {name: lambda first=first: iter([batch(first + n) for n in range(5)]) for name, first in SETS.items()}
    return Validation(sets, options or ValidationOptions()).measure(accelerator, objective, model)  # type: ignore[arg-type]


def rank(folder: str, rank: int, world: int, port: int, *, shard: bool) -> None:
    """Measure as one of several processes, and write what came out."""
    become(rank, world, port)
    numbers = measure(Path(folder) / str(rank), shard=shard)
    (Path(folder) / f"{rank}.json").write_text(json.dumps(numbers))
    end(0)
