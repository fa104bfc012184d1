"""A model made ready to translate: number format, joined products, and results that do not depend on the batch."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from anyglot.errors import UserError
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.language import PromptedLanguageModel
from anyglot.models.parallel import ParallelEncoderDecoder
from anyglot.models.prompted import PromptedEncoder
from anyglot.nn.adapter import Adapter
from anyglot.nn.attention import Attention
from anyglot.nn.batch_invariance import batch_dependence, said
from anyglot.nn.batch_invariant import (
    Attend,
    BatchInvariantLinear,
    batch_invariant_attention,
    batch_invariant_elementwise,
    batch_invariant_linear,
    decoding_attention,
    fused_attention,
)
from anyglot.nn.block import Block
from anyglot.nn.embeddings import Embeddings
from anyglot.nn.feedforward import FeedForward, gelu_tanh
from anyglot.nn.heads import MaskedLanguageHead
from anyglot.nn.projection import TargetProjection
from anyglot.nn.quantized import QuantisedLinear, QuantisedOutput, QuantisedTable
from anyglot.nn.row_filling import FORMATS, Format
from anyglot.runtime.measurements import processor_flags

AnyWriter = EncoderDecoder | PromptedEncoder | ParallelEncoderDecoder | PromptedLanguageModel
Writer = TypeVar("Writer", bound=AnyWriter)
Precision = Literal["fp32", "bf16", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}


def prepare(model: Writer, precision: Precision, device: torch.device, *, batch_independent: bool = True) -> Writer:
    """Turn a loaded model, in place, into one that only translates. It can be neither trained nor saved after it.

    Args:
        precision: int8 holds the matrices and the token table in int8, with one scale a row, and rounds activations
            to int8 row by row before each product; norms, sums and softmax stay fp32, attention is in bf16 where the
            processor multiplies it.
        device: Where it will run.
        batch_independent: On a CPU a sentence's result is the same, bit for bit, whatever else is in the batch; of a
            model that writes all words at once, whatever other sources of the same length are. The model's
            `batch_invariant` says whether it is so: where a measurement finds that it cannot be, it is False.

    Raises:
        UserError: This machine cannot compute in this precision.

    Warns:
        UserWarning: Batch independence was asked for and cannot be had here.
    """
    check_precision(precision, device)
    batch_independent = batch_independent and promised(precision, device)
    model.to(device=device, dtype=_TYPES[precision]).eval().requires_grad_(False)
    for block in [module for module in model.modules() if isinstance(module, Block)]:
        _join(block.self_attention.inner)
    if precision == "int8":
        _quantise(model)
    if batch_independent:
        _make_batch_invariant(model)
    if isinstance(model, EncoderDecoder | PromptedLanguageModel):
        for side, attend in _step_by_step(model):
            for attention in [module for module in side.modules() if isinstance(module, Attention)]:
                attention.attend = partial(batch_invariant_attention, attend) if batch_independent else attend
    number_format = torch.bfloat16 if precision == "int8" and multiplies_bf16(device) else None
    for attention in [module for module in model.modules() if isinstance(module, Attention)]:
        attention.number_format = number_format
    if isinstance(model, PromptedEncoder | PromptedLanguageModel):
        # Its sources come in batches of one length: a sentence's attention has the same shapes beside any others.
        model.precompute(number_format)
    model.batch_invariant = batch_independent
    return model


def prepare_prompts(model: PromptedEncoder, like: PromptedEncoder) -> PromptedEncoder:
    """Bring fresh prompts over an encoder that was prepared with `like` into the same state, in place."""
    resting = next(like.prompts.parameters())
    projection: nn.Module = like.source_key
    for name, part in list(model.named_children()):
        if part is model.encoder:
            continue
        part.to(device=resting.device, dtype=resting.dtype).eval().requires_grad_(False)
        if isinstance(part, nn.Linear) and isinstance(projection, QuantisedLinear):
            setattr(model, name, QuantisedLinear.of(part))
        elif isinstance(part, nn.Linear) and isinstance(projection, BatchInvariantLinear):
            setattr(model, name, BatchInvariantLinear(part))
    model.precompute(like.number_format)
    model.batch_invariant = like.batch_invariant
    return model


def prepare_encoder(encoder: Encoder, precision: Precision, device: torch.device) -> Encoder:
    """Turn a loaded encoder, in place, into one that only gives states: no head, no pooler, no cross-attention.

    Raises:
        UserError: int8, or this machine cannot compute in this precision.

    Warns:
        UserWarning: A sentence's states depend on the batch here.
    """
    if precision == "int8":
        raise UserError("an encoder alone does not run in int8: choose `precision=auto`, fp32, bf16 or fp16.")
    check_precision(precision, device)
    encoder.head = encoder.pooler = None
    encoder.to(device=device, dtype=_TYPES[precision]).eval().requires_grad_(False)
    for block in [module for module in encoder.modules() if isinstance(module, Block)]:
        block.cross_attention = None
        _join(block.self_attention.inner)
        _make_activation_batch_invariant(block.feedforward.inner)
    promised(precision, device, attention=False)
    return encoder


def promised(precision: Precision, device: torch.device, *, attention: bool = True) -> bool:
    """Whether results are independent of the batch here; of GPUs nothing is said, and nothing was measured.

    Args:
        attention: Whether sentences of several lengths are attended to together.

    Warns:
        UserWarning: They are not.
    """
    if device.type != "cpu":
        return True
    products: tuple[Format, ...] = ("int8", "fp32") if precision == "int8" else (FORMATS[_TYPES[precision]],)
    attended: Format = "bf16" if precision == "int8" and multiplies_bf16(device) else products[-1]
    reason = batch_dependence(products, attended if attention else None)
    if reason is not None:
        warnings.warn(said(reason), UserWarning, stacklevel=4)
    return reason is None


def check_precision(precision: Precision, device: torch.device) -> None:
    """Refuse what the device cannot do.

    Raises:
        UserError: fp16 on a CPU; int8 on a GPU, or on a processor without instructions for it.
    """
    if precision == "fp16" and device.type == "cpu":
        raise UserError("fp16 needs a GPU: choose `precision=auto`, fp32, bf16 or int8 on a CPU.")
    if precision == "int8" and device.type != "cpu":
        raise UserError(f"int8 runs on CPUs only, not on '{device}': choose `precision=auto`, bf16 or fp16.")
    if precision == "int8" and not multiplies_int8(device):
        raise UserError(
            f"int8 needs a processor with AVX-512 VNNI, and this one ({platform.machine()}) does not say it has it: "
            "choose `precision=auto`, fp32 or bf16."
        )


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bf16 products."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool({"avx512_bf16", "amx_bf16"} & processor_flags())


def multiplies_int8(device: torch.device) -> bool:
    """Whether the device has instructions for int8 products, and torch a product that uses them."""
    return device.type == "cpu" and "avx512_vnni" in processor_flags() and hasattr(torch, "_int_mm")


def _join(attention: Attention) -> None:
    """Lay query, key and value into one matrix, whose slices they become."""
    parts = [attention.query, attention.key, attention.value]
    joined = nn.Linear(1, 1, device="meta")
    joined.weight = nn.Parameter(torch.cat([part.weight for part in parts]), requires_grad=False)
    joined.bias = nn.Parameter(torch.cat([part.bias for part in parts]), requires_grad=False)
    start = 0
    for part in parts:
        stop = start + part.weight.shape[0]
        part.weight = nn.Parameter(joined.weight[start:stop], requires_grad=False)
        part.bias = nn.Parameter(joined.bias[start:stop], requires_grad=False)
        start = stop
    attention.joined = joined


def _replace(model: nn.Module, change: Callable[[nn.Linear], nn.Module]) -> None:
    """Put another module in the place of every Linear."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, change(child))


def _step_by_step(model: EncoderDecoder | PromptedLanguageModel) -> list[tuple[nn.Module, Attend]]:
    """The attention of each side of a model that writes word by word."""
    if isinstance(model, PromptedLanguageModel):
        return [(model.language_model, decoding_attention)]
    return [(model.encoder, fused_attention), (model.decoder, decoding_attention)]


def _quantise(model: AnyWriter) -> None:
    """Matrices and token tables to int8, one table where several shared one."""
    tables: dict[int, QuantisedTable] = {}

    def table(weight: Tensor) -> QuantisedTable:
        if id(weight) not in tables:
            tables[id(weight)] = QuantisedTable(weight)
        return tables[id(weight)]

    weight, bias, rows = model.output.weight, model.output.bias, model.output.rows
    output = QuantisedOutput(table(weight), bias=bias)
    output.restrict(rows)
    for embeddings in [module for module in model.modules() if isinstance(module, Embeddings)]:
        embeddings.tokens = table(embeddings.tokens.weight)  # type: ignore[assignment]  # called alike
    if isinstance(model, PromptedEncoder):
        model.head.output = output
    elif isinstance(model, PromptedLanguageModel):
        model.language_model.output = output
    else:
        model.encoder.head = None  # the masked-language head has no part in translating, and holds the table
        model.output = output
    _replace(model, QuantisedLinear.of)
    for attention in [module for module in model.modules() if isinstance(module, Attention)]:
        _share_joined(attention)


def _share_joined(attention: Attention) -> None:
    """Let query, key and value be slices of the joined int8 matrix, which has the same rows."""
    joined = attention.joined
    if not isinstance(joined, QuantisedLinear):
        return
    width = joined.weight.shape[0] // 3
    for place, name in enumerate(("query", "key", "value")):
        rows = slice(place * width, (place + 1) * width)
        bias = None if joined.bias is None else joined.bias[rows]
        setattr(attention, name, QuantisedLinear(joined.weight[rows], joined.scale[rows], bias))


def _make_batch_invariant(model: AnyWriter) -> None:
    """Arithmetic that rounds its shapes up, where a format needs it."""
    if next(model.parameters()).device.type == "cpu" or next(model.parameters()).dtype == torch.float32:
        _replace(model, BatchInvariantLinear)
        model.output.linear = batch_invariant_linear
    for module in model.modules():
        if isinstance(module, (FeedForward, MaskedLanguageHead)):
            _make_activation_batch_invariant(module)
        if isinstance(module, TargetProjection | Adapter):
            module.linear = batch_invariant_linear


def _make_activation_batch_invariant(part: FeedForward | MaskedLanguageHead) -> None:
    if part.activation is gelu_tanh:
        part.activation = partial(batch_invariant_elementwise, gelu_tanh)
