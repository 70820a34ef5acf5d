"""The log-polar transform: scaling and rotating the input become shifts of the output.

Used before a convolutional net by Esteves et al., "Polar Transformer Networks", ICLR 2018, arXiv 1709.01889.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from stn_numba.grid import Floats, as_floats
from stn_numba.transform import Transform

__all__ = ["LogPolar"]

_FAR = 80.0  # e^80 is as far outside as infinity, and times 0 it is 0


class LogPolar(Transform):
    """x_in = cx + r cos(a), y_in = cy + r sin(a), with log r running along output x and the angle a along output y.

    With theta = (cx, cy, log_scale, rotation):

        r = exp(log_scale) * inner_radius ** ((1 - x) / 2)
        a = pi * y + rotation

    so output x = -1 reads the ring of the inner radius, x = +1 the ring of radius exp(log_scale), and y = -1 and
    y = +1 the same ray. Radii are in normalized units: a ring is a circle in a square image and an ellipse in any other.

    Parameters
    ----------
    inner_radius
        Radius of the innermost ring as a part of that of the outermost one, between 0 and 1 (both excluded).

    Raises
    ------
    ValueError
        If `inner_radius` is not between 0 and 1.

    Examples
    --------
    The output's right edge, from the ray to the right (y = 0) by a quarter turn to the ray downwards (y = 0.5):

    >>> t = LogPolar()
    >>> t.apply([[0.0, 0.0, 0.0, 0.0]], [[1.0, 0.0], [1.0, 0.5]]).round(12).tolist()
    [[[1.0, 0.0], [0.0, 1.0]]]
    """

    n_params = 4

    def __init__(self, *, inner_radius: float = 0.05) -> None:
        if not isinstance(inner_radius, numbers.Real) or not 0 < inner_radius < 1:
            raise ValueError(f"inner_radius: expected a number between 0 and 1, got {inner_radius!r}")
        self.inner_radius = float(inner_radius)

    def identity(self) -> NDArray[np.float64]:
        """(0, 0, 0, 0), the canonical map: no log-polar map is the identity.

        It is centered on the image, its outer ring touches the image's edges, and its angle 0 points along +x. Training
        starts here.
        """
        return np.zeros(4)

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) with each row of theta (N, 4) to (N, M, 2)."""
        return self.apply_vjp(as_floats(theta, "theta", ("N", 4)), as_floats(points, "points", ("M", 2)))[0]

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Callable[[ArrayLike], Floats]]:
        """As `apply`, with the way back to theta."""
        center = theta[:, None, :2]
        with np.errstate(invalid="ignore"):  # NaN parameters give NaN positions: outside
            radius = np.exp(np.minimum(theta[:, 2:3], _FAR)) * self.inner_radius ** ((1 - points[:, 0]) / 2)
            angle = np.pi * points[:, 1] + theta[:, 3:4]
            arm = radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)  # (N, M, 2)

        def backprop(d_mapped: ArrayLike) -> Floats:
            d = np.asarray(d_mapped)
            arms = np.where(d != 0, arm, 0)  # 0 * infinity is not 0
            turned = np.stack([-arm[..., 1], arm[..., 0]], axis=-1)  # d arm / d angle
            turns = np.where(d != 0, turned, 0)
            shares = [d[..., 0], d[..., 1], (d * arms).sum(axis=-1), (d * turns).sum(axis=-1)]
            return np.stack([share.sum(axis=1) for share in shares], axis=1)

        return center + arm, backprop
