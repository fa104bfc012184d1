"""How `generate` searches unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from transformers import GenerationConfig

from anyglot.models.config import EncoderDecoderConfig

BEAMS = 5
MAX_NEW_TOKENS = 201  # 200 and the end token


def search_settings(config: EncoderDecoderConfig, never: Iterable[int] = ()) -> GenerationConfig:
    """The paper's search: beam 5, length penalty 1, 200 tokens.

    The rules are those of this package's beam search: a sentence is done when as many hypotheses as beams are, and
    padding is never generated.

    Args:
        never: Other tokens that are never generated.
    """
    return GenerationConfig(
        decoder_start_token_id=config.start_id,
        eos_token_id=config.end_id,
        pad_token_id=config.padding_id,
        suppress_tokens=sorted({config.padding_id, *never} - {config.end_id}),
        max_new_tokens=MAX_NEW_TOKENS,
        num_beams=BEAMS,
        length_penalty=1.0,
        early_stopping=True,
    )
