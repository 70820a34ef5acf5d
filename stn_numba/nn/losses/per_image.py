"""Means of losses over a batch."""

from __future__ import annotations

import numpy as np

from stn_numba.nn.arrays import Floats

__all__ = ["weighted_mean"]


def weighted_mean(losses: Floats, slopes: Floats, sample_weight: Floats | None) -> tuple[float, Floats]:
    """Return the mean over images and outputs of losses (N, ...), and its gradient, given the slope of each loss.

    Images count `sample_weight` times. The gradient has the dtype of the losses.

    Examples
    --------
    >>> weighted_mean(np.ones((2, 1)), np.ones((2, 1)), np.array([3.0, 0.0]))
    (1.5, array([[1.5],
           [0. ]]))
    """
    weights = np.full(losses.shape[:1] + (1,) * (losses.ndim - 1), 1 / max(losses.size, 1))
    if sample_weight is not None:
        weights = weights * sample_weight.reshape(weights.shape)
    return float(np.sum(weights * losses)), (weights * slopes).astype(losses.dtype, copy=False)
