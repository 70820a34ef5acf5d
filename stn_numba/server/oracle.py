"""Equations 5, 6 and 7 of arXiv 1506.02025 in plain NumPy, as a matrix: slow, obvious, and independent of the kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.interpolation import KERNELS

__all__ = ["reading_matrix", "slope_matrix"]

Array = NDArray[np.float64]
Weight = Callable[[Array], Array]


def reading_matrix(points: Array, shape: tuple[int, int], kernel: str) -> Array:
    """(M, H * W): what each of M positions (x, y), normalised, reads of each pixel; zeros outside."""
    return _product(points, shape, _weight(kernel), _weight(kernel))


def slope_matrix(points: Array, shape: tuple[int, int], axis: int) -> Array:
    """Derivative of the bilinear `reading_matrix` by x (`axis` 0) or y (1) of each position."""
    tent = _weight("bilinear")
    scale = (shape[1 - axis] - 1) / 2
    return scale * _product(points, shape, *((_tent_slope, tent) if axis == 0 else (tent, _tent_slope)))


def _product(points: Array, shape: tuple[int, int], along_x: Weight, along_y: Weight) -> Array:
    H, W = shape
    x, y = (points[:, 0] + 1) / 2 * (W - 1), (points[:, 1] + 1) / 2 * (H - 1)
    across, down = along_x(x[:, None] - np.arange(W)), along_y(y[:, None] - np.arange(H))
    product: Array = (down[:, :, None] * across[:, None, :]).reshape(len(points), H * W)
    return product


def _weight(kernel: str) -> Weight:
    if kernel == "nearest":
        return lambda d: (np.abs(d) < 0.5).astype(np.float64)
    if kernel == "bilinear":
        return lambda d: np.maximum(0, 1 - np.abs(d))
    return KERNELS[kernel]()


def _tent_slope(d: Array) -> Array:
    return np.where(np.abs(d) < 1, -np.sign(d), 0.0)
