"""Greedy search: the most probable token at each step."""

import torch
from torch import Tensor

from anyglot.decoding.protocols import Hypothesis, LengthRule, Prompt, StepModel
from anyglot.decoding.selection import candidates


@torch.no_grad()
def greedy_search(
    model: StepModel,
    source: Tensor,
    source_mask: Tensor,
    prompt: Prompt,
    *,
    length: LengthRule | None = None,
    length_penalty: float = 1.0,
) -> list[Hypothesis]:
    """Translate a batch by taking the most probable token at each step; equal to a beam search with one beam.

    Finished sentences leave the batch. Among equally probable tokens the lowest wins.

    Args:
        model: What predicts the next token.
        source: Source tokens, padded on the right.
        source_mask: True where a source position may be attended to.
        prompt: Start, end and forbidden tokens.
        length: Limits of the output; `LengthRule()` if None.
        length_penalty: Changes the reported score only.

    Shape:
        source: (B, S)    source_mask: (B, S)    returns: B hypotheses, in the order of the sentences
    """
    length = length or LengthRule()
    sentences = torch.arange(len(source), device=source.device)
    limits = length.limits(source_mask)
    total = torch.zeros(len(source), device=source.device)
    history = torch.empty((len(source), 0), dtype=torch.int64, device=source.device)
    results: list[Hypothesis | None] = [None] * len(source)
    if not len(source):
        return []
    state = model.start(source, source_mask, 1)
    for token in prompt.start[:-1]:
        model.step(source.new_full((len(source),), token), state)
    tokens = source.new_full((len(source),), prompt.start[-1])
    while len(sentences):
        generated = history.shape[1]
        at_limit = generated >= limits
        scores, best = candidates(
            model.step(tokens, state), 1, prompt, may_end=generated >= length.minimum, must_end=at_limit
        )
        total, tokens = total + scores[:, 0], best[:, 0]
        ended = tokens == prompt.end
        if bool(ended.any()):
            for place in ended.nonzero()[:, 0].tolist():
                log_probability = float(total[place])
                results[int(sentences[place])] = Hypothesis(
                    tokens=history[place].tolist(),
                    score=log_probability / (generated + 1) ** length_penalty,
                    log_probability=log_probability,
                    cut=bool(at_limit[place]),
                )
            kept = (~ended).nonzero()[:, 0]
            sentences, limits, total = sentences[kept], limits[kept], total[kept]
            tokens, history = tokens[kept], history[kept]
            if len(kept):
                model.reorder(state, kept)
        history = torch.cat([history, tokens[:, None]], dim=1)
    return [result for result in results if result is not None]
