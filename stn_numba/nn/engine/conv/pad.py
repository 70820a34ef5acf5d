"""Zero padding of rows and columns, for arrays (N, H, W, ...)."""

from __future__ import annotations

import numpy as np

from stn_numba.nn.arrays import Floats
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.conv.spec import Sides

__all__ = ["cropped", "padded"]


def padded(x: Floats, padding: int | Sides) -> Floats:
    """Return x with rows and columns of zeros around it, as many on each side or different numbers, contiguous."""
    if not padding:
        return np.ascontiguousarray(x)
    (top, bottom), (left, right) = _sides(padding)
    N, H, W, *rest = x.shape
    result = buffers.empty((N, top + H + bottom, left + W + right, *rest), x.dtype)
    result.fill(0)
    result[:, top : top + H, left : left + W] = x
    return result


def cropped(x: Floats, padding: int | Sides) -> Floats:
    """Return x without the rows and columns that `padded` added, contiguous."""
    if not padding:
        return x
    (top, bottom), (left, right) = _sides(padding)
    return np.ascontiguousarray(x[:, top : x.shape[1] - bottom, left : x.shape[2] - right])


def _sides(padding: int | Sides) -> Sides:
    return padding if isinstance(padding, tuple) else ((padding, padding), (padding, padding))
