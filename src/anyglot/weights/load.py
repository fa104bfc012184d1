"""Models from a folder or the hub: ours, or a checkpoint of another family under its rename table."""

from __future__ import annotations

from pathlib import Path

from anyglot.errors import UserError
from anyglot.models.build import drop_skips
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.store import is_model_folder, load_model


def load_pretrained(name_or_folder: str | Path, revision: str | None = None) -> Encoder | EncoderDecoder:
    """The model of a folder of ours, of a transformers folder, or of a hub name, in eval mode.

    Raises:
        UserError: There is no model at this place, it is damaged, or its family or settings are not supported.
    """
    folder = Path(name_or_folder).expanduser()
    if is_model_folder(folder):
        return load_model(folder)
    raise UserError(f"{name_or_folder} is no model folder of this package. Name the folder of a finished run.")


def load_encoder(name_or_folder: str | Path, revision: str | None = None) -> Encoder:
    """The encoder of a model, alone; of an encoder-decoder its encoder, without the decoder's weights.

    Raises:
        UserError: as `load_pretrained`.
    """
    return encoder_of(load_pretrained(name_or_folder, revision))


def encoder_of(model: Encoder | EncoderDecoder) -> Encoder:
    """The model's encoder as a model of its own; skips that were dropped in it stay dropped."""
    if isinstance(model, Encoder):
        return model
    encoder = model.encoder
    skips = tuple(path.removeprefix("encoder.") for path in model.config.dropped_skips if path.startswith("encoder."))
    encoder.config = encoder.config.model_copy(update={"dropped_skips": skips})
    drop_skips(encoder, skips)
    return encoder
