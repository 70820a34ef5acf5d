"""Radial lens distortion (Brown 1966)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats
from stn_numba.transform import Transform
from stn_numba.transform.base import Backprop
from stn_numba.transform.points import as_points
from stn_transforms.aspect import AspectAware

__all__ = ["Radial"]


class Radial(AspectAware, Transform):
    """Radial lens distortion, to straighten photos or to distort them.

    With theta = (k1, k2, k3, c_x, c_y) and the aspect a = W / H of the input, the output position p reads the input position

        p_in = p + (p - c) (k1 r^2 + k2 r^4 + k3 r^6)
        r^2 = a^2 (x - c_x)^2 + (y - c_y)^2

    in normalized coordinates. c is the center of the distortion. The radius r is the distance from it in half heights of the
    image, so r = 1 at the middle of the upper edge. A negative k1 straightens photos with barrel distortion, a positive k1
    those with pincushion distortion.

    These are the coefficients of OpenCV's `undistort`, which also maps positions of the straight output to those of the
    distorted input, in other units: for a camera with focal length f in pixels (f_x = f_y) and center (u, v), each k_i is
    OpenCV's k_i times (l / f)^(2 i), where l = H / 2 with ``align_corners=False`` and (H - 1) / 2 with ``align_corners=True``,
    and c is ``to_normalized([[u, v]], (H, W), align_corners)``.

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

    References
    ----------
    Brown, "Decentering distortion of lenses", Photogrammetric Engineering 32(3), 1966.

    Examples
    --------
    >>> Radial().apply([[-0.1, 0, 0, 0, 0]], [[0, 0], [0, 1], [1, 1]]).round(9).tolist()
    [[[0.0, 0.0], [0.0, 0.9], [0.8, 0.8]]]
    """

    n_params = 5
    pointwise = True

    def identity(self) -> NDArray[np.float64]:
        """Return zeros (5,)."""
        return np.zeros(5)

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) or (N, M, 2) with each row of theta to (N, M, 2), as `Transform.apply`."""
        theta = self._check_theta(theta)
        return self.apply_vjp(theta, as_points(points, len(theta)))[0]

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """Return the mapped points and their backprop, as `Transform.apply_vjp`; also for points (N, M, 2)."""
        offset, weighted, factor, slope = self._terms(theta, points)
        mapped = np.asarray(points + offset * factor[..., None], theta.dtype)

        def backprop(d_mapped: ArrayLike) -> Floats:
            d = np.asarray(d_mapped)
            along, r2 = np.sum(d * offset, axis=-1), np.sum(offset * weighted, axis=-1)
            d_k = [np.sum(along * r2**power, axis=1) for power in (1, 2, 3)]
            d_center = -np.sum(d * factor[..., None] + (2 * along * slope)[..., None] * weighted, axis=1)
            return np.concatenate([np.stack(d_k, axis=1), d_center], axis=1).astype(theta.dtype)

        return mapped, backprop

    def points_jacobian(self, theta: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
        """Return the exact derivatives, as `Transform.points_jacobian`."""
        theta = self._check_theta(theta).astype(np.float64)
        offset, weighted, factor, slope = self._terms(theta, as_points(points, len(theta)))
        outer = offset[..., :, None] * weighted[..., None, :]
        return np.asarray((1 + factor)[..., None, None] * np.eye(2) + 2 * slope[..., None, None] * outer, np.float64)

    def _terms(self, theta: Floats, points: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Offsets p - c, half the gradient of r^2 (N, M, 2), k1 r^2 + k2 r^4 + k3 r^6, its slope in r^2 (N, M)."""
        k1, k2, k3 = theta[:, :3].T[..., None]
        offset = points - theta[:, None, 3:]
        weighted = offset * np.array([self._aspect_or_square**2, 1.0], theta.dtype)
        r2 = np.sum(offset * weighted, axis=-1)
        return offset, weighted, r2 * (k1 + r2 * (k2 + r2 * k3)), k1 + r2 * (2 * k2 + r2 * (3 * k3))

    def maps_point_sets(self) -> bool:
        """Return True."""
        return True
