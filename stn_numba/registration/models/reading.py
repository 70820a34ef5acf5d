"""Values, gradients and sums for transforms without a matrix, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_with_gradient", "row_sums"]

Array = NDArray[Any]


def read_with_gradient(
    moving: Array, positions: Array, size: tuple[int, int], *, cubic: bool = False
) -> tuple[Array, Array, Array]:
    """Return values, NaN outside, and both gradients (h, w) of an image at positions (h, w, 2) in its pixels."""
    h, w = size
    x, y = positions[..., 0], positions[..., 1]
    with np.errstate(invalid="ignore"):
        inside = (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    left, top = np.minimum(x.astype(int), max(w - 2, 0)), np.minimum(y.astype(int), max(h - 2, 0))
    weigh = _cubic if cubic else _linear
    (across, d_across), (down, d_down) = weigh(x - left), weigh(y - top)
    value = slope_x = slope_y = np.zeros(x.shape)
    for j in range(len(down)):
        row = np.minimum(top + j, moving.shape[0] - 1)
        for i in range(len(across)):
            tap = moving[row, np.minimum(left + i, moving.shape[1] - 1)]
            value = value + down[j] * across[i] * tap
            slope_x = slope_x + down[j] * d_across[i] * tap
            slope_y = slope_y + d_down[j] * across[i] * tap
    return np.where(inside, value, np.nan), np.where(inside, slope_x, 0.0), np.where(inside, slope_y, 0.0)


def _linear(f: Array) -> tuple[list[Array], list[Array]]:
    return [1 - f, f], [0 * f - 1, 0 * f + 1]


def _cubic(f: Array) -> tuple[list[Array], list[Array]]:
    """Weights of the coefficients of a cubic spline, and their derivatives."""
    g = 1 - f
    return (
        [g**3 / 6, (4 - 6 * f**2 + 3 * f**3) / 6, (4 - 6 * g**2 + 3 * g**3) / 6, f**3 / 6],
        [-(g**2) / 2, (3 * f**2 - 4 * f) / 2, (4 * g - 3 * g**2) / 2, f**2 / 2],
    )


def row_sums(jacobian: Array, value: Array, slope_x: Array, slope_y: Array, fixed: Array, weight: Array) -> Array:
    """Return sums of w q q^T, q = (derivatives by theta, value, 1, fixed), for a Jacobian (P, h * w, 2) of positions."""
    derivatives = slope_x.ravel() * jacobian[..., 0] + slope_y.ravel() * jacobian[..., 1]
    rows = np.concatenate([derivatives, [value.ravel(), np.ones(value.size), fixed.ravel()]])
    result: Array = (rows * weight.ravel()) @ rows.T
    return result
