"""The affine transform (equation 1 of arXiv 1506.02025)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import MatrixTransform
from stn_transforms.axes import AxesOption

__all__ = ["Affine"]


class Affine(AxesOption, MatrixTransform):
    """Affine maps: translation, rotation, scaling, shear, reflection.

    With theta = (a, b, t_x, c, d, t_y) the output position (x, y) reads the input position

        x_in = a x + b y + t_x
        y_in = c x + d y + t_y

    in normalized coordinates. In volumes theta has the three rows of the matrix, (a, b, c, t_x, d, ...).

    Parameters
    ----------
    ndim : int, default 2
        Axes of the image: 2, or 3 for volumes, whose theta is (N, 12).

    Raises
    ------
    ValueError
        If `ndim` is neither 2 nor 3.

    Examples
    --------
    >>> Affine().apply([[2, 0, 0.5, 0, 2, 0]], [[0.25, 0.25]]).tolist()
    [[[1.0, 0.5]]]
    """

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """6, or 12 in volumes."""
        return self.ndim * (self.ndim + 1)

    def identity(self) -> NDArray[np.float64]:
        """Return (1, 0, 0, 0, 1, 0)."""
        return np.eye(self.ndim, self.ndim + 1).ravel()

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return matrices with theta in all rows but the last, and their backprop."""
        axes = self.ndim
        matrix = np.zeros((len(theta), axes + 1, axes + 1), theta.dtype)
        matrix[:, :axes] = theta.reshape(-1, axes, axes + 1)
        matrix[:, axes, axes] = 1
        return matrix, lambda d_matrix: d_matrix[:, :axes].reshape(-1, axes * (axes + 1))
