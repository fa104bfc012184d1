"""Judging a model while it trains: loss per token, and BLEU or chrF of translations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from anyglot.text.bleu_tokenizer import tokenizer_for
from anyglot.training.loop.distributed import gathered, is_sharded, summed
from anyglot.training.loop.options import ValidationOptions
from anyglot.training.loop.source_use import SourceComparison
from anyglot.training.loop.translating import TestSentences, translate

if TYPE_CHECKING:
    from accelerate import Accelerator


class Validation:
    """Measures loss over validation batches, and translations of validation sentences where asked to.

    The loss is the method's "nll" where it tells one, so that label smoothing does not blur it. Beside it stands, of
    methods that read a source, the loss with the sources of other sentences (`training/loop/source_use.py`).

    Args:
        batches: Set name -> makes an iterator over the set's batches, the same ones at every call.
        sentences: Set name -> sentences to translate; empty for methods that do not translate.
    """

    def __init__(
        self,
        batches: Mapping[str, Callable[[], Iterable[Any]]],
        options: ValidationOptions,
        *,
        tokenizer: Any = None,
        sentences: Mapping[str, TestSentences] | None = None,
    ) -> None:
        self.batches, self.options, self.tokenizer = batches, options, tokenizer
        self.sentences = sentences or {}

    def measure(self, accelerator: Accelerator, objective: nn.Module, model: nn.Module) -> dict[str, float]:
        """ "loss" over all sets and "loss.SET"; likewise "bleu" and "chrf", whose mean over sets is unweighted."""
        numbers = self._losses(accelerator, objective)
        if self.sentences:
            with gathered(objective):
                numbers.update(self._translations(accelerator, model))
        return numbers

    def _losses(self, accelerator: Accelerator, objective: nn.Module) -> dict[str, float]:
        sums: dict[str, list[float]] = {}
        comparison = SourceComparison(accelerator, wanted=self.options.shuffled_sources)
        rank, world = accelerator.process_index, accelerator.num_processes
        for name, make in self.batches.items():
            total = torch.zeros(2, dtype=torch.float64, device=accelerator.device)
            mine = torch.zeros_like(total)
            for number, batch in enumerate(make()):
                if self.options.max_batches is not None and number >= self.options.max_batches:
                    break
                other = comparison.shuffled(batch)
                # Every rank runs every forward in step (a sharded model gathers its weights in it), but counts a share.
                if world > 1 and not is_sharded(objective) and number % world != rank:
                    continue
                placed = batch.to(accelerator.device)
                with accelerator.autocast():
                    losses = objective(placed)
                    again = None if other is None else objective(other.to(accelerator.device))
                if number % world != rank:
                    continue
                mine[0] += losses.get("parts.nll", losses["total"]).double()
                mine[1] += placed.target_tokens
                if again is not None and "sentences" in losses:
                    comparison.add(losses["sentences"], again["sentences"], placed.target_mask)
            total += summed(accelerator, mine)
            sums[name] = total.tolist()
        numbers = {f"loss.{name}": value / max(tokens, 1.0) for name, (value, tokens) in sums.items()}
        overall = sum(value for value, _ in sums.values()) / max(sum(tokens for _, tokens in sums.values()), 1.0)
        return {"loss": overall, **comparison.numbers(overall), **(numbers if len(numbers) > 1 else {})}

    def _translations(self, accelerator: Accelerator, model: nn.Module) -> dict[str, float]:
        scores = torch.zeros(len(self.sentences), 2, dtype=torch.float64, device=accelerator.device)
        for row, (_, test) in enumerate(self.sentences.items()):
            if row % accelerator.num_processes == accelerator.process_index:
                with accelerator.autocast():
                    outputs = translate(model, self.tokenizer, test, self.options.beams)
                scores[row] = torch.tensor(_scores(outputs, test), dtype=torch.float64)
        scores = summed(accelerator, scores).cpu()
        bleu, chrf = scores.mean(dim=0).tolist()
        numbers = {"bleu": bleu, "chrf": chrf}
        if len(self.sentences) > 1:
            for name, (one, other) in zip(self.sentences, scores.tolist(), strict=True):
                numbers |= {f"bleu.{name}": one, f"chrf.{name}": other}
        return numbers


def _scores(outputs: Sequence[str], test: TestSentences) -> tuple[float, float]:
    import sacrebleu

    bleu = sacrebleu.corpus_bleu(list(outputs), [list(test.references)], tokenize=tokenizer_for(test.target)).score
    return bleu, sacrebleu.corpus_chrf(list(outputs), [list(test.references)]).score
