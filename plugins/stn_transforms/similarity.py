"""Similarities: rotation, scale and shift."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import MatrixTransform
from stn_transforms.aspect import VolumeAspectAware, turn
from stn_transforms.turns import turn_in_volume

__all__ = ["Similarity"]


class Similarity(VolumeAspectAware, MatrixTransform):
    """Rotations and zooms about the center of the image, then shifts. Angles and proportions stay as they are.

    With theta = (angle, s, t_x, t_y), the angle in radians, and the aspect a = W / H of the input, the output position (x, y)
    reads the input position

        x_in = s (cos(angle) x - sin(angle) y / a) + t_x
        y_in = s (sin(angle) x a + cos(angle) y) + t_y

    in normalized coordinates. So the center of the output reads (t_x, t_y), whatever angle and scale. A positive angle turns
    the content counterclockwise, as `numpy.rot90` does; a scale s < 1 zooms in.

    In volumes theta is (r_x, r_y, r_z, s, t_x, t_y, t_z): the axis of the rotation, as long as its angle in radians, the scale
    and the shift.

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
    >>> Similarity().apply([[np.pi / 2, 0.5, 0.25, 0]], [[0, 0], [1, 0]]).round(9).tolist()
    [[[0.25, 0.0], [0.25, 0.5]]]
    """

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """4, or 7 in volumes."""
        return 4 if self.ndim == 2 else 7

    def identity(self) -> NDArray[np.float64]:
        """Return (0, 1, 0, 0), or (0, 0, 0, 1, 0, 0, 0) in volumes."""
        return np.array([0.0, 1, 0, 0] if self.ndim == 2 else [0.0, 0, 0, 1, 0, 0, 0])

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return the matrices of rotations, scales and shifts, and their backprop."""
        if self.ndim == 3:
            matrix, pull_back = turn_in_volume(theta[:, :3], theta[:, 3], theta[:, 4:], self._units)
        else:
            matrix, pull_back = turn(theta[:, 0], theta[:, 1], theta[:, 2:], self._aspect_or_square)

        def backprop(d_matrix: Floats) -> Floats:
            d_turn, d_scale, d_shift = pull_back(d_matrix)
            d_turn = d_turn.reshape(len(d_shift), theta.shape[1] - self.ndim - 1)
            return np.concatenate([d_turn, d_scale[:, None], d_shift], axis=1)

        return matrix, backprop
