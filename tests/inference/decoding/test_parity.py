"""Equal to transformers' `generate`, where both mean the same: greedy, and beam search under each stopping rule.

Shared definition: a score is the sum of log-probabilities over (tokens + 1) ** penalty, the end token counted, the
prompt not; of 2K continuations those among the first K that end are finished; the end is forced at the limit. One
difference is evened out here: transformers makes a forced end token free, we count its log-probability as fairseq does.
"""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    MarianConfig,
    MarianMTModel,
    MBartConfig,
    MBartForConditionalGeneration,
)
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from anyglot.inference.decoding import LengthRule, SearchConstraints, beam_search, greedy_search

VOCABULARY, PAD, END, LIMIT = 30, 1, 2, 12
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 64,
    "pad_token_id": PAD,
    "eos_token_id": END,
    "bos_token_id": 0,
    "decoder_start_token_id": END,
    "forced_eos_token_id": None,
    "tie_word_embeddings": False,
    "init_std": 0.6,
}


class ReferenceSteps:
    """A transformers encoder-decoder as a step model, every beam with keys and values of its own."""

    vocabulary_size = VOCABULARY

    def __init__(self, model: Any) -> None:
        self.model = model

    def start(self, source: Tensor, source_mask: Tensor, beams: int) -> dict[str, Any]:
        encoded = self.model.get_encoder()(source, attention_mask=source_mask.long()).last_hidden_state
        return {
            "encoded": encoded.repeat_interleave(beams, 0),
            "mask": source_mask.long().repeat_interleave(beams, 0),
            "cache": EncoderDecoderCache(DynamicCache(), DynamicCache()),
        }

    def step(self, tokens: Tensor, state: dict[str, Any]) -> Tensor:
        output = self.model(
            encoder_outputs=(state["encoded"],),
            attention_mask=state["mask"],
            decoder_input_ids=tokens[:, None],
            past_key_values=state["cache"],
            use_cache=True,
        )
        return output.logits[:, -1]

    def reorder(self, state: dict[str, Any], rows: Tensor) -> None:
        state["encoded"], state["mask"] = state["encoded"][rows], state["mask"][rows]
        state["cache"].reorder_cache(rows)


@pytest.fixture(scope="module", params=["marian", "mbart"])
def reference(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(11)
    if request.param == "marian":
        model: Any = MarianMTModel(MarianConfig(**SIZES))
    else:
        model = MBartForConditionalGeneration(MBartConfig(**SIZES))
    # A bias towards the end token, so that hypotheses of many lengths compete.
    model.final_logits_bias[0, END] = 2.5
    return model.eval()


def batch() -> tuple[Tensor, Tensor]:
    source = torch.randint(4, VOCABULARY, (6, 9), generator=torch.Generator().manual_seed(3))
    lengths = torch.tensor([9, 7, 5, 9, 3, 2])
    mask = torch.arange(9)[None] < lengths[:, None]
    return source.masked_fill(~mask, PAD), mask


class EndAtLimit(LogitsProcessor):
    """Leaves the end token alone at the limit, with its log-probability."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if input_ids.shape[1] < self.length:
            return scores
        ending = torch.full_like(scores, -torch.inf)
        ending[:, END] = scores[:, END]
        return ending


def generate(model: Any, start: list[int], **options: Any) -> tuple[list[list[int]], Tensor | None]:
    source, mask = batch()
    output = model.generate(
        source,
        attention_mask=mask.long(),
        decoder_input_ids=torch.tensor([start] * len(source)),
        max_length=len(start) + LIMIT + 1,
        do_sample=False,
        suppress_tokens=[0, PAD],
        logits_processor=LogitsProcessorList([EndAtLimit(len(start) + LIMIT)]),
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    rows = [row[len(start) :] for row in output.sequences.tolist()]
    texts = [row[: row.index(END)] if END in row else row for row in rows]
    return texts, getattr(output, "sequences_scores", None)


@pytest.mark.parametrize("start", [[END], [END, 5]])
def test_greedy_equals_generate(reference: Any, start: list[int]) -> None:
    expected, _ = generate(reference, start, num_beams=1)
    prompt = SearchConstraints(start=tuple(start), end=END, never=(0, PAD))
    found = greedy_search(ReferenceSteps(reference), *batch(), prompt, length=LengthRule(LIMIT, minimum=0))
    assert [list(hypothesis.tokens) for hypothesis in found] == expected
    assert len({len(text) for text in expected}) > 1, "a test in which all outputs are alike proves little"


@pytest.mark.parametrize("start", [[END], [END, 5]])
@pytest.mark.parametrize("length_penalty", [1.0, 0.5, 0.0])
@pytest.mark.parametrize(("stopping", "early"), [("full", True), ("current", False), ("exact", "never")])
def test_beam_equals_generate(
    reference: Any, stopping: Any, early: bool | str, length_penalty: float, start: list[int]
) -> None:
    beams = 4
    expected, scores = generate(
        reference,
        start,
        num_beams=beams,
        num_return_sequences=beams,
        early_stopping=early,
        length_penalty=length_penalty,
    )
    assert scores is not None
    found = beam_search(
        ReferenceSteps(reference),
        *batch(),
        SearchConstraints(start=tuple(start), end=END, never=(0, PAD)),
        beams=beams,
        length=LengthRule(LIMIT, minimum=0),
        length_penalty=length_penalty,
        stopping=stopping,
    )
    flat = [hypothesis for hypotheses in found for hypothesis in hypotheses]
    assert [list(hypothesis.tokens) for hypothesis in flat] == expected
    torch.testing.assert_close(torch.tensor([h.score for h in flat]), scores, atol=1e-4, rtol=1e-4)
