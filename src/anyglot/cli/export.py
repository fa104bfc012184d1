"""`anyglot model export`: a model for other engines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.options import TRANSLATOR_ARGUMENT
from anyglot.cli.verb import verb

ENGINES = ("ctranslate2", "transformers", "anyglot", "prompts")
TO = Annotated[str, typer.Option("--to", help="ctranslate2, transformers, anyglot, or prompts.", metavar="ENGINE")]
OUT = Annotated[Path, typer.Option("--out", "-o", help="Folder to write; must not exist.")]
QUANTIZATION = Annotated[
    str | None,
    typer.Option("--quantization", help="For ctranslate2: float32, int8, int8_bfloat16, bfloat16, ...", metavar="NAME"),
]
PART = Annotated[
    str | None,
    typer.Option(
        "--part", help="For transformers: model, or encoder. For anyglot: encoder, or encoder-decoder.", metavar="PART"
    ),
]
LAYERS = Annotated[
    int | None,
    typer.Option(
        "--decoder-layers",
        min=1,
        help="For an encoder-decoder: blocks of its decoder; by default six, or all there are.",
    ),
]
BLOCKS = Annotated[
    str | None,
    typer.Option("--decoder-blocks", help="For an encoder-decoder: copies of the last or first ones, or fresh."),
]
FAMILY = Annotated[
    str | None, typer.Option("--family", help="For transformers: the model_type to write, e.g. xlm-roberta.")
]
SENTENCES = Annotated[int, typer.Option("--sentences", min=1, help="For ctranslate2: how many are compared.")]


@verb(folder="out")
def export(
    model: TRANSLATOR_ARGUMENT,
    to: TO,
    out: OUT,
    quantization: QUANTIZATION = None,
    part: PART = None,
    family: FAMILY = None,
    sentences: SENTENCES = 60,
    decoder_layers: LAYERS = None,
    decoder_blocks: BLOCKS = None,
) -> None:
    """Write a model, or a part of it, as a folder of another engine, after proving that it computes the same there.

    Examples:

        anyglot model export runs/demo/transformer --to ctranslate2 --out exported --quantization int8

        anyglot model export runs/veco --to transformers --part encoder --out encoder

        anyglot model export runs/veco --to anyglot --part encoder-decoder --decoder-layers 3 --out translator

        anyglot model export runs/sga --to prompts --out prompts

    A model that the engine cannot express is refused with the reason, and nothing is written.
    """
    from anyglot.errors import UserError

    _refuse_foreign_options(
        to,
        {
            "--quantization": (quantization, "ctranslate2"),
            "--family": (family, "transformers"),
            "--decoder-layers": (decoder_layers, "anyglot"),
            "--decoder-blocks": (decoder_blocks, "anyglot"),
        },
    )
    if to == "ctranslate2":
        if part not in (None, "model"):
            raise UserError("--part is not for --to ctranslate2, which takes whole translators.")
        from anyglot.hub.export import export_ctranslate2

        parity = export_ctranslate2(model, out, quantization or "float32", sentences)
        print(
            f"{out}: {parity.equal} of {parity.sentences} greedy translations equal, {parity.ties} parting at a tie; "
            f"log-probabilities of {parity.tokens:,} tokens within {parity.largest:.1g}"
        )
    elif to == "transformers":
        from anyglot.hub.export import export_transformers

        export_transformers(model, out, part or "model", family)
        print(f"{out}: written and compared")
    elif to == "prompts":
        if part is not None:
            raise UserError("--part is not for --to prompts, which writes all of a model but its encoder.")
        from anyglot.hub.prompts import export_prompts

        saved = export_prompts(model, out)
        held = sum(tensor.numel() for tensor in saved.tensors.values())
        print(f"{out}: prompts for {', '.join(saved.config.groups)}, {held:,} numbers")
    else:
        _take_apart(model, out, part, decoder_layers, decoder_blocks)


def _refuse_foreign_options(to: str, given: dict[str, tuple[object, str]]) -> None:
    """Option -> (its value, the engine it is for)."""
    from anyglot.errors import UserError

    if to not in ENGINES:
        raise UserError(f"there is no engine '{to}': choose {', '.join(ENGINES[:-1])} or {ENGINES[-1]}.")
    for name, (value, engine) in given.items():
        if value is not None and to != engine:
            raise UserError(f"{name} is for --to {engine}.")


def _take_apart(model: str, out: Path, part: str | None, layers: int | None, blocks: str | None) -> None:
    from anyglot.errors import UserError
    from anyglot.hub.export import export_anyglot
    from anyglot.models.extraction import DECODER_BLOCKS

    if part is None:
        raise UserError("--to anyglot takes a model apart: add --part encoder or --part encoder-decoder.")
    if part != "encoder-decoder" and (layers is not None or blocks is not None):
        raise UserError("--decoder-layers and --decoder-blocks are for --part encoder-decoder.")
    chosen = next((each for each in DECODER_BLOCKS if each == (blocks or "last")), None)
    if chosen is None:
        raise UserError(f"there are no '{blocks}' blocks: choose one of {', '.join(DECODER_BLOCKS)}.")
    written = export_anyglot(model, out, part, layers, chosen)
    print(f"{out}: {part} of {sum(parameter.numel() for parameter in written.parameters()):,} parameters")
