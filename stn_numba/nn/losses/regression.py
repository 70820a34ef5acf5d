"""Losses of measurements: mean squared error and the Huber loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arguments import as_real
from stn_numba.nn.arrays import Floats, Size
from stn_numba.nn.losses.base import Loss, Targets, expect_target_numbers
from stn_numba.nn.losses.per_image import weighted_mean

__all__ = ["Huber", "MeanSquaredError"]


class _Regression(Loss):
    """Compares outputs with measurements; the error of an image is its mean absolute difference."""

    def check_targets(self, targets: Any, count: int, output_shape: Size, *, name: str = "y") -> Targets:
        """Return targets (count, *output_shape), after checks; (count,) will do if an output is one number."""
        return expect_target_numbers(targets, count, output_shape, name)

    def errors(self, outputs: Floats, targets: Targets) -> NDArray[Any]:
        """Return the mean absolute difference of each image."""
        difference = np.abs(outputs - targets)
        errors: NDArray[Any] = difference.reshape(len(difference), -1).mean(axis=1)
        return errors


class MeanSquaredError(_Regression):
    """Mean of the squared differences between outputs and targets, over outputs and images.

    Examples
    --------
    >>> MeanSquaredError()(np.array([[2.0, 0.0]]), np.array([[0.0, 0.0]]))
    (2.0, array([[2., 0.]]))
    """

    def __call__(self, outputs: Floats, targets: Targets, sample_weight: Floats | None = None) -> tuple[float, Floats]:
        """Return the mean loss over the batch and its gradient."""
        difference = outputs - targets.astype(outputs.dtype, copy=False)
        return weighted_mean(difference**2, 2 * difference, sample_weight)


class Huber(_Regression):
    """Half the squared difference where it is small, growing linearly where it is large, so that outliers count less.

    Parameters
    ----------
    delta : float, default 1.0
        Difference from which on the loss is linear, above 0 (Huber, 1964).

    Raises
    ------
    TypeError, ValueError
        If `delta` does not fit.

    Examples
    --------
    >>> Huber()(np.array([[0.5, 3.0]]), np.zeros((1, 2)))
    (1.3125, array([[0.25, 0.5 ]]))
    """

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = as_real(delta, "delta", "(0, inf)")

    def __call__(self, outputs: Floats, targets: Targets, sample_weight: Floats | None = None) -> tuple[float, Floats]:
        """Return the mean loss over the batch and its gradient."""
        difference = outputs - targets.astype(outputs.dtype, copy=False)
        slope = np.clip(difference, -self.delta, self.delta)
        return weighted_mean(slope * (difference - 0.5 * slope), slope, sample_weight)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON can hold them."""
        return {"delta": self.delta}
