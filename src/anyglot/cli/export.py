"""`anyglot export`: a model for other engines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MODEL = Annotated[str, typer.Argument(help="A model folder (a finished run is one) or a hub name.", metavar="MODEL")]
TO = Annotated[str, typer.Option("--to", help="ctranslate2, or transformers.", metavar="ENGINE")]
OUT = Annotated[Path, typer.Option("--out", "-o", help="Folder to write; must not exist.")]
QUANTIZATION = Annotated[
    str | None,
    typer.Option("--quantization", help="For ctranslate2: float32, int8, int8_bfloat16, bfloat16, ...", metavar="NAME"),
]
PART = Annotated[str, typer.Option("--part", help="For transformers: model, or encoder.")]
FAMILY = Annotated[
    str | None, typer.Option("--family", help="For transformers: the model_type to write, e.g. xlm-roberta.")
]
SENTENCES = Annotated[int, typer.Option("--sentences", min=1, help="For ctranslate2: how many are compared.")]


def export(
    model: MODEL,
    to: TO,
    out: OUT,
    quantization: QUANTIZATION = None,
    part: PART = "model",
    family: FAMILY = None,
    sentences: SENTENCES = 60,
) -> None:
    """Write a model as a folder of another engine, after proving that it computes the same there.

    Examples:

        anyglot export runs/demo/scratch --to ctranslate2 --out exported --quantization int8

        anyglot export runs/demo/sixt --to transformers --part encoder --out encoder

    A model that the engine cannot express is refused with the reason, and nothing is written.
    """
    from anyglot.errors import UserError
    from anyglot.hub.export import export_ctranslate2, export_transformers

    if to == "ctranslate2":
        if part != "model" or family is not None:
            raise UserError("--part and --family are for --to transformers: CTranslate2 takes whole translators.")
        parity = export_ctranslate2(model, out, quantization or "float32", sentences)
        print(
            f"{out}: {parity.equal} of {parity.sentences} greedy translations equal, {parity.ties} parting at a tie; "
            f"log-probabilities of {parity.tokens:,} tokens within {parity.largest:.1g}"
        )
    elif to == "transformers":
        if quantization is not None:
            raise UserError("--quantization is for --to ctranslate2.")
        export_transformers(model, out, part, family)
        print(f"{out}: written and compared")
    else:
        raise UserError(f"there is no engine '{to}': choose ctranslate2 or transformers.")
