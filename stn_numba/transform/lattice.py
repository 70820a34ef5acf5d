"""Transforms that shift each point by a mean of nearby points of a regular lattice: free-form deformations and flows."""

from __future__ import annotations

import functools
import math
import weakref
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import DenseGrid, Floats, Shape, base_points, check_shape
from stn_numba.transform.base import Backprop, Transform
from stn_numba.transform.fitting.linear import solve
from stn_numba.transform.fitting.pairs import Pairs
from stn_numba.transform.points import as_points

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["LatticeTransform"]

_CACHED_SHAPES = 4  # output shapes whose weights a transform caches; training and inference use one or two


class LatticeTransform(Transform):
    """A transform given by the displacements of a lattice of control points over the image.

    theta holds the displacements, normalized: x of all control points row by row, then y; so P = 2 rows columns, and zeros are
    the identity. A point is displaced by the weighted sum of S x S nearby control points: weights of its x times weights of
    its y. The cost of a pixel does not grow with the lattice. A lattice (planes, rows, columns) is for volumes: theta then has
    the displacements along z as well, and P = 3 planes rows columns.

    Points outside [-1, 1] x [-1, 1] are displaced as the nearest point of the edge. A point that is NaN is mapped to NaN.

    Attributes
    ----------
    lattice : (int, int) or (int, int, int)
        (rows, columns) of control points, or (planes, rows, columns).

    Examples
    --------
    Displacements that are linear between control points, the outermost of which lie on the edges:

    >>> class Mesh(LatticeTransform):
    ...     lattice = (3, 3)
    ...     def axis_weights(self, x, count):
    ...         position = (x + 1) / 2 * (count - 1)
    ...         first = np.minimum(np.floor(position), count - 2).astype(int)
    ...         return first, np.stack([1 - (position - first), position - first], axis=1)
    >>> theta = np.zeros((1, 18))
    >>> theta[0, 4] = 0.1   # the middle one of nine control points reads 0.1 to the right
    >>> Mesh().apply(theta, [[0.0, 0.0], [0.5, 0.0], [0.0, 1.0]]).tolist()
    [[[0.1, 0.0], [0.55, 0.0], [0.0, 1.0]]]
    """

    lattice: tuple[int, ...]

    @property
    def ndim(self) -> int:  # type: ignore[override]
        """Number of coordinates of a position: that of the axes of the lattice."""
        return len(self.lattice)

    @abstractmethod
    def axis_weights(self, x: NDArray[np.float64], count: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return which control points of one axis displace positions, and their weights.

        Parameters
        ----------
        x : ndarray, (M,), float64
            Positions on one axis, in [-1, 1].
        count : int
            Number of control points on this axis.

        Returns
        -------
        first : ndarray of int, (M,)
            The first of S consecutive control points, from 0 to count - S.
        weights : ndarray, (M, S)
            Their weights. S may depend on `count`.
        """

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """P = 2 rows columns, or 3 planes rows columns."""
        return self.ndim * math.prod(self.lattice)

    def identity(self) -> NDArray[np.float64]:
        """Return zeros (P,)."""
        return np.zeros(self.n_params)

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) or (N, M, 2) with each row of theta (N, P) to (N, M, 2), as `Transform.apply`."""
        theta = self._check_theta(theta)
        return self.apply_vjp(theta, as_points(points, len(theta), self.ndim))[0]

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """Return the mapped points and their backprop, as `Transform.apply_vjp`; also for points (N, M, 2)."""
        # One matrix of weights for all rows of theta, or for each row a block of its own
        blocks, rows = (1, len(theta)) if points.ndim == 2 else (len(theta), 1)
        axes, count = self.ndim, points.shape[-2]
        weights, size = self._weights_at(points), theta.shape[1] // axes
        control = np.moveaxis(theta.reshape(blocks, rows, axes, size), 3, 1).reshape(blocks * size, rows * axes)
        shift = np.moveaxis((weights @ control).reshape(blocks, count, rows, axes), 2, 1).reshape(len(theta), count, axes)
        mapped = np.asarray(points + shift, theta.dtype)
        mapped[np.broadcast_to(np.isnan(points).any(axis=-1), mapped.shape[:2])] = np.nan

        def backprop(d_mapped: ArrayLike) -> Floats:
            d = np.moveaxis(np.reshape(d_mapped, (blocks, rows, count, axes)), 1, 2).reshape(blocks * count, rows * axes)
            d_control = (weights.T @ d).reshape(blocks, size, rows, axes)
            return np.asarray(np.moveaxis(d_control, 1, 3).reshape(theta.shape), theta.dtype)

        return mapped, backprop

    def forward(self, theta: ArrayLike, shape: Shape, align_corners: bool = True) -> tuple[DenseGrid, Backprop]:
        """Return a `DenseGrid` and its backprop, as `Transform.forward`.

        The weights of the axes are cached for the next call with the same shape.
        """
        theta, shape = self._check_theta(theta), check_shape(shape, ndim=self.ndim)
        if self.ndim == 3:
            return self._forward_in_volume(theta, shape, align_corners)
        weights = self._cached_weights(shape, align_corners)
        (_, _, across, down), (rows, columns) = weights, self.lattice
        n, (h, w) = len(theta), shape
        grid = DenseGrid(self._positions(theta, *weights), align_corners=align_corners)

        def backprop(d_grid: ArrayLike) -> Floats:
            d = grid.own_gradient(d_grid).transpose(1, 0, 2, 3).reshape(h, n * w * 2)
            d_along = (down.T @ d).reshape(rows, n, w, 2).transpose(2, 0, 1, 3).reshape(w, rows * n * 2)
            d_control = (across.T @ d_along).reshape(columns, rows, n, 2)
            return np.asarray(d_control.transpose(2, 3, 1, 0).reshape(theta.shape), theta.dtype)

        return grid, backprop

    def window(self, theta: ArrayLike, shape: Shape, window: tuple[slice, ...], align_corners: bool = True) -> DenseGrid:
        """Return the grid of a part of an output, with the bits that `forward` computes there.

        Parameters
        ----------
        theta, shape, align_corners
            As for `forward`.
        window : tuple of slice
            Rows and columns of the output, or planes, rows and columns, with start and stop.
        """
        theta, shape = self._check_theta(theta), check_shape(shape, ndim=self.ndim)
        if self.ndim == 3:
            places, axes = self._cached_weights(shape, align_corners)
            parts = window[::-1]
            cut = zip(places, axes, parts, strict=True)
            chosen = [(place[part], matrix[part]) for place, matrix, part in cut]
            positions = self._positions_in_volume(theta, *zip(*chosen, strict=True))
            return DenseGrid(positions, align_corners=align_corners)
        x, y, across, down = self._cached_weights(shape, align_corners)
        rows, columns = window
        positions = self._positions(theta, x[columns], y[rows], across[columns], down[rows])
        return DenseGrid(positions, align_corners=align_corners)

    def _positions(self, theta: Floats, x: Floats, y: Floats, across: csr_array, down: csr_array) -> Floats:
        """Positions (N, h, w, 2) of pixels in columns at x and rows at y, whose weights are given."""
        n, h, w, (rows, columns) = len(theta), len(y), len(x), self.lattice
        control = theta.reshape(n, 2, rows, columns)
        # Sums along x first: the last product then has long rows, in the order of the grid
        along = across.astype(theta.dtype) @ control.transpose(3, 2, 0, 1).reshape(columns, rows * n * 2)
        along = along.reshape(w, rows, n, 2).transpose(1, 2, 0, 3).reshape(rows, n * w * 2)
        positions = np.asarray(down.astype(theta.dtype) @ along).reshape(h, n, w, 2)
        positions[..., 0] += x.astype(theta.dtype)
        positions[..., 1] += y.astype(theta.dtype)[:, None, None]
        return positions.transpose(1, 0, 2, 3)

    def _positions_in_volume(self, theta: Floats, places: Sequence[Floats], axes: Sequence[csr_array]) -> Floats:
        """Positions (N, d, h, w, 3) of voxels at places x, y and z, whose weights are given."""
        field = theta.reshape(len(theta), 3, *self.lattice)
        for matrix in axes:  # one product after another, along x, y and z: the last axis of the field moves to the front
            field = _along_last(matrix.astype(theta.dtype), field)
        positions = np.ascontiguousarray(np.moveaxis(field, 1, -1))
        for axis, place in enumerate(places):
            positions[..., axis] += place.astype(theta.dtype).reshape(-1, *[1] * axis)
        return positions

    def _forward_in_volume(self, theta: Floats, shape: Shape, align_corners: bool) -> tuple[DenseGrid, Backprop]:
        """As `forward`, for three axes."""
        places, axes = self._cached_weights(shape, align_corners)
        grid = DenseGrid(self._positions_in_volume(theta, places, axes), align_corners=align_corners)

        def backprop(d_grid: ArrayLike) -> Floats:
            d_field = np.moveaxis(grid.own_gradient(d_grid), -1, 1)
            for matrix in axes:
                d_field = _along_last(matrix.T.astype(theta.dtype), d_field)
            return np.asarray(d_field.reshape(theta.shape), theta.dtype)

        return grid, backprop

    def theta_jacobian(self, theta: Floats, points: Floats) -> NDArray[np.float64]:
        """Derivatives (N, M, 2, P): the weights, which do not depend on theta."""
        weights = self._dense_weights_at(points)
        count = weights.shape[-1]
        result = np.zeros((len(theta), points.shape[-2], self.ndim, self.ndim * count))
        for axis in range(self.ndim):
            result[:, :, axis, axis * count : (axis + 1) * count] = weights
        return result

    def solve_points(self, pairs: Pairs, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The exact least squares."""
        weights = np.broadcast_to(self._dense_weights_at(pairs.source), (*pairs.target.shape[:2], math.prod(self.lattice)))
        solution = solve(weights * pairs.roots, (pairs.target - pairs.source) * pairs.roots)
        return np.asarray(np.swapaxes(solution, 1, 2).reshape(len(pairs), -1), np.float64)

    def maps_point_sets(self) -> bool:
        """Whether a subclass has not replaced `apply`."""
        return type(self).apply is LatticeTransform.apply

    def axis_control(self, x: NDArray[np.float64], count: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Numbers (M, S) of control points and their weights at any positions; those of the nearest edge outside."""
        first, weights = self.axis_weights(np.clip(x, -1.0, 1.0), count)
        first, weights = np.asarray(first), np.asarray(weights, np.float64)
        if first.shape != x.shape or weights.shape[:-1] != x.shape or first.dtype.kind not in "iu":
            expected = f"whole numbers {x.shape} and weights ({len(x)}, S)"
            raise ValueError(f"axis_weights: expected {expected}, got {first.dtype} {first.shape} and {weights.shape}")
        last = count - weights.shape[1]
        if len(x) and not (first.min() >= 0 and first.max() <= last):
            raise ValueError(f"axis_weights: expected first from 0 to {last}, got {first.min()} to {first.max()}")
        return first.astype(np.intp)[:, None] + np.arange(weights.shape[1]), weights

    def _weights_at(self, points: Floats) -> csr_array:
        """Weights (M, K) of all K control points at points (M, 2); for (N, M, 2) a matrix (N M, N K) of N blocks."""
        flat, size = points.reshape(-1, self.ndim).astype(np.float64), math.prod(self.lattice)
        flat = np.where(np.isnan(flat).any(axis=1, keepdims=True), 0.0, flat)
        blocks = 1 if points.ndim == 2 else len(points)
        control = np.zeros((len(flat), 1), np.intp)
        weights = np.ones((len(flat), 1))
        for axis, count in enumerate(self.lattice):
            at, values = self.axis_control(flat[:, self.ndim - 1 - axis], count)
            control = (control[:, :, None] * count + at[:, None, :]).reshape(len(flat), -1)
            weights = (weights[:, :, None] * values[:, None, :]).reshape(len(flat), -1)
        control += np.repeat(np.arange(blocks) * size, points.shape[-2])[:, None]
        return _sparse(control, weights, blocks * size)

    def _dense_weights_at(self, points: Floats) -> NDArray[np.float64]:
        """Weights (..., M, K) at points (..., M, 2)."""
        weights = self._weights_at(points.reshape(-1, self.ndim)).toarray()
        return np.asarray(weights.reshape(*points.shape[:-1], math.prod(self.lattice)), np.float64)

    @functools.cached_property
    def _cached_weights(self) -> Callable[[Shape, bool], tuple[Any, ...]]:
        weak_self = weakref.ref(self)  # a strong reference would be a cycle, and keep weights until garbage is collected

        def evaluate(shape: Shape, align_corners: bool) -> tuple[Any, ...]:
            transform = weak_self()
            assert transform is not None
            return transform._weights_of_pixels(shape, align_corners)

        return functools.lru_cache(_CACHED_SHAPES)(evaluate)

    def _weights_of_pixels(self, shape: Shape, align_corners: bool) -> tuple[Any, ...]:
        """Positions x (w,) and y (h,) of output pixels, and weights (w, columns) and (h, rows) of control points.

        In volumes the positions x, y and z, and the weights of x, y and z.
        """
        if self.ndim == 3:
            places = [_axis_positions(size, align_corners) for size in shape[::-1]]
            sizes = zip(places, self.lattice[::-1], strict=True)
            return places, [_sparse(*self.axis_control(place, count), count) for place, count in sizes]
        rows, columns = self.lattice
        x = base_points((1, shape[1]), align_corners)[:, 0]
        y = base_points((shape[0], 1), align_corners)[:, 1]
        return x, y, _sparse(*self.axis_control(x, columns), columns), _sparse(*self.axis_control(y, rows), rows)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_cached_weights"}


def _axis_positions(size: int, align_corners: bool) -> NDArray[np.float64]:
    """Normalized positions of the pixels of one axis."""
    return base_points((1, size), align_corners)[:, 0]


def _along_last(matrix: csr_array, field: Floats) -> Floats:
    """A field (N, 3, a, b, c) whose last axis is multiplied by a matrix (C, c) and moved before the others: (N, 3, C, a, b)."""
    moved = np.moveaxis(field, -1, 0)
    product = np.asarray(matrix @ moved.reshape(len(moved), -1)).reshape(matrix.shape[0], *moved.shape[1:])
    return np.moveaxis(product, 0, 2)


def _sparse(control: NDArray[np.intp], weights: NDArray[np.float64], count: int) -> csr_array:
    """The matrix (M, count) with weights (M, S) at columns `control` (M, S)."""
    from scipy.sparse import csr_array

    starts = np.arange(len(control) + 1) * control.shape[1]
    return csr_array((weights.ravel(), control.ravel(), starts), shape=(len(control), count))
