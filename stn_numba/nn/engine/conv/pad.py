"""Zero padding of rows and columns, for arrays (N, H, W, ...)."""

from __future__ import annotations

import numpy as np

from stn_numba.nn.arrays import Floats
from stn_numba.nn.engine import buffers

__all__ = ["cropped", "padded"]


def padded(x: Floats, p: int) -> Floats:
    """Return x with p rows and columns of zeros on each side, contiguous."""
    if not p:
        return np.ascontiguousarray(x)
    N, H, W, *rest = x.shape
    result = buffers.empty((N, H + 2 * p, W + 2 * p, *rest), x.dtype)
    result.fill(0)
    result[:, p : p + H, p : p + W] = x
    return result


def cropped(x: Floats, p: int) -> Floats:
    """Return x without p rows and columns on each side, contiguous."""
    return np.ascontiguousarray(x[:, p : x.shape[1] - p, p : x.shape[2] - p]) if p else x
