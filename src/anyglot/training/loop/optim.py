"""Optimizers and learning-rate laws. A schedule is a pure function of the update, so resuming needs no state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from anyglot.errors import UserError

if TYPE_CHECKING:
    import torch

    from anyglot.training.loop.options import StageOptions

Schedule = Callable[[int], float]


def build_schedule(options: StageOptions) -> Schedule:
    """The learning rate of update 1, 2, ... under the stage's options.

    Warm-up rises linearly from `initial_learning_rate` (at 0) to `learning_rate` (at `warmup_updates`); then the law
    takes over.
    """
    decay = {
        "inverse_sqrt": _inverse_sqrt,
        "linear": _polynomial,
        "polynomial": _polynomial,
        "constant": _constant,
    }[options.schedule]

    def rate(update: int) -> float:
        if update < options.warmup_updates:
            climbed = update / options.warmup_updates
            return options.initial_learning_rate + climbed * (options.learning_rate - options.initial_learning_rate)
        return decay(update, options)

    return rate


def _inverse_sqrt(update: int, options: StageOptions) -> float:
    """peak * sqrt(warmup / update): the law of fairseq, which SixT+ trains with (method card 1.3 and 1.4)."""
    reference = max(options.warmup_updates, 1)
    return float(options.learning_rate * (reference / max(update, reference)) ** 0.5)


def _polynomial(update: int, options: StageOptions) -> float:
    """From the peak to `final_learning_rate` at the last update; the linear schedule is power 1."""
    power = options.power if options.schedule == "polynomial" else 1.0
    length = max(options.updates - options.warmup_updates, 1)
    left = max(1.0 - (update - options.warmup_updates) / length, 0.0)
    return float(options.final_learning_rate + (options.learning_rate - options.final_learning_rate) * left**power)


def _constant(update: int, options: StageOptions) -> float:
    return options.learning_rate


def build_optimizer(
    parameters: Iterable[tuple[str, torch.nn.Parameter]], options: StageOptions
) -> torch.optim.Optimizer:
    """Adam or AdamW over the parameters that move; torch's fused kernel where every parameter allows it.

    Norm gains and biases are decayed like all else, as fairseq does; the papers decay nothing. Parameters with one
    factor on their rate (`options.rates`) are one group.

    Args:
        parameters: With their names, of which each has one.

    Raises:
        UserError: A pattern of `options.rates` is the factor of no parameter that moves.
    """
    import torch

    chosen = [(name, parameter) for name, parameter in parameters if parameter.requires_grad]
    factors = rate_factors([name for name, _ in chosen], options.rates)
    groups = [
        {"params": [parameter for name, parameter in chosen if factors[name] == factor], "factor": factor}
        for factor in dict.fromkeys(factors.values())
    ]
    kind = torch.optim.Adam if options.optimizer == "adam" else torch.optim.AdamW
    fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for _, p in chosen)
    return kind(
        groups,
        lr=options.learning_rate,
        betas=options.betas,
        eps=options.epsilon,
        weight_decay=options.weight_decay,
        fused=fused,
    )


def rate_factors(names: Iterable[str], rates: Mapping[str, float]) -> dict[str, float]:
    """Name -> the factor on its learning rate: that of the first pattern (as in fnmatch) it fits, else 1.

    Raises:
        UserError: A pattern is the first of no name.
    """
    found, idle = {}, dict.fromkeys(rates)
    for name in names:
        pattern = next((pattern for pattern in rates if fnmatchcase(name, pattern)), None)
        found[name] = 1.0 if pattern is None else rates[pattern]
        if pattern is not None:
            idle.pop(pattern, None)
    for pattern in idle:
        examples = ", ".join(list(found)[:3])
        raise UserError(
            f"rates has a factor for '{pattern}', but the stage trains no parameter of such a name that an earlier "
            f"pattern does not take; names look like {examples}."
        )
    return found


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the rate of this update, times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)
