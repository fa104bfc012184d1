"""What the tests of SixT and SixT+ share: a tiny random XLM-R-shaped encoder, batches, a few real optimizer steps."""

from __future__ import annotations

from pathlib import Path

import torch

from anyglot.data.batch import TranslationBatch
from anyglot.models.build import build_encoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.initialize import initialise_bert
from anyglot.models.store import save_model
from anyglot.training.loop.freezing import enter_stage, set_modes
from anyglot.training.methods.baselines import FinetuneAll
from anyglot.training.methods.sixt import SixT, SixTOptions
from anyglot.training.recipe.static_configs import StubTokenizer

LAYERS, WIDTH, WORDS = 4, 32, 60
DECODER = {"layers": 2, "heads": 4, "feedforward_width": 48}


def write_encoder(folder: Path) -> str:
    """The folder of a pretrained encoder: every weight random, norms and biases too."""
    config = EncoderConfig(
        family="xlm-roberta",
        embeddings=EmbeddingsConfig(
            vocabulary_size=WORDS, width=WIDTH, positions="learned", position_rows=34, norm=True
        ),
        stack=StackConfig(layers=LAYERS, width=WIDTH, heads=4, feedforward_width=64, norm_first=False),
        language_head=True,
    )
    torch.manual_seed(3)
    encoder = build_encoder(config)
    initialise_bert(encoder, 0.1)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save_model(encoder, folder)
    return str(folder)


def batch(seed: int = 0, sentences: int = 6, target_language: torch.Tensor | None = None) -> TranslationBatch:
    generator = torch.Generator().manual_seed(seed)
    source = torch.randint(4, WORDS, (sentences, 9), generator=generator)
    target = torch.randint(4, WORDS, (sentences, 7), generator=generator)
    end = torch.full((sentences, 1), 2)
    return TranslationBatch(
        source=source,
        source_mask=torch.ones_like(source, dtype=torch.bool),
        target_input=torch.cat([end, target], 1),
        target_output=torch.cat([target, end], 1),
        target_mask=torch.ones(sentences, 8, dtype=torch.bool),
        pairs=torch.zeros(sentences, dtype=torch.int64),
        target_language=target_language,
    )


def optimise(
    method: SixT | FinetuneAll,
    model: EncoderDecoder,
    stage: int,
    steps: int = 3,
    target_language: torch.Tensor | None = None,
) -> None:
    chosen = method.stages()[stage]
    enter_stage(model, chosen)
    set_modes(model, chosen)
    moving = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(moving, lr=1e-2)
    for step in range(steps):
        losses = method.losses(model, batch(step, target_language=target_language))
        (losses.total / losses.tokens).backward()
        optimizer.step()
        optimizer.zero_grad()


def values(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def sixt(start: str, **options: object) -> tuple[SixT, EncoderDecoder]:
    method = SixT(SixTOptions.model_validate({"start": start, "decoder": DECODER, **options}))
    return method, method.build(StubTokenizer(WORDS), seed=5)
