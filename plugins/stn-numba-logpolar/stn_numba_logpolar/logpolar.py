"""The log-polar transform: scaling and rotating the input shift the output.

Used in front of a convolutional network by Esteves et al., "Polar Transformer Networks", ICLR 2018, arXiv 1709.01889.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from stn_numba.grid import Floats, as_floats
from stn_numba.transform import Transform

__all__ = ["LogPolar"]

_FAR = 80.0  # e^80 is as far outside as infinity, but 0 times e^80 is 0


class LogPolar(Transform):
    """Log-polar maps: log r varies along the x axis of the output, the angle along its y axis.

    With theta = (cx, cy, log_scale, rotation) the output position (x, y) reads the input position

        x_in = cx + r cos(a)
        y_in = cy + r sin(a)
        r = exp(log_scale) * inner_radius ** ((1 - x) / 2)
        a = pi * y + rotation

    So x = -1 reads the innermost ring, x = +1 the ring of radius exp(log_scale), and y = -1 and y = +1 the same ray. Radii are
    in normalized units: a ring is a circle in a square image and an ellipse in any other.

    Parameters
    ----------
    inner_radius : float, default 0.05
        Radius of the innermost ring relative to the outermost one, between 0 and 1 (both excluded).

    Raises
    ------
    ValueError
        If `inner_radius` is not between 0 and 1.

    Examples
    --------
    At the right edge of the output, y = 0 reads the ray to the right, and y = 0.5, a quarter turn further, the ray downwards:

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
        """Return (0, 0, 0, 0), where training starts; no log-polar map is the identity.

        It is centered on the image, its outer ring touches the image's edges, and its angle 0 points along +x.
        """
        return np.zeros(4)

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) with each row of theta (N, 4) to (N, M, 2)."""
        return self.apply_vjp(as_floats(theta, "theta", ("N", 4)), as_floats(points, "points", ("M", 2)))[0]

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Callable[[ArrayLike], Floats]]:
        """Return the mapped points, and ``backprop(d_mapped) -> d_theta``."""
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
