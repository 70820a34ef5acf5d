"""Translations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import MatrixTransform
from stn_transforms.axes import AxesOption

__all__ = ["Translation"]


class Translation(AxesOption, MatrixTransform):
    """Shifts of the image.

    With theta = (t_x, t_y) the output position (x, y) reads the input position

        x_in = x + t_x
        y_in = y + t_y

    in normalized coordinates. So the content moves to the left for t_x > 0, and up for t_y > 0. A shift of one pixel of the
    input is 2 / (W - 1) in x with ``align_corners=True``, and 2 / W with ``align_corners=False``; in y likewise with H.
    In volumes theta is (t_x, t_y, t_z).

    Parameters
    ----------
    ndim : int, default 2
        Axes of the image: 2, or 3 for volumes.

    Raises
    ------
    ValueError
        If `ndim` is neither 2 nor 3.

    Examples
    --------
    >>> from stn_numba import warp
    >>> warp(np.array([[1.0, 2.0, 3.0]]), [1, 0], "translation").tolist()
    [[2.0, 3.0, 0.0]]
    """

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """2, or 3 in volumes."""
        return self.ndim

    def identity(self) -> NDArray[np.float64]:
        """Return (0, 0)."""
        return np.zeros(self.ndim)

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return matrices with theta in the last column, and their backprop."""
        axes = self.ndim
        matrix = np.tile(np.eye(axes + 1, dtype=theta.dtype), (len(theta), 1, 1))
        matrix[:, :axes, axes] = theta
        return matrix, lambda d_matrix: d_matrix[:, :axes, axes]
