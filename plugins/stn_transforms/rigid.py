"""Rigid motions: rotation and shift."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import MatrixTransform
from stn_transforms.aspect import VolumeAspectAware, turn
from stn_transforms.turns import turn_in_volume

__all__ = ["Rigid"]


class Rigid(VolumeAspectAware, MatrixTransform):
    """Rotations about the center of the image, then shifts. Lengths and angles stay as they are.

    With theta = (angle, t_x, t_y), the angle in radians, and the aspect a = W / H of the input, the output position (x, y)
    reads the input position

        x_in = cos(angle) x - sin(angle) y / a + t_x
        y_in = sin(angle) x a + cos(angle) y + t_y

    in normalized coordinates. So the center of the output reads (t_x, t_y), whatever the angle. A positive angle turns the
    content counterclockwise, as `numpy.rot90` does.

    In volumes theta is (r_x, r_y, r_z, t_x, t_y, t_z): the axis of the rotation, as long as its angle in radians, and the
    shift.

    Parameters
    ----------
    aspect : float, optional
        Width of the input over its height: W / H with ``align_corners=False``, and (W - 1) / (H - 1) with
        ``align_corners=True``. By default that of the image that is warped, see `for_image`; a transform that is used on its
        own, without an image, counts it as 1. Of volumes it is a pair: width and depth, each over the height.
    ndim : int, default 2
        Axes of the image: 2, or 3 for volumes.

    Raises
    ------
    ValueError
        If `aspect` is not a number from 0.00001 to 100,000, or two of them, or `ndim` neither 2 nor 3.

    Examples
    --------
    >>> Rigid().apply([[np.pi / 2, 0.5, 0]], [[0, 0], [1, 0]]).round(9).tolist()
    [[[0.5, 0.0], [0.5, 1.0]]]
    >>> Rigid(aspect=2).apply([[np.pi / 2, 0.5, 0]], [[0, 0], [1, 0]]).round(9).tolist()   # as far as before, in pixels
    [[[0.5, 0.0], [0.5, 2.0]]]
    """

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """3, or 6 in volumes."""
        return 3 if self.ndim == 2 else 6

    def identity(self) -> NDArray[np.float64]:
        """Return zeros (P,)."""
        return np.zeros(self.n_params)

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return the matrices of rotations and shifts, and their backprop."""
        ones = np.ones(len(theta), theta.dtype)
        if self.ndim == 3:
            matrix, pull_back = turn_in_volume(theta[:, :3], ones, theta[:, 3:], self._units)
        else:
            matrix, pull_back = turn(theta[:, 0], ones, theta[:, 1:], self._aspect_or_square)

        def backprop(d_matrix: Floats) -> Floats:
            d_turn, _, d_shift = pull_back(d_matrix)
            return np.concatenate([d_turn.reshape(len(d_shift), theta.shape[1] - self.ndim), d_shift], axis=1)

        return matrix, backprop
