"""Transforms that are linear in their parameters."""

from __future__ import annotations

import functools
import math
import weakref
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import BasisGrid, Floats, Shape, base_points, check_shape, pixel_points
from stn_numba.grid.basis_rows import BasisRows
from stn_numba.transform.base import Backprop, Transform, float_rows
from stn_numba.transform.fitting.linear import solve
from stn_numba.transform.fitting.pairs import Pairs
from stn_numba.transform.points import as_points

__all__ = ["LinearTransform"]

_CACHED_SHAPES = 4  # output shapes whose basis a transform caches; training and inference use one or two


class LinearTransform(Transform):
    """A transform that is linear in its parameters: mapped = basis(points) @ coefficients.

    theta is read as (N, 2, B): the B coefficients of x, then those of y; so P = 2 B. With ``ndim = 3`` it is read as
    (N, 3, B), and points are (M, 3).

    Attributes
    ----------
    max_cached_bytes : float, default 8 MiB
        The basis at the pixels of an output takes 8 B h w bytes. It is cached between calls if it is not larger than this.
        A larger basis is computed at each use: a warp of a large image then needs little memory and somewhat more time. Set
        it on the class or on an instance.

    Examples
    --------
    >>> class Bilinear(LinearTransform):
    ...     def basis(self, points):
    ...         x, y = points.T
    ...         return np.stack([np.ones_like(x), x, y, x * y], axis=1)
    >>> Bilinear().n_params
    8
    >>> np.allclose(Bilinear().identity(), [0, 1, 0, 0, 0, 0, 1, 0])
    True
    """

    max_cached_bytes: float = 2**23

    @abstractmethod
    def basis(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the basis functions at some points.

        Parameters
        ----------
        points : ndarray, (M, 2), float64
            Normalized output positions (x, y), a few thousand at a time: the values at a point must not depend on the others.

        Returns
        -------
        ndarray, (M, B)
        """

    def interpolation_error(self, theta: Floats, sides: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """How far mapped points of a small box lie at most from those interpolated linearly between its corners.

        `stn_numba.dask.warp` then knows what a part of an output reads from some of its positions; without a bound it computes
        all of them.

        Parameters
        ----------
        theta : ndarray, (N, P)
            Parameters.
        sides : ndarray, (2,)
            Lengths of the box along x and y, normalized. It may lie anywhere in [-1, 1] x [-1, 1].

        Returns
        -------
        ndarray, (N, 2), or None
            Bounds for x and y, normalized; None, the default, if none is known.
        """
        return None

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """P = 2 B, or 3 B."""
        return self.ndim * int(self.basis(np.zeros((1, self.ndim))).shape[1])

    def identity(self) -> NDArray[np.float64]:
        """Coefficients (P,) that map every point to itself, by least squares on a grid of 9 points along each axis."""
        points = base_points((9,) * self.ndim)
        coefficients = np.linalg.lstsq(self.basis(points), points, rcond=None)[0]
        return np.asarray(coefficients.T.ravel(), np.float64)

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) or (N, M, 2) with each row of theta (N, P) to (N, M, 2), as `Transform.apply`."""
        theta = self._check_theta(theta)
        return self.apply_vjp(theta, as_points(points, len(theta), self.ndim))[0]

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """Return the mapped points and their backprop, as `Transform.apply_vjp`; also for points (N, M, 2)."""
        basis = self._basis_at(points)
        coefficients = theta.reshape(len(theta), self.ndim, basis.shape[-1])
        mapped = np.swapaxes(coefficients @ np.swapaxes(basis, -1, -2), 1, 2).astype(theta.dtype)

        def backprop(d_mapped: ArrayLike) -> Floats:
            d_coefficients = np.swapaxes(np.asarray(d_mapped), 1, 2) @ basis
            return d_coefficients.reshape(theta.shape).astype(theta.dtype)

        return mapped, backprop

    def theta_jacobian(self, theta: Floats, points: Floats) -> NDArray[np.float64]:
        """Derivatives (N, M, 2, P): the basis, which does not depend on theta."""
        basis = self._basis_at(points)
        count = basis.shape[-1]
        result = np.zeros((len(theta), points.shape[-2], self.ndim, self.ndim * count))
        for axis in range(self.ndim):
            result[:, :, axis, axis * count : (axis + 1) * count] = basis
        return result

    def solve_points(self, pairs: Pairs, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The exact least squares."""
        basis, roots = self._basis_at(pairs.source), pairs.roots
        if basis.ndim == 2 and (pairs.weights == pairs.weights[:1]).all():  # one system, with all rows on its right side
            right = np.moveaxis(pairs.target * roots, 0, 1).reshape(len(basis), self.ndim * len(pairs))
            solution = solve((basis * roots[0])[None], right[None])[0]
            by_row = np.moveaxis(solution.reshape(-1, len(pairs), self.ndim), 0, 2)
        else:
            by_row = np.swapaxes(solve(basis * roots, pairs.target * roots), 1, 2)
        return np.asarray(by_row.reshape(len(pairs), -1), np.float64)

    def _basis_at(self, points: Floats) -> NDArray[np.float64]:
        """The basis (..., M, B) at points (..., M, 2)."""
        basis = self.basis(points.reshape(-1, self.ndim).astype(np.float64))
        return basis.reshape(*points.shape[:-1], basis.shape[1])

    def forward(self, theta: ArrayLike, shape: Shape, align_corners: bool = True) -> tuple[BasisGrid, Backprop]:
        """Return a `BasisGrid` and its backprop, as `Transform.forward`.

        The basis is cached for the next call with the same shape, unless it is larger than `max_cached_bytes`: then it is
        computed a few rows at a time whenever the grid is read.
        """
        theta = self._check_theta(theta)
        shape, count = check_shape(shape, ndim=self.ndim), theta.shape[1] // self.ndim
        rows = self._basis_rows(shape, align_corners, count)
        basis = rows if rows.nbytes > self.max_cached_bytes else self._cached_basis(shape, align_corners)
        grid = BasisGrid(basis, theta.reshape(len(theta), self.ndim, count), shape, align_corners=align_corners)
        return grid, lambda d_grid: grid.own_gradient(d_grid).reshape(theta.shape).astype(theta.dtype)

    def _basis_rows(self, shape: Shape, align_corners: bool, count: int) -> BasisRows:
        return BasisRows(functools.partial(_basis_at_pixels, self, shape, align_corners), count, shape)

    @functools.cached_property
    def _cached_basis(self) -> Callable[[Shape, bool], NDArray[np.float64]]:
        weak_self = weakref.ref(self)  # a strong reference would be a cycle, and keep bases until garbage is collected

        def evaluate(shape: Shape, align_corners: bool) -> NDArray[np.float64]:
            transform = weak_self()
            assert transform is not None
            return transform._basis_rows(shape, align_corners, transform.n_params // transform.ndim).evaluated().T

        return functools.lru_cache(_CACHED_SHAPES)(evaluate)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_cached_basis"}

    def is_linear(self) -> bool:
        """Return True."""
        return True

    def maps_point_sets(self) -> bool:
        """Whether a subclass has not replaced `apply`."""
        return type(self).apply is LinearTransform.apply

    def has_grid_values(self) -> bool:
        """Whether a subclass has not replaced `forward`."""
        return type(self).forward is LinearTransform.forward

    def grid_values(self, theta: NDArray[Any]) -> Floats | None:
        """The coefficients (N, 2, B); None if one is not finite, because then the positions have to be examined."""
        theta = float_rows(theta)
        return (
            theta.reshape(len(theta), self.ndim, theta.shape[1] // self.ndim)
            if math.isfinite(sum(theta.ravel().tolist()))
            else None
        )


def _basis_at_pixels(
    transform: LinearTransform, shape: Shape, align_corners: bool, first: int, last: int
) -> NDArray[np.float64]:
    """Functions (last - first, B) of a transform at output pixels, counted row by row."""
    return transform.basis(pixel_points(shape, align_corners, first, last))
