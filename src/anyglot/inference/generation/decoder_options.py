"""What each decoder may be told: one class of options for each, chosen by the decoder's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from anyglot.errors import UserError
from anyglot.inference.generation.settings import Decoder
from anyglot.runtime.options import Options, read_options

SECTION = "decoder."


class DecoderOptions(Options):
    """What holds for every decoder; `SearchSettings` says what the options mean and which values they may have."""

    length_penalty: float = 1.0


class Beam(DecoderOptions):
    """Of beam search."""

    beam: int | None = None


class Greedy(DecoderOptions):
    """Of greedy search, which has no options of its own."""


class Sampling(DecoderOptions):
    """Of sampling."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 1


class Speculative(DecoderOptions):
    """Of greedy search from drafts: those of a model, or those of a file with one a line."""

    draft: str | None = None
    draft_file: str | None = None


class Refining(DecoderOptions):
    """Of decoders that may write over what they wrote."""

    rounds: int | None = None
    show_rounds: bool = False


class Ctc(Beam, Refining):
    """Of CTC's best path, or its prefix beam."""


class MaskPredict(Refining):
    """Of mask-predict."""

    iterations: int | None = None
    length_beam: int | None = None
    remasking: str | None = None


class AnyDecoder(Sampling, Speculative, Ctc, MaskPredict):
    """Of a decoder that only the model decides on; `SearchSettings.settled` refuses what does not fit it."""


OPTIONS_OF: Mapping[Decoder, type[DecoderOptions]] = MappingProxyType(
    {
        "beam": Beam,
        "greedy": Greedy,
        "sample": Sampling,
        "speculative": Speculative,
        "ctc": Ctc,
        "mask-predict": MaskPredict,
    }
)


def read_decoder_options(
    texts: Mapping[str, str], decoder: Decoder | None, among: Iterable[Decoder] = tuple(OPTIONS_OF)
) -> dict[str, Any]:
    """The options that were given for a decoder, by name.

    Args:
        texts: Option -> its value as it was typed.
        decoder: None: the model decides, and options of any decoder are taken.
        among: The decoders that can be chosen.

    Raises:
        UserError: An option is unknown or another decoder's, or its value is none of its type.
    """
    kind = AnyDecoder if decoder is None else OPTIONS_OF[decoder]
    for name in texts:
        owners = [other for other in among if name in OPTIONS_OF[other].model_fields]
        if owners and name not in kind.model_fields:
            raise UserError(f"`{name}` belongs to `decoder={' or '.join(owners)}`, not to {decoder}: leave it out.")
    return read_options(kind, texts, SECTION).given()
