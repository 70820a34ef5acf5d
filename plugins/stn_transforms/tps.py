"""The thin-plate spline (Bookstein 1989; arXiv 1506.02025, section 3.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import as_floats, base_points
from stn_numba.transform import LinearTransform

__all__ = ["ThinPlateSpline"]

_TINY = np.finfo(np.float64).tiny
_NEAREST = 1e-9  # control points nearer than this part of their extent count as doubled


class ThinPlateSpline(LinearTransform):
    """The smoothest map that takes K control points to given places in the input.

    theta holds the positions of the control points in the input, normalised: all x first, then all y (P = 2 K). The identity is
    therefore the control points themselves. The spline is linear in theta: its system of K + 3 equations is factored
    once, in float64, in coordinates scaled to the points.

    Parameters
    ----------
    control_points
        (rows, columns) for a regular grid over [-1, 1] x [-1, 1], numbered row by row, or the points themselves, (K, 2),
        normalised (x, y).

    Raises
    ------
    ValueError
        If there are fewer than three points, two coincide, or all lie on one line: the spline is then not unique.

    Examples
    --------
    >>> spline = ThinPlateSpline(control_points=(4, 4))
    >>> spline.n_params
    32
    >>> np.allclose(spline.apply(spline.identity()[None], [[0.3, -0.2]]), [[[0.3, -0.2]]])
    True
    """

    def __init__(self, control_points: tuple[int, int] | ArrayLike = (4, 4)) -> None:
        self.control_points = _control_points(control_points)
        self._centre: NDArray[np.float64] = self.control_points.mean(axis=0)
        self._extent = float(np.abs(self.control_points - self._centre).max())
        self._solution = self._solve()

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """2 K."""
        return 2 * len(self.control_points)

    def identity(self) -> NDArray[np.float64]:
        """(2 K,): the control points, x first."""
        return self.control_points.T.flatten()

    def basis(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(M, K): function k is the spline that is 1 at control point k and 0 at the others."""
        return np.asarray((self._solution.T @ self._features(points)).T, np.float64)

    def _features(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K + 3, M): r^2 log r^2 to each control point, then 1, x, y."""
        centres, (x, y) = self._scaled(self.control_points), np.ascontiguousarray(self._scaled(points).T)
        count = len(centres)
        features = np.empty((count + 3, len(x)))
        squared, logarithm = features[:count], np.empty((count, len(x)))
        np.square(np.subtract(x, centres[:, :1], out=squared), out=squared)
        squared += np.square(np.subtract(y, centres[:, 1:], out=logarithm), out=logarithm)
        # twice r^2 log r, which the solution makes up for; the limit at r = 0 is 0: there 0 is multiplied by a finite number
        squared *= np.log(np.add(squared, _TINY, out=logarithm), out=logarithm)
        features[count], features[count + 1], features[count + 2] = 1.0, x, y
        return features

    def _scaled(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return (points - self._centre) / self._extent

    def _solve(self) -> NDArray[np.float64]:
        """(K + 3, K): the coefficients of the K basis functions."""
        from scipy import linalg

        count = len(self.control_points)
        features = self._features(self.control_points).T
        system = np.zeros((count + 3, count + 3))
        system[:count] = features
        system[count:, :count] = features[:, count:].T
        return np.asarray(linalg.lu_solve(linalg.lu_factor(system), np.eye(count + 3, count)))


def _control_points(given: tuple[int, int] | ArrayLike) -> NDArray[np.float64]:
    """Return the control points (K, 2), after checking that they determine a spline."""
    try:
        array = np.asanyarray(given)  # a masked one is refused below
    except Exception as error:  # lists of unequal lengths, or whatever a stranger's object raises
        raise TypeError(f"control_points: expected (rows, columns) or points (K, 2): {error}") from error
    if array.shape == (2,) and array.dtype.kind in "iu":
        rows, columns = (int(size) for size in array)
        if rows < 2 or columns < 2:
            raise ValueError(f"control_points: expected at least 2 rows and 2 columns, got {(rows, columns)}")
        return base_points((rows, columns))
    points = as_floats(array, "control_points", ("K", 2)).astype(np.float64)
    if len(points) < 3:
        raise ValueError(f"control_points: expected at least 3 points, got {len(points)}")
    if not np.isfinite(points).all():
        raise ValueError("control_points: expected finite positions, got NaN or infinity")
    centred = points - points.mean(axis=0)
    extent = np.abs(centred).max()
    distances = np.abs(points[:, None] - points).max(axis=-1)
    np.fill_diagonal(distances, np.inf)
    if distances.min() <= _NEAREST * extent:
        first, second = np.unravel_index(distances.argmin(), distances.shape)
        raise ValueError(f"control_points: points {min(first, second)} and {max(first, second)} coincide")
    if np.linalg.svd(centred / extent, compute_uv=False)[-1] <= _NEAREST:
        raise ValueError("control_points: all points lie on one line; at least one must lie off it")
    return points
