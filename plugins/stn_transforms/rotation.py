"""Rotations about the center of the image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import MatrixTransform
from stn_transforms.aspect import AspectAware, turn

__all__ = ["Rotation"]


class Rotation(AspectAware, MatrixTransform):
    """Rotations about the center of the image, without shear on images that are not square.

    With theta = (angle,) in radians and the aspect a = W / H of the input, the output position (x, y) reads the input position

        x_in = cos(angle) x - sin(angle) y / a
        y_in = sin(angle) x a + cos(angle) y

    in normalized coordinates. A positive angle turns the content counterclockwise, as `numpy.rot90`, Pillow's
    ``Image.rotate`` and `scipy.ndimage.rotate` do.

    Parameters
    ----------
    aspect : float, optional
        Width of the input over its height: W / H with ``align_corners=False``, and (W - 1) / (H - 1) with
        ``align_corners=True``. By default that of the image that is warped, see `for_image`; a transform that is used on its
        own, without an image, counts it as 1.

    Raises
    ------
    ValueError
        If `aspect` is not a number from 0.00001 to 100,000.

    Examples
    --------
    >>> from stn_numba import warp
    >>> warp(np.array([[1.0, 2.0], [3.0, 4.0]]), [np.pi / 2], "rotation").round(9).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """

    n_params = 1

    def identity(self) -> NDArray[np.float64]:
        """Return (0,)."""
        return np.zeros(1)

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return the matrices of rotations, and their backprop."""
        scale, shift = np.ones(len(theta), theta.dtype), np.zeros((len(theta), 2), theta.dtype)
        matrix, pull_back = turn(theta[:, 0], scale, shift, self._aspect_or_square)
        return matrix, lambda d_matrix: pull_back(d_matrix)[0][:, None]
