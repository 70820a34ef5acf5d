"""The thin-plate spline (Bookstein 1989; arXiv 1506.02025, section 3.2)."""

from __future__ import annotations

import numbers
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats, Shape, as_floats, to_normalized, to_pixels
from stn_numba.transform import LinearTransform
from stn_transforms.aspect import as_aspect, as_aspects
from stn_transforms.control_points import as_control_points, as_given, is_regular

__all__ = ["ThinPlateSpline"]

_TINY = np.finfo(np.float64).tiny
_FAR = 2.0  # control points beyond this are probably in pixels


class ThinPlateSpline(LinearTransform):
    """The map of least bending energy that takes K control points of the output to given positions in the input.

    theta holds these positions, normalized: all x first, then all y (P = 2 K). So the identity is the control points
    themselves. The spline is linear in theta: its system of K + 3 equations is factored once, in float64, in coordinates
    scaled to the points.

    The spline depends on distances between points. In an image that is not square, normalized distances are not proportional
    to those in pixels, because x and y both range over [-1, 1]. With ``aspect=W / H`` of the output you get the spline of its
    pixels, to within a pixel; `from_pixels` makes it exact.

    In volumes the spline of least bending energy has the kernel r instead of r^2 log r (P = 3 K).

    With ``smoothing > 0`` the spline no longer takes the control points exactly to their targets: it minimizes the sum of the
    squared distances to them plus a multiple of its bending energy. Affine maps do not bend, and are as exact as before.

    Parameters
    ----------
    control_points : (int, int) or array_like, (K, 2), optional
        (rows, columns) for a regular grid over [-1, 1] x [-1, 1], numbered row by row; or normalized points (x, y). By default
        4 along each axis. In volumes (planes, rows, columns), or points (K, 3).
    aspect : float, default 1.0
        Length of a normalized unit of x relative to one of y: the width of the image in which distances are measured, divided
        by its height. The default measures normalized distances. In pixels the exact factor is W / H with
        ``align_corners=False``, and (W - 1) / (H - 1) with ``align_corners=True``. In volumes a pair: width and depth over the
        height.
    smoothing : float, default 0.0
        How strongly to smooth, from 0, which interpolates the targets. It is that of `scipy.interpolate.RBFInterpolator` for
        control points ``(aspect * x, y)``: normalized units of y are its unit of length.
    ndim : int, optional
        Axes of the image: by default those of `control_points`, or 2.

    Raises
    ------
    TypeError
        If `control_points` are not real numbers.
    ValueError
        If there are fewer than three points (four in volumes), two coincide, or all lie on one line (or in one plane): the
        spline is then not unique. If `aspect` is not a number from 0.00001 to 100,000, or `smoothing` not a finite number of
        at least 0.

    Warns
    -----
    RuntimeWarning
        If a coordinate of a control point is larger than 2 in magnitude, which suggests that it is in pixels.

    Examples
    --------
    >>> spline = ThinPlateSpline(control_points=(4, 4))
    >>> spline.n_params
    32
    >>> np.allclose(spline.apply(spline.identity()[None], [[0.3, -0.2]]), [[[0.3, -0.2]]])
    True
    """

    def __init__(
        self,
        control_points: tuple[int, ...] | ArrayLike | None = None,
        aspect: float | tuple[float, float] = 1.0,
        smoothing: float = 0.0,
        ndim: int | None = None,
    ) -> None:
        self._regular, self.control_points = as_control_points(control_points, ndim)
        self.ndim = self.control_points.shape[1]
        self.aspect: Any = as_aspect(aspect) if self.ndim == 2 or aspect == 1.0 else as_aspects(aspect)
        self.smoothing = _smoothing(smoothing)
        across, *deep = (self.aspect, *[1.0] * (self.ndim - 2)) if isinstance(self.aspect, float) else self.aspect
        self._units = np.array([across, 1.0, *deep])  # lengths of a normalized unit of x, y and z
        self._center: NDArray[np.float64] = self.control_points.mean(axis=0)
        self._extent = float(np.abs((self.control_points - self._center) * self._units).max())
        self._solution = self._solve()
        _warn_of_pixels(self.control_points)

    @classmethod
    def from_pixels(
        cls,
        control_points: tuple[int, int] | ArrayLike,
        shape: Shape,
        align_corners: bool = True,
        smoothing: float = 0.0,
    ) -> ThinPlateSpline:
        """Make a spline with distances measured in the pixels of an image, from control points in these pixels.

        Parameters
        ----------
        control_points : array_like, (K, 2), or (int, int)
            Pixels (x, y), where 0 is the center of the first pixel; or (rows, columns) for a regular grid over
            [-1, 1] x [-1, 1], as for the class.
        shape : (int, int)
            (H, W) of the image that the control points belong to: the output.
        align_corners : bool, default True
            Convention in which theta and grids are normalized; use the same for `forward`, `warp` and theta.
        smoothing : float, default 0.0
            That of `scipy.interpolate.RBFInterpolator` for these points in pixels: in squared pixels.

        Returns
        -------
        ThinPlateSpline
            With normalized `control_points`, and `aspect` (W - 1) / (H - 1), or W / H with ``align_corners=False``. Its theta
            is normalized as well: for targets (K, 2) in pixels of the input it is
            ``to_normalized(targets, input_shape, align_corners).T.reshape(1, -1)``.

        Raises
        ------
        TypeError, ValueError
            As the class; and if the image is a single row or column of pixels, which has no unit with ``align_corners=True``.

        Examples
        --------
        The middle of an image of 201 x 1001 pixels is moved down by 30 pixels:

        >>> corners_and_middle = np.array([[0, 0], [1000, 0], [500, 100], [0, 200], [1000, 200.0]])
        >>> spline = ThinPlateSpline.from_pixels(corners_and_middle, (201, 1001))
        >>> spline
        ThinPlateSpline(control_points=<array (5, 2)>, aspect=5.0)
        >>> targets = corners_and_middle + [[0, 0], [0, 0], [0, 30], [0, 0], [0, 0]]
        >>> theta = to_normalized(targets, (201, 1001)).T.reshape(1, -1)
        >>> (spline.apply(theta, to_normalized([[500, 100]], (201, 1001))).round(9) + 0.0).tolist()   # 130 pixels down
        [[[0.0, 0.3]]]
        """
        (left, top), (right, bottom) = to_pixels([[-1, -1], [1, 1]], shape, align_corners)
        if left == right or top == bottom:
            least = "2 x 2" if align_corners else "1 x 1"
            raise ValueError(f"shape: expected at least {least} pixels with align_corners={align_corners}, got {shape}")
        if not is_regular(control_points):
            pixels = as_floats(as_given(control_points), "control_points", ("K", 2))
            control_points = to_normalized(pixels, shape, align_corners)
        half = (bottom - top) / 2  # pixels of a normalized unit of y
        return cls(control_points, float((right - left) / (bottom - top)), float(_smoothing(smoothing) / half**2))

    def _shown_options(self) -> dict[str, Any]:
        shown = {"control_points": self._regular or self.control_points, "aspect": self.aspect}
        return shown | ({"smoothing": self.smoothing} if self.smoothing else {})

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """2 K, or 3 K."""
        return self.ndim * len(self.control_points)

    def identity(self) -> NDArray[np.float64]:
        """Return the control points (P,), all x first."""
        return self.control_points.T.flatten()

    def basis(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (M, K): function k is the spline whose target is 1 at control point k and 0 at the others."""
        return np.asarray((self._solution.T @ self._features(points)).T, np.float64)

    def interpolation_error(self, theta: Floats, sides: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a bound (N, 2), or (N, 3), from the second derivatives, as `LinearTransform.interpolation_error`.

        On a segment of length h, a function differs from the line between its ends by at most h / 4 times the integral of its
        second derivative's magnitude. For r^2 log r^2 that is at most 4 plus twice the magnitude of 1 + log r^2, which is
        integrable where r is 0; for r in volumes the integral along a whole line is 2.
        """
        count = len(self.control_points)
        h = sides * self._units / self._extent
        if self.ndim == 3:
            errors = h / 2
        else:
            farthest = np.sum(((1 + np.abs(self.control_points)) * self._units / self._extent) ** 2, axis=1).max()
            with np.errstate(divide="ignore", invalid="ignore"):
                near = np.where(h > 0, np.log(np.maximum(2 / h, 1)), 0)
            errors = h**2 / 4 * (10 + 2 * max(np.log(farthest), 0.0) + 4 * near)
        weights = theta.reshape(len(theta), self.ndim, count) @ self._solution[:count].T
        return np.asarray(np.abs(weights).sum(axis=2) * errors.sum(), np.float64)

    def _features(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K + 3, M): r^2 log r^2 for the distance r to each control point, then 1, x, y; in volumes -r, 1, x, y, z."""
        centers = self._scaled(self.control_points)
        if self.ndim == 3:
            at = self._scaled(points)
            return np.concatenate([-np.linalg.norm(at - centers[:, None], axis=2), np.ones((1, len(at))), at.T])
        x, y = np.ascontiguousarray(self._scaled(points).T)
        count = len(centers)
        features = np.empty((count + 3, len(x)))
        squared, logarithm = features[:count], np.empty((count, len(x)))
        np.square(np.subtract(x, centers[:, :1], out=squared), out=squared)
        squared += np.square(np.subtract(y, centers[:, 1:], out=logarithm), out=logarithm)
        # Twice r^2 log r, for which the solution compensates. The limit at r = 0 is 0, here 0 times a finite number.
        squared *= np.log(np.add(squared, _TINY, out=logarithm), out=logarithm)
        features[count], features[count + 1], features[count + 2] = 1.0, x, y
        return features

    def _scaled(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled: NDArray[np.float64] = (points - self._center) * self._units / self._extent
        return scaled

    def _solve(self) -> NDArray[np.float64]:
        """(K + 3, K): the coefficients of the K basis functions."""
        from scipy import linalg

        features = self._features(self.control_points).T
        count, size = features.shape
        system = np.zeros((size, size))
        system[:count] = features
        # Features are in units of the extent, in images twice SciPy's; other units add what the affine part takes up.
        system[np.diag_indices(count)] += (
            2 * self.smoothing / self._extent**2 if self.ndim == 2 else self.smoothing / self._extent
        )
        system[count:, :count] = features[:, count:].T
        return np.asarray(linalg.lu_solve(linalg.lu_factor(system), np.eye(size, count)))


def _smoothing(value: Any) -> float:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (is_number and 0 <= value < np.inf):
        raise ValueError(f"smoothing: expected a finite number of at least 0, got {value!r:.60}")
    return float(value)


def _warn_of_pixels(points: NDArray[np.float64]) -> None:
    farthest = float(np.abs(points).max())
    if farthest > _FAR:
        warnings.warn(
            f"control_points: {farthest:.6g} is far outside the image, which is [-1, 1]; for points (x, y) in pixels of "
            "an image (H, W) take ThinPlateSpline.from_pixels(points, (H, W))",
            RuntimeWarning,
            stacklevel=3,
        )
