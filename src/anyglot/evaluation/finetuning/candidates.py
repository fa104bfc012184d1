"""What is scored: the models, and two anchors that show what a score is worth.

| System | What it is |
|---|---|
| encoder | a model that was asked for, fine-tuned |
| random | an encoder of the first model's shape and tokenizer with fresh weights, fine-tuned in the same way |
| bag | a linear classifier over counts of the first model's pieces, and overlap; no encoder (`bag_of_subwords.py`) |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from anyglot.errors import UserError
from anyglot.evaluation.translation.hypotheses import weights_hash
from anyglot.evaluation.translation.run import unique_labels
from anyglot.models.build import build_encoder
from anyglot.models.initialize import initialise_bert
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.pretrained.locate import local_folder, tokenizer_source
from anyglot.models.pretrained.unfinished_runs import taken
from anyglot.models.store import is_model_folder, save_model
from anyglot.runtime.files import write_text
from anyglot.runtime.untrusted_files import read_text
from anyglot.text.tokenizer import load_tokenizer

RANDOM, BAG = "random encoder", "bag of pieces"


@dataclass(frozen=True)
class System:
    """Something that is trained and scored.

    Attributes:
        label: What tables call it.
        folder: Name of its folder below the suite's.
        model: Folder or hub name of the encoder; of a bag of the tokenizer.
        kind: encoder, random or bag.
        weights: Hash of what training starts from.
    """

    label: str
    folder: str
    model: str
    kind: Literal["encoder", "random", "bag"]
    weights: str


def open_systems(
    models: tuple[str, ...], *, anchors: bool, out: Path, seed: int, say: Callable[[str], None]
) -> tuple[System, ...]:
    """The systems of a suite, each looked at so that a wrong name is told before the first training.

    Args:
        models: Folders or hub names.
        anchors: Whether to add the two anchors of the first model.
        out: The suite's folder; the random encoder is written there.
        seed: Of the random encoder's weights.
        say: Told what happens.

    Raises:
        UserError: A model cannot be found or has no encoder or tokenizer, or two are the same.
    """
    labels = unique_labels(models)
    systems = []
    for name, label in zip(models, labels, strict=True):
        folder = local_folder(name)
        tokenizer_source(name)
        place = name if taken(folder) is None else str(folder)  # the same checkpoint to the end, if a run goes
        systems.append(System(label, label, place, "encoder", weights_hash(folder)))
    if anchors:
        random = _random_encoder(models[0], out / "anchors" / "random-encoder", systems[0].weights, seed, say)
        fingerprint = load_tokenizer(tokenizer_source(models[0])).fingerprint
        systems += [
            System(RANDOM, "anchors/random", str(random), "random", weights_hash(random)),
            System(BAG, "anchors/bag", models[0], "bag", fingerprint),
        ]
    return tuple(systems)


def _random_encoder(model: str, folder: Path, weights: str, seed: int, say: Callable[[str], None]) -> Path:
    """Write an encoder of the model's shape with fresh weights, unless it is there."""
    mark = folder / "made-from"
    made_from = f"{weights} {seed}"
    try:
        if is_model_folder(folder) and read_text(mark) == made_from:
            return folder
    except (FileNotFoundError, UserError):
        say("the random encoder is not whole: made again")
    say("making a random encoder of the same shape")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config = load_encoder(model).config.model_copy(update={"dropped_skips": ()})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = build_encoder(config)
            # BERT's deviation suits its width; a narrow model hardly leaves such small weights.
            initialise_bert(encoder, 0.02 if config.stack.width >= 512 else 0.8 * config.stack.width**-0.5)
        load_tokenizer(tokenizer_source(model)).save(folder)
        save_model(encoder, folder)
        write_text(mark, made_from)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); choose another `out`") from error
    return folder
