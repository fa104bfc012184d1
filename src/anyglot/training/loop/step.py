"""One update: forward, backward, clip, step. The place where a gradient is made equal to that of one big batch."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from anyglot.errors import UserError
from anyglot.training.loop.distributed import gradients_kept_local, summed
from anyglot.training.loop.objective import row_count, split_batch
from anyglot.training.loop.optim import set_learning_rate

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.optimizer import AcceleratedOptimizer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What an update did.

    Args:
        sums: Loss and parts summed over the target tokens of all ranks: "total", "parts.*".
        tokens: Those target tokens.
        gradient_norm: Before clipping.
        applied: False if loss or gradient was not finite, and the weights are as before.
        overflow: Not applied because of half precision's range only; the scale was lowered.
    """

    sums: dict[str, float]
    tokens: int
    gradient_norm: float
    applied: bool
    overflow: bool = False


class Step:
    """Applies updates to one stage's wrapped objective.

    Args:
        clip_norm: Largest gradient norm, or None.
    """

    def __init__(
        self, accelerator: Accelerator, objective: nn.Module, optimizer: AcceleratedOptimizer, clip_norm: float | None
    ) -> None:
        self.accelerator, self.objective, self.optimizer, self.clip_norm = accelerator, objective, optimizer, clip_norm
        self.parameters = [p for p in objective.parameters() if p.requires_grad]
        self.pieces = 1  # into how many parts a micro-batch is cut, raised when memory runs out

    def __call__(self, batches: list[Any], rate: float) -> Outcome:
        """One update over this rank's micro-batches at learning rate `rate`."""
        device = self.accelerator.device
        batches = [batch.to(device) for batch in batches]
        # All target tokens of the update are counted before the first backward: dividing each micro-batch by its own
        # count, as is often done, weighs tokens of short batches more and changes the gradient.
        counted = torch.tensor([sum(batch.target_tokens for batch in batches)], device=device)
        tokens = int(summed(self.accelerator, counted).item())
        while True:
            try:
                sums = self._accumulate(batches, self.accelerator.num_processes / max(tokens, 1))
                break
            except torch.OutOfMemoryError:
                self._cut_smaller(batches)
        return self._apply(sums, tokens, rate)

    def _accumulate(self, batches: list[Any], scale: float) -> dict[str, Tensor]:
        self.optimizer.zero_grad()
        parts = [part for batch in batches for part in split_batch(batch, self.pieces)] if self.pieces > 1 else batches
        sums: dict[str, Tensor] = {}
        for index, part in enumerate(parts):
            with gradients_kept_local(self.objective, local=index < len(parts) - 1):
                with self.accelerator.autocast():
                    losses = self.objective(part)
                # DDP and FSDP2 average over ranks; times the number of ranks, that is the sum.
                self.accelerator.backward(losses["total"] * scale)
            for name, value in losses.items():
                value = value.detach().float()
                sums[name] = sums[name] + value if name in sums else value
        return sums

    def _apply(self, sums: dict[str, Tensor], tokens: int, rate: float) -> Outcome:
        self.accelerator.unscale_gradients(self.optimizer)
        norm = nn.utils.get_total_norm([p.grad for p in self.parameters if p.grad is not None])
        norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        names = sorted(sums)
        stacked = summed(self.accelerator, torch.stack([sums[name] for name in names]))
        *values, gradient_norm = torch.cat([stacked, norm.float().reshape(1).to(stacked.device)]).tolist()
        numbers = dict(zip(names, values, strict=True))
        finite = math.isfinite(numbers["total"]) and math.isfinite(gradient_norm)
        scaler = self.accelerator.scaler
        overflow = not finite and math.isfinite(numbers["total"]) and scaler is not None and scaler.get_scale() > 1
        if finite and self.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, self.clip_norm, norm)
        if finite or scaler is not None:  # the scaler itself passes over what is not finite, and lowers its scale
            set_learning_rate(self.optimizer.optimizer, rate)
            self.optimizer.step()
        self.optimizer.zero_grad()
        return Outcome(numbers, tokens, gradient_norm, applied=finite, overflow=overflow)

    def _cut_smaller(self, batches: list[Any]) -> None:
        """Cut micro-batches in halves from now on; the update begins anew, for its gradients are half done."""
        largest = max(row_count(batch) for batch in batches)
        if self.accelerator.num_processes > 1 or self.pieces >= largest:
            # Other ranks wait inside this update's exchange and cannot be told to begin it anew.
            raise UserError(
                f"The accelerator's memory is too small for a micro-batch of {largest} sentences; "
                "lower data.batch_tokens and raise the stage's accumulation by the same factor."
            )
        self.pieces *= 2
        self.optimizer.zero_grad()
        torch.cuda.empty_cache()
        logger.warning("out of memory: micro-batches are cut into %d from now on", self.pieces)
