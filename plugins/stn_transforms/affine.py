"""The affine transform (equation 1 of arXiv 1506.02025)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import MatrixTransform

__all__ = ["Affine"]


class Affine(MatrixTransform):
    """Affine maps: translation, rotation, scaling, shear, reflection.

    With theta = (a, b, t_x, c, d, t_y) the output position (x, y) reads the input position

        x_in = a x + b y + t_x
        y_in = c x + d y + t_y

    in normalized coordinates.

    Examples
    --------
    >>> Affine().apply([[2, 0, 0.5, 0, 2, 0]], [[0.25, 0.25]]).tolist()
    [[[1.0, 0.5]]]
    """

    n_params = 6

    def identity(self) -> NDArray[np.float64]:
        """Return (1, 0, 0, 0, 1, 0)."""
        return np.array([1.0, 0, 0, 0, 1, 0])

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return matrices with theta in the first two rows, and their backprop."""
        matrix = np.zeros((len(theta), 3, 3), theta.dtype)
        matrix[:, :2] = theta.reshape(-1, 2, 3)
        matrix[:, 2, 2] = 1
        return matrix, lambda d_matrix: d_matrix[:, :2].reshape(-1, 6)
