"""Translations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import MatrixTransform

__all__ = ["Translation"]


class Translation(MatrixTransform):
    """Shifts of the image.

    With theta = (t_x, t_y) the output position (x, y) reads the input position

        x_in = x + t_x
        y_in = y + t_y

    in normalized coordinates. So the content moves to the left for t_x > 0, and up for t_y > 0. A shift of one pixel of the
    input is 2 / (W - 1) in x with ``align_corners=True``, and 2 / W with ``align_corners=False``; in y likewise with H.

    Examples
    --------
    >>> from stn_numba import warp
    >>> warp(np.array([[1.0, 2.0, 3.0]]), [1, 0], "translation").tolist()
    [[2.0, 3.0, 0.0]]
    """

    n_params = 2

    def identity(self) -> NDArray[np.float64]:
        """Return (0, 0)."""
        return np.zeros(2)

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return matrices with theta in the last column, and their backprop."""
        matrix = np.tile(np.eye(3, dtype=theta.dtype), (len(theta), 1, 1))
        matrix[:, :2, 2] = theta
        return matrix, lambda d_matrix: d_matrix[:, :2, 2]
