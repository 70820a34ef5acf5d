"""The projective transform (homography)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import MatrixTransform

__all__ = ["Projective"]


class Projective(MatrixTransform):
    """Homographies: how planes seen by a camera map to each other.

    With theta = (h00, h01, h02, h10, h11, h12, h20, h21) the output position (x, y) reads the input position

        x_in = (h00 x + h01 y + h02) / z
        y_in = (h10 x + h11 y + h12) / z
        z = h20 x + h21 y + 1

    in normalized coordinates. A point with z <= 0 lies at or behind the horizon: it is mapped to NaN, which reads as outside
    with every padding and has no gradient.

    Examples
    --------
    >>> Projective().apply([[1, 0, 0, 0, 1, 0, 1, 0]], [[1.0, 0.0], [-1.0, 0.0]]).tolist()
    [[[0.5, 0.0], [nan, nan]]]
    """

    n_params = 8

    def identity(self) -> NDArray[np.float64]:
        """Return (1, 0, 0, 0, 1, 0, 0, 0)."""
        return np.array([1.0, 0, 0, 0, 1, 0, 0, 0])

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return matrices with theta row by row and h22 = 1, and their backprop."""
        ones = np.ones((len(theta), 1), theta.dtype)
        matrix = np.concatenate([theta, ones], axis=1).reshape(-1, 3, 3)
        return matrix, lambda d_matrix: d_matrix.reshape(-1, 9)[:, :8]
