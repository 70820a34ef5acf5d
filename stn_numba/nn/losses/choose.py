"""Find the loss that is meant by a name, an object or a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stn_numba._util.arguments import as_option
from stn_numba.nn.losses.base import Loss
from stn_numba.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from stn_numba.nn.losses.cross_entropy import CrossEntropy
from stn_numba.nn.losses.function import FunctionLoss
from stn_numba.nn.losses.regression import Huber, MeanSquaredError

__all__ = ["LOSSES", "as_loss", "describe_loss", "loss_from"]

LOSSES: dict[str, Callable[..., Loss]] = {
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "mean_squared_error": MeanSquaredError,
    "huber": Huber,
}


def as_loss(given: Any, name: str = "loss") -> Loss:
    """Return the loss that a name, a `Loss` or a function stands for.

    Examples
    --------
    >>> as_loss("huber")
    Huber(delta=1.0)
    """
    if isinstance(given, Loss):
        return given
    if isinstance(given, str):
        return LOSSES[as_option(given, name, tuple(LOSSES))]()
    if isinstance(given, type):
        raise TypeError(f"{name}: expected an instance, got the class {given.__name__} itself")
    if not callable(given):
        raise TypeError(f"{name}: expected one of {', '.join(LOSSES)}, a Loss or a function, got {type(given).__name__}")
    return FunctionLoss(given)


def describe_loss(loss: Loss) -> dict[str, Any]:
    """Return a loss of this library as JSON can hold it; a ValueError if it is another."""
    for name, kind in LOSSES.items():
        if type(loss) is kind:
            return {"loss": name, **loss.config()}
    raise ValueError(f"loss: expected one of {', '.join(LOSSES)} to save a model, got {type(loss).__name__}")


def loss_from(description: Any) -> Loss:
    """Make the loss that `describe_loss` described."""
    if not isinstance(description, dict) or description.get("loss") not in LOSSES:
        raise ValueError(f"loss: expected a description of one of {', '.join(LOSSES)}, got {description!r:.80}")
    return LOSSES[description["loss"]](**{key: value for key, value in description.items() if key != "loss"})
