"""Some rows of a vocabulary, and the way between their numbers and the vocabulary's."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class VocabularySubset(nn.Module):
    """The rows of a table that an output still has: ids in the full table <-> places among the kept rows.

    Ids ascend, so of two kept rows the one with the lower id also has the lower place: whoever breaks ties by the lower
    number breaks them alike in both numberings.

    Args:
        ids: Kept ids, ascending, each once.
        full_size: Rows of the full table, V.
        unknown: A kept id that `compact` gives every other id the place of; None: the others have no place.

    Shape:
        ids: (C,) int64

    Raises:
        ValueError: The ids do not ascend or lie outside the table, or `unknown` is not among them.
    """

    def __init__(self, ids: Tensor, full_size: int, *, unknown: int | None = None) -> None:
        super().__init__()
        ids = ids.to(torch.int64)
        if (
            ids.ndim != 1
            or not len(ids)
            or int(ids[0]) < 0
            or int(ids[-1]) >= full_size
            or bool((ids.diff() <= 0).any())
        ):
            raise ValueError(f"kept rows must be ascending ids within 0..{full_size - 1}.")
        places = torch.full((full_size,), -1, dtype=torch.int64, device=ids.device)
        places[ids] = torch.arange(len(ids), device=ids.device)
        if unknown is not None:
            if not 0 <= unknown < full_size or int(places[unknown]) < 0:
                raise ValueError(f"token {unknown} stands for what is not kept, but is not kept itself.")
            places[places < 0] = places[unknown].clone()
        self.register_buffer("ids", ids)
        self.register_buffer("places", places, persistent=False)
        self.ids: Tensor
        self.places: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id: int) -> bool:
        return bool((self.ids == id).any())

    @property
    def full_size(self) -> int:
        """Rows of the full table, V."""
        return len(self.places)

    def full(self, places: Tensor) -> Tensor:
        """Places among the kept rows -> ids in the full table; any shape, int64."""
        return self.ids[places]

    def compact(self, ids: Tensor) -> Tensor:
        """Ids in the full table -> places among the kept rows; any shape, int64.

        Raises:
            ValueError: An id is not kept. On an accelerator, where looking would wait for it, -1 comes back instead.
        """
        places = self.places[ids]
        if not places.is_cuda and bool((places < 0).any()):
            raise ValueError(f"token {int(ids[places < 0][0])} is not among the {len(self)} rows the output has.")
        return places

    def spread(self, logits: Tensor) -> Tensor:
        """Logits of the kept rows -> logits of all rows, minus infinity where none is kept: (..., C) -> (..., V)."""
        full = logits.new_full((*logits.shape[:-1], self.full_size), -torch.inf)
        return full.index_copy_(-1, self.ids, logits)
