"""Functions as losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stn_numba.nn.arrays import Arrays, Floats, Size
from stn_numba.nn.losses.base import Loss, Targets

__all__ = ["FunctionLoss", "LossFunction"]

LossFunction = Callable[[Any, Any], tuple[float, Any]]


class FunctionLoss(Loss):
    """A function ``loss(outputs, targets) -> (value, d_outputs)`` as a loss, whose results are checked.

    Examples
    --------
    >>> loss = FunctionLoss(lambda outputs, targets: (float(outputs.sum()), np.ones(3)))
    >>> loss(np.zeros((3, 1)), np.zeros(3))
    Traceback (most recent call last):
    ValueError: loss: expected the gradient (3, 1), shaped as the outputs, got (3,)
    """

    def __init__(self, function: LossFunction) -> None:
        self.function = function

    def __call__(self, outputs: Any, targets: Targets, sample_weight: Floats | None = None) -> tuple[float, Any]:
        """Return what the function returns."""
        if sample_weight is not None:
            raise ValueError("sample_weight: expected None with a loss that is a function: weigh the images in the function")
        result = self.function(outputs, targets)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise TypeError(f"loss: expected (value, d_outputs), got {type(result).__name__}")
        value, gradient = result
        if np.ndim(value) or not np.isreal(value):
            raise TypeError(f"loss: expected a number as its value, got {value!r:.60}")
        return float(value), _checked_gradient(gradient, outputs)

    def check_targets(self, targets: Any, count: int, output_shape: Size | Mapping[str, Size], *, name: str = "y") -> Targets:
        """Return targets of any shape as an array, or as a dict of arrays if they are one."""
        if isinstance(targets, Mapping):
            return {key: super(FunctionLoss, self).check_targets(value, count, (), name=f"{name}[{key!r}]")
                    for key, value in targets.items()}  # fmt: skip
        return super().check_targets(targets, count, (), name=name)

    def __repr__(self) -> str:
        return getattr(self.function, "__qualname__", type(self.function).__name__)


def _checked_gradient(gradient: Any, outputs: Floats | Arrays) -> Any:
    if isinstance(outputs, dict):
        if not isinstance(gradient, Mapping) or set(gradient) != set(outputs):
            raise ValueError(f"loss: expected a dict with the gradients by {', '.join(outputs)}, got {gradient!r:.60}")
        return {name: _checked_gradient(gradient[name], output) for name, output in outputs.items()}
    if np.shape(gradient) != outputs.shape:
        raise ValueError(f"loss: expected the gradient {outputs.shape}, shaped as the outputs, got {np.shape(gradient)}")
    return np.asarray(gradient, outputs.dtype)
