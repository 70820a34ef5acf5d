"""The affine transform (equation 1 of arXiv 1506.02025)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import MatrixTransform

__all__ = ["Affine"]


class Affine(MatrixTransform):
    """x_in = a x + b y + t_x, y_in = c x + d y + t_y, with theta = (a, b, t_x, c, d, t_y).

    Examples
    --------
    >>> Affine().apply([[2, 0, 0.5, 0, 2, 0]], [[0.25, 0.25]]).tolist()
    [[[1.0, 0.5]]]
    """

    n_params = 6

    def identity(self) -> NDArray[np.float64]:
        """(1, 0, 0, 0, 1, 0)."""
        return np.array([1.0, 0, 0, 0, 1, 0])

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Theta as the first two rows of the matrix."""
        matrix = np.zeros((len(theta), 3, 3), theta.dtype)
        matrix[:, :2] = theta.reshape(-1, 2, 3)
        matrix[:, 2, 2] = 1
        return matrix, lambda d_matrix: d_matrix[:, :2].reshape(-1, 6)
