"""Give an encoder's blocks a cross-attention, so that it can be a decoder too (VECO section 3)."""

from __future__ import annotations

from anyglot.models.build import build_block
from anyglot.models.encoder import Encoder
from anyglot.models.initialize import initialise_bert


def add_cross_attention(encoder: Encoder, deviation: float = 0.02) -> None:
    """Put a fresh cross-attention into every block, in place; all other weights stay, and so does what it encodes.

    Args:
        deviation: Standard deviation of the new weights; the paper does not tell its own (method card 2.1).

    Raises:
        ValueError: The blocks have one already.
    """
    if encoder.config.stack.cross_attention:
        raise ValueError("the encoder's blocks have a cross-attention already.")
    stack = encoder.config.stack.model_copy(update={"cross_attention": True})
    for block in encoder.stack.blocks:
        fresh = build_block(stack).cross_attention
        assert fresh is not None
        initialise_bert(fresh, deviation)
        block.cross_attention = fresh
    encoder.config = encoder.config.model_copy(update={"stack": stack})
