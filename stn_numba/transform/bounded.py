"""Limit the parameters of a transform to ranges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats, Shape
from stn_numba.transform.base import Backprop, Transform, float_rows
from stn_numba.transform.checked import TransformLike, identity_of, transform_for_image, transform_from
from stn_numba.transform.fitting.pairs import Pairs
from stn_numba.transform.matrix import MatrixTransform

__all__ = ["Bounded", "BoundedMatrix", "bounded"]

Bound = float | None | Sequence[float | None] | NDArray[Any]

_FAR = 1e12  # distances from the identity, over that to the bound, are limited to this, so that their cubes do not overflow
_FITTED = 100.0  # the same for fits to points that lie beyond a bound


def bounded(transform: TransformLike, low: Bound = None, high: Bound = None) -> Transform:
    """Return a transform whose parameters stay between bounds, smoothly.

    Its theta is any real number. On both sides of the identity c, theta = c + d stands for the inner parameter
    c + d / sqrt(1 + (d / r)^2), where r is the distance from c to the bound on that side. So the inner parameter grows with
    theta, with slope 1 at the identity, and approaches the bounds far from it; the slope is never 0. The identity stays the
    same, bit for bit. A parameter without bounds is unchanged.

    Parameters
    ----------
    transform : Transform, str or (str, dict)
        A transform, a registered name, or a name with options.
    low, high : float, None or sequence of P such, default None
        Bounds of the inner parameters, one for all or one for each; None or infinity for no bound. The identity must lie
        strictly between them.

    Returns
    -------
    Transform
        Its grids are of the same kind as those of the inner transform. A `MatrixTransform` if the inner one is.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If bounds have another shape, are NaN, or the identity is not strictly between them; the message names the parameter.

    Examples
    --------
    A shift by at most a tenth of the image:

    >>> shift = bounded("affine", low=[0.9, -0.1, -0.2, -0.1, 0.9, -0.2], high=[1.1, 0.1, 0.2, 0.1, 1.1, 0.2])
    >>> shift.identity().tolist()
    [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    >>> shift.matrix([[1, 0, 9, 0, 1, 0]]).round(3).tolist()
    [[[1.0, 0.0, 0.2], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]
    """
    inner = transform_from(transform)
    return (BoundedMatrix if isinstance(inner, MatrixTransform) else Bounded)(inner, low, high)


class Bounded(Transform):
    """A transform with bounded parameters, see `bounded`.

    Parameters
    ----------
    transform : Transform
        The inner transform.
    low, high : float, None or sequence
        As for `bounded`.

    Attributes
    ----------
    low, high : (P,) array of float64
        The bounds; infinite where there is none.
    """

    def __init__(self, transform: Transform, low: Bound, high: Bound) -> None:
        self.transform, self.ndim = transform, transform.ndim
        self._center = identity_of(transform)
        self.low = _bounds(low, "low", -np.inf, self._center)
        self.high = _bounds(high, "high", np.inf, self._center)

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """That of the inner transform."""
        return self._center.size

    def identity(self) -> NDArray[np.float64]:
        """Return the identity of the inner transform."""
        return self._center.astype(np.float64)

    def inner_theta(self, theta: ArrayLike) -> Floats:
        """Return the parameters (N, P) of the inner transform, which lie between the bounds.

        Examples
        --------
        >>> bounded("affine", high=[1.5, None, None, None, None, None]).inner_theta([[1.5, 0, 0, 0, 1, 0]]).round(3).tolist()
        [[1.354, 0.0, 0.0, 0.0, 1.0, 0.0]]
        """
        return self._squash(self._check_theta(theta))[0]

    def _squash(self, theta: Floats) -> tuple[Floats, Floats]:
        """Inner parameters, and their derivatives."""
        center, low, high = (each.astype(theta.dtype) for each in (self._center, self.low, self.high))
        with np.errstate(all="ignore"):
            away = theta - center
            room = np.where(away >= 0, high - center, center - low)
            share = np.clip(away / room, -_FAR, _FAR)
            root = np.hypot(theta.dtype.type(1), share)
            free = np.isinf(room)
            inner = np.where(free, theta, np.clip(center + room * (share / root), low, high))
            return inner, np.where(free, 1, root**-3).astype(theta.dtype)

    def _unsquash(self, inner: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return theta for inner parameters strictly between the bounds; NaN for others."""
        away = inner - self._center
        room = np.where(away >= 0, self.high - self._center, self._center - self.low)
        with np.errstate(all="ignore"):
            result: NDArray[np.float64] = self._center + away / np.sqrt((1 - away / room) * (1 + away / room))
        return np.where(np.isfinite(result), result, np.nan)

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2), or (N, M, 2) if the inner transform does, as `Transform.apply`."""
        return self.transform.apply(self.inner_theta(theta), points)

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """Return the mapped points and their backprop, as `Transform.apply_vjp`."""
        inner, slope = self._squash(theta)
        mapped, pull_back = self.transform.apply_vjp(inner, points)
        return mapped, lambda d_mapped: pull_back(d_mapped) * slope

    def forward(self, theta: ArrayLike, shape: Shape, align_corners: bool = True) -> tuple[Any, Backprop]:
        """Return the grid of the inner transform and its backprop, as `Transform.forward`."""
        inner, slope = self._squash(self._check_theta(theta))
        grid, pull_back = self.transform.forward(inner, shape, align_corners)
        return grid, lambda d_grid: pull_back(d_grid) * slope

    def for_image(self, in_shape: Shape, align_corners: bool = True) -> Transform:
        """Return the inner transform for an image, with the same bounds."""
        inner = transform_for_image(self.transform, in_shape, align_corners)
        return self if inner is self.transform else bounded(inner, self.low, self.high)

    def points_jacobian(self, theta: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
        """Return that of the inner transform."""
        return self.transform.points_jacobian(self.inner_theta(theta), points)

    def apply_inverse(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map input positions to output positions, as the inner transform does."""
        return self.transform.apply_inverse(self.inner_theta(theta), points)

    def theta_jacobian(self, theta: Floats, points: Floats) -> NDArray[np.float64]:
        """Derivatives (N, M, 2, P)."""
        inner, slope = self._squash(theta)
        return np.asarray(self.transform.theta_jacobian(inner, points) * slope[:, None, None], np.float64)

    def solve_points(self, pairs: Pairs, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Least squares: those of the inner transform where they keep the bounds, else by steps within the bounds.

        Where a fit lies beyond a bound, the inner parameter ends just inside it, 1/20,000 of the distance from the identity
        away, because on the bound itself theta would be infinite.
        """
        given = None if start is None else self._squash(start)[0].astype(np.float64)
        theta = self._unsquash(self.transform.solve_points(pairs, given))
        beyond = np.flatnonzero(np.isnan(theta).any(axis=1))
        if beyond.size:
            theta[beyond] = Transform.solve_points(self, pairs[beyond], None if start is None else start[beyond])
            reach = _FITTED * (self.high - self._center), _FITTED * (self._center - self.low)
            theta[beyond] = np.clip(theta[beyond], self._center - reach[1], self._center + reach[0])
        return theta

    def maps_point_sets(self) -> bool:
        """Whether the inner transform does."""
        return self.transform.maps_point_sets()

    def has_grid_values(self) -> bool:
        """Whether the inner transform has them."""
        return self.transform.has_grid_values()

    def grid_values(self, theta: NDArray[Any]) -> Floats | None:
        """Values of the inner transform's grid."""
        return self.transform.grid_values(self._squash(float_rows(theta))[0])


class BoundedMatrix(Bounded, MatrixTransform):
    """A `Bounded` transform that is a homography."""

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return the matrices of the inner transform, and their backprop."""
        assert isinstance(self.transform, MatrixTransform)
        inner, slope = self._squash(theta)
        matrix, pull_back = self.transform.matrix_vjp(inner)
        return matrix, lambda d_matrix: pull_back(d_matrix) * slope


def _bounds(given: Any, name: str, missing: float, center: Floats) -> NDArray[np.float64]:
    """Bounds (P,) on one side of the identity."""
    listed = given.tolist() if isinstance(given, np.ndarray | np.generic) else given
    values = listed if isinstance(listed, list | tuple) else [listed] * center.size
    if len(values) != center.size:
        raise ValueError(f"{name}: expected one number or {center.size}, one for each parameter, got {len(values)}")
    result = np.empty(center.size)
    for k, value in enumerate(values):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float | np.number)):
            raise TypeError(f"{name}: expected numbers or None, got {value!r:.60} for parameter {k}")
        result[k] = missing if value is None else value
        beyond = center[k] < result[k] if name == "high" else center[k] > result[k]
        if not beyond:
            side = "less" if name == "low" else "more"
            raise ValueError(
                f"{name}: expected {side} than {center[k]:g}, the identity, for parameter {k}, got {value!r}; "
                "the identity must lie strictly between the bounds"
            )
    return result
