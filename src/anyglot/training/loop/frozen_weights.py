"""What no stage trains is left out of checkpoints: it is built again, and known again by its hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyglot.errors import UserError
from anyglot.models.pretrained.run_checkpoints import frozen_weights_key, key_of_left_out, left_out
from anyglot.training.loop.freezing import trained_names

if TYPE_CHECKING:
    from torch import nn

    from anyglot.training.methods.base import Stage


@dataclass(frozen=True)
class FrozenWeights:
    """Parameters that are at the end of a run what they were at its beginning.

    Args:
        names: Of the parameters.
        key: Hash of their values; empty where there are none.
    """

    names: frozenset[str]
    key: str

    @classmethod
    def of(cls, model: nn.Module, stages: Sequence[Stage], prepared: frozenset[str] = frozenset()) -> FrozenWeights:
        """Those of a model that none of these stages trains, and that were not `prepared` either."""
        named = dict(model.named_parameters())
        names = frozenset(named).difference(prepared, *(trained_names(named, stage) for stage in stages))
        key = frozen_weights_key({name: named[name] for name in names}) if names else ""
        return cls(names, key)

    def document(self) -> dict[str, Any]:
        """As a checkpoint tells it."""
        return {"key": self.key, "names": sorted(self.names)}

    def missing_in(self, checkpoint: Path, run: Path) -> frozenset[str]:
        """The names a checkpoint leaves out, to be taken from the fresh model.

        Raises:
            UserError: The fresh model's values are not those it was trained beside.
        """
        names = left_out(checkpoint)
        if names and key_of_left_out(checkpoint) != self.key:
            raise UserError(
                f"{run} was trained over other frozen weights than its recipe's start has now: put back the model it "
                "was started from, or train into another folder."
            )
        return names
