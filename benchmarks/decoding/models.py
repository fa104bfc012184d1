"""One set of random weights as a folder of ours, of transformers and of CTranslate2."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from anyglot.models.build import build
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.store import save_model

BEGIN, PAD, END, UNKNOWN = 0, 1, 2, 3


@dataclass(frozen=True)
class Shape:
    """Sizes of a model. Its architecture is M2M-100's, which all three engines know."""

    encoder_layers: int
    decoder_layers: int
    width: int
    heads: int
    feedforward_width: int


SHAPES = {
    "tiny": Shape(2, 2, 64, 4, 128),
    "base": Shape(12, 6, 768, 12, 3072),
    "large": Shape(24, 12, 1024, 16, 4096),
}


def random_model(shape: Shape, rows: int, seed: int = 1) -> EncoderDecoder:
    """A model with random weights whose output depends on its input."""
    embeddings = EmbeddingsConfig(
        vocabulary_size=rows,
        width=shape.width,
        positions="sinusoidal",
        position_rows=1026,
        norm=False,
        scale="sqrt",
    )

    def stack(layers: int, *, cross_attention: bool) -> StackConfig:
        return StackConfig(
            layers=layers,
            width=shape.width,
            heads=shape.heads,
            feedforward_width=shape.feedforward_width,
            activation="relu",
            norm_first=True,
            cross_attention=cross_attention,
        )

    encoder = EncoderConfig(
        family="m2m_100", embeddings=embeddings, stack=stack(shape.encoder_layers, cross_attention=False)
    )
    config = EncoderDecoderConfig(
        family="m2m_100",
        encoder=encoder,
        decoder_embeddings=embeddings,
        decoder=stack(shape.decoder_layers, cross_attention=True),
    )
    torch.manual_seed(seed)
    model = build(config)
    assert isinstance(model, EncoderDecoder)
    with torch.no_grad():
        model.output.weight.normal_(0, shape.width**-0.5)
    return model.eval()


class _Vocabulary:
    """The little that CTranslate2's converter asks of a tokenizer: token number n is called tn."""

    bos_token, eos_token, unk_token, pad_token = "<s>", "</s>", "<unk>", "<pad>"
    unk_token_id = UNKNOWN
    num_madeup_words = 0
    special_tokens_map: dict[str, list[str]] = {}  # noqa: RUF012

    def __init__(self, rows: int) -> None:
        self.names = names(rows)

    def get_vocab(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def convert_ids_to_tokens(self, number: int) -> str:
        return self.names[number]


def names(rows: int) -> list[str]:
    """What the tokens are called in CTranslate2."""
    return ["<s>", "<pad>", "</s>", "<unk>", *(f"t{number}" for number in range(4, rows))]


def write_models(folder: Path, shape: Shape, rows: int) -> None:
    """Write `ours`, `transformers` and `ctranslate2` into a folder, unless they are there."""
    if (folder / "finished").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    model = random_model(shape, rows)
    save_model(model, folder / "ours")
    save_pretrained(model, folder / "transformers", family="m2m_100")
    del model
    from ctranslate2.converters.transformers import M2M100Loader
    from transformers import M2M100ForConditionalGeneration

    loaded = M2M100ForConditionalGeneration.from_pretrained(folder / "transformers", dtype=torch.float32)
    spec = M2M100Loader()(loaded, _Vocabulary(rows))
    spec.validate()
    spec.optimize()
    (folder / "ctranslate2").mkdir()
    spec.save(str(folder / "ctranslate2"))
    (folder / "finished").touch()


def sources(rows: int, sentences: int, seed: int = 2) -> list[list[int]]:
    """Sentences of 20 to 30 tokens, the end token included."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(20, 31, (sentences,), generator=generator).tolist()
    return [[*torch.randint(4, rows, (n - 1,), generator=generator).tolist(), END] for n in lengths]
