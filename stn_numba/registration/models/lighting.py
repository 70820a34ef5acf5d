"""Robust measures: pixels with a large residual count less, or not at all.

Residuals are compared with their scale, which is estimated from their median, so that half of the pixels may be wrong (Huber,
"Robust Statistics", 1981; Holland and Welsch, 1977, for the tuning constants).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.registration import codes

__all__ = ["ROBUST", "Lighting", "robust_weights", "scale_of"]

ROBUST = {None: codes.NOT_ROBUST, "huber": codes.HUBER, "tukey": codes.TUKEY}

HUBER, TUKEY = 1.345, 4.685  # scales: 95 % efficient for a normal distribution
_MAD = 1.4826  # median absolute deviation to standard deviation, of a normal distribution
_SAMPLES = 4096  # residuals that are enough for a median


@dataclass(frozen=True)
class Lighting:
    """Gain and bias of N pairs with C channels, and the scale of their residuals, for robust weights.

    Attributes
    ----------
    robust : int
        A value of `ROBUST`, as kernels know it.
    gain, bias, scale : ndarray, (N, C)
        None without robust weights.
    """

    robust: int = 0
    gain: NDArray[np.float64] | None = None
    bias: NDArray[np.float64] | None = None
    scale: NDArray[np.float64] | None = None

    def take(self, rows: NDArray[np.intp]) -> Lighting:
        """That of some pairs."""
        if self.gain is None or self.bias is None or self.scale is None:
            return self
        return Lighting(self.robust, self.gain[rows], self.bias[rows], self.scale[rows])

    def arguments(self) -> dict[str, Any]:
        """Arguments of the kernel: a row of gain, bias and limit for each plane."""
        if self.gain is None or self.bias is None or self.scale is None:
            return {}
        limit = self.scale * (HUBER if self.robust == ROBUST["huber"] else TUKEY)
        numbers = np.stack([each.ravel() for each in (self.gain, self.bias, limit)], axis=1)
        return {"robust": self.robust, "lighting": np.ascontiguousarray(numbers)}


def scale_of(residuals: NDArray[Any]) -> NDArray[np.float64]:
    """Return the scale of residuals (N, C, M) whose NaN are outside: (N, C), never 0."""
    result = np.full(residuals.shape[:2], np.inf)
    for index in np.ndindex(*result.shape):
        inside = residuals[index][np.isfinite(residuals[index])]
        sample = np.abs(inside[:: max(1, len(inside) // _SAMPLES)])
        if len(sample):
            result[index] = max(_MAD * float(np.median(sample)), 1e-6)
    return result


def robust_weights(residuals: NDArray[Any], robust: int, scale: Any) -> NDArray[Any]:
    """Return the weights of residuals, as kernels compute them."""
    ratio = np.abs(residuals) / scale
    if robust == ROBUST["huber"]:
        return np.where(ratio <= HUBER, 1, HUBER / np.maximum(ratio, HUBER))
    return np.where(ratio < TUKEY, (1 - (ratio / TUKEY) ** 2) ** 2, 0)
