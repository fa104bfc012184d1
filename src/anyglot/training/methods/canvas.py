"""What the methods that write on a canvas have in common: targets as CTC sees them, and their likelihood."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.errors import UserError
from anyglot.models.config import CanvasConfig
from anyglot.nn.heads import OutputProjection
from anyglot.nn.losses.ctc import Ctc, ctc_likelihood

# After so many batches it is no accident that not one target fits its canvas.
MANY = 16
# A batch with more blanks among its targets than this, in number and share, is no accident either.
ENOUGH, LOST_SHARE = 4, 0.01


def ctc_labels(target_output: Tensor, target_mask: Tensor, canvas: CanvasConfig) -> tuple[Tensor, Tensor]:
    """The labels of each sentence and how many they are.

    `y </s>` becomes `<s> y </s>` with `canvas.frame`, else y. A blank among the tokens is left out: CTC cannot write
    it as a label (over XLM-R it is a bare word boundary, as in front of a Chinese sentence).

    Shape:
        target_output: (B, T) int64    target_mask: (B, T) bool    returns: labels (B, U) int64, padded with the end
            token, and (B,) int64
    """
    labels, kept = target_output, target_mask & (target_output != canvas.blank_id)
    if canvas.frame:
        labels, kept = functional.pad(labels, (1, 0), value=canvas.begin_id), functional.pad(kept, (1, 0), value=True)
    else:
        kept = kept & functional.pad(target_mask[:, 1:], (0, 1))  # without the end token
    order = torch.argsort((~kept).to(torch.uint8), dim=1, stable=True)
    lengths = kept.sum(dim=1)
    labels = labels.gather(1, order)
    real = torch.arange(labels.shape[1], device=labels.device) < lengths[:, None]
    return torch.where(real, labels, canvas.end_id), lengths


def canvas_likelihood(
    output: OutputProjection, hidden: Tensor, mask: Tensor, labels: tuple[Tensor, Tensor], blank_id: int
) -> Ctc:
    """Likelihood of labels, as `ctc_labels` gives them, on a canvas.

    Args:
        blank_id: CTC's blank, as an id of the table.

    Shape:
        hidden: (R, D), in front of the output at the real positions    mask: (B, T) bool, those positions
    """
    ids, lengths = labels
    blank = output.targets(torch.tensor(blank_id, device=ids.device))
    weight, bias = output.matrix()
    return ctc_likelihood(hidden, mask.sum(dim=1), weight, bias, output.targets(ids), lengths, int(blank))


class CanvasWatch:
    """Looks at the batches that a method is trained on, and stops where nothing can be learnt.

    Sentences of a batch are of like length, so that not one of a few short ones fits is no rare thing; that none of
    many batches in a row has one that fits is.
    """

    def __init__(self, factor: int) -> None:
        self.factor = factor
        self.in_vain = 0

    def see(self, feasible: Tensor) -> None:
        """Take note of a batch: which of its targets fit their canvas, (B,) bool.

        Raises:
            UserError: No target of the last `MANY` batches fitted.
        """
        self.in_vain = 0 if bool(feasible.any()) else self.in_vain + 1
        if self.in_vain >= MANY:
            raise UserError(
                f"not one target of the last {MANY} batches fits its canvas of {self.factor} positions a source token: "
                "raise method.canvas_factor."
            )


def warn_of_lost_words(target_output: Tensor, target_mask: Tensor, blank_id: int) -> None:
    """Tell once if targets hold the blank within sentences, where leaving it out joins two words.

    Over XLM-R's 250,002 pieces the bare word boundary hardly occurs; a small vocabulary may write every tenth word
    with it. In front of a sentence it does no harm.

    Warns:
        UserWarning: More than a hundredth of the tokens are lost.

    Shape:
        target_output: (B, T) int64    target_mask: (B, T) bool
    """
    lost = int(((target_output == blank_id) & target_mask)[:, 1:].sum())
    tokens = int(target_mask.sum())
    if lost > ENOUGH and lost / tokens > LOST_SHARE:
        warnings.warn(
            f"{lost / tokens:.1%} of the target tokens of a batch are the blank itself, which CTC cannot write, so "
            "words lose their spaces: set method.blank to a piece that text does not need, such as <unk>.",
            UserWarning,
            stacklevel=2,
        )


def piece_id(tokenizer: Any, piece: str) -> int:
    """Id of a piece of the vocabulary.

    Raises:
        UserError: There is no such piece.
    """
    found: int | None = tokenizer.id_of(piece)
    if found is None:
        raise UserError(
            f"the tokenizer has no piece '{piece}' to be the blank: set method.blank to one that text hardly needs."
        )
    return found
