"""The plugin contract: a transform maps output positions to input positions (S_i = tau_theta(G_i), equation 1).

Choose the base class that fits; most transforms are one function:

`LinearTransform`
    linear in its parameters: write ``basis(points)``.
`MatrixTransform`
    a homography: write ``matrix_vjp(theta)``.
`Transform`
    anything else: write ``apply(theta, points)``, and ``apply_vjp`` if it is to be trained.

Jaderberg et al., "Spatial Transformer Networks", NIPS 2015, arXiv 1506.02025, section 3.2.
"""

from __future__ import annotations

import functools
import reprlib
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.representation import call_repr, constructor_arguments
from stn_numba.grid import (
    BasisGrid,
    DenseGrid,
    Floats,
    Grid,
    MatrixGrid,
    Shape,
    as_floats,
    base_points,
    check_shape,
    map_points,
    map_points_vjp,
    pixel_points,
)
from stn_numba.grid.basis_rows import BasisRows
from stn_numba.transform.parameters import as_theta

__all__ = ["LinearTransform", "MatrixTransform", "Transform"]

Backprop = Callable[[ArrayLike], Floats]

_BASES_KEPT = 4  # shapes a linear transform remembers; training and inference use one or two


class Transform(ABC):
    """A map from output to input positions with P parameters an image.

    Attributes
    ----------
    n_params
        P, the number of parameters.

    Examples
    --------
    A fish-eye with one parameter:

    >>> class FishEye(Transform):
    ...     n_params = 1
    ...     def identity(self):
    ...         return np.zeros(1)
    ...     def apply(self, theta, points):
    ...         theta, points = np.asarray(theta), np.asarray(points)
    ...         squared = np.sum(points**2, axis=-1, keepdims=True)
    ...         return points * (1 + theta[:, None] * squared)
    >>> grid, _ = FishEye().forward([[0.5]], (3, 3))
    >>> grid.dense().shape
    (1, 3, 3, 2)
    >>> FishEye().apply([[0.5]], [[1.0, 0.0]]).tolist()
    [[[1.5, 0.0]]]
    """

    n_params: int

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        try:
            return call_repr(self, self._shown_options())
        except Exception:  # of an instance whose constructor has not run to its end
            return f"<{type(self).__name__}>"

    def _shown_options(self) -> dict[str, Any]:
        """Options that ``repr`` shows; by default the constructor's arguments that are attributes of the same names."""
        return constructor_arguments(self)

    @abstractmethod
    def identity(self) -> NDArray[np.float64]:
        """(P,) parameters that map every point to itself, or as nearly as the transform can."""

    @abstractmethod
    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) with each row of theta (N, P) to (N, M, 2), all normalized (x, y)."""

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """As `apply`, and ``backprop(d_mapped (N, M, 2)) -> d_theta (N, P)``."""
        raise NotImplementedError(
            f"{type(self).__name__} has no apply_vjp, so it can warp but not be trained: "
            "write apply_vjp(theta, points) -> (mapped, backprop)"
        )

    def forward(self, theta: ArrayLike, shape: Shape, align_corners: bool = True) -> tuple[Grid, Backprop]:
        """Lay the sampling grid for an output of the given shape.

        Parameters
        ----------
        theta
            (N, P) parameters.
        shape
            (h, w) of the output.
        align_corners
            The convention of the grid, see `stn_numba.grid`.

        Returns
        -------
        grid
            A `Grid` for N images.
        backprop
            ``backprop(d_grid) -> d_theta (N, P)``; `d_grid` as `sample_vjp` gives it, or (N, h, w, 2).

        Raises
        ------
        ValueError
            If theta has not P columns, or the transform returns another shape than (N, M, 2).
        """
        theta = self._check_theta(theta)
        shape = check_shape(shape)
        points = base_points(shape, align_corners).astype(theta.dtype)
        if type(self).apply_vjp is Transform.apply_vjp:
            mapped, pull_back = self.apply(theta, points), None
        else:
            mapped, pull_back = self.apply_vjp(theta, points)
        self._check_result(mapped, (len(theta), len(points), 2))
        grid = DenseGrid(np.reshape(mapped, (len(theta), *shape, 2)), align_corners=align_corners)

        def backprop(d_grid: ArrayLike) -> Floats:
            if pull_back is None:
                self.apply_vjp(theta, points)  # says what is missing
                raise AssertionError
            d_theta = pull_back(np.reshape(grid.own_gradient(d_grid), mapped.shape))
            return np.asarray(d_theta, theta.dtype)

        return grid, backprop

    def _check_theta(self, theta: ArrayLike) -> Floats:
        return as_theta(theta, self.n_params, self)

    def _check_result(self, mapped: Any, expected: tuple[int, ...]) -> None:
        got = getattr(mapped, "shape", type(mapped).__name__)
        if got != expected:
            raise ValueError(f"{type(self).__name__}.apply: expected an array {expected}, got {got}")


class MatrixTransform(Transform):
    """A transform that is a homography; the sampler works out positions from the matrix on the fly.

    Examples
    --------
    >>> class Shift(MatrixTransform):
    ...     n_params = 2
    ...     def identity(self):
    ...         return np.zeros(2)
    ...     def matrix_vjp(self, theta):
    ...         matrix = np.tile(np.eye(3, dtype=theta.dtype), (len(theta), 1, 1))
    ...         matrix[:, :2, 2] = theta
    ...         return matrix, lambda d_matrix: d_matrix[:, :2, 2]
    >>> Shift().apply([[0.5, 0.0]], [[0.0, 0.0]]).tolist()
    [[[0.5, 0.0]]]
    """

    @abstractmethod
    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Matrices (N, 3, 3) for theta (N, P), and ``backprop(d_matrix (N, 3, 3)) -> d_theta (N, P)``."""

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) to (N, M, 2); NaN for points at or behind the horizon of a homography."""
        return self.apply_vjp(self._check_theta(theta), as_floats(points, "points", ("M", 2)))[0]

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """As `apply`, with the way back to theta."""
        matrix, pull_back = self.matrix_vjp(theta)
        return map_points(matrix, points), lambda d: pull_back(map_points_vjp(matrix, points, np.asarray(d)))

    def apply_inverse(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map positions of the input to positions of the output: where in the output a key point or a box's corner is found.

        Parameters
        ----------
        theta
            (N, P) parameters.
        points
            (M, 2) normalized (x, y).

        Returns
        -------
        (N, M, 2); NaN for points that no output position reads, and for all under a matrix that has no inverse.

        Examples
        --------
        What lies half-way to the right is seen at the right edge by a transform that zooms in twofold:

        >>> from stn_numba import get_transform
        >>> get_transform("affine").apply_inverse([[0.5, 0, 0, 0, 0.5, 0]], [[0.5, 0.0]]).tolist()
        [[[1.0, 0.0]]]
        """
        theta, points = self._check_theta(theta), as_floats(points, "points", ("M", 2))
        matrix = np.asarray(self.matrix_vjp(theta)[0], np.float64)
        finite = np.isfinite(matrix).all(axis=(1, 2))
        rows = np.flatnonzero(finite)[np.linalg.det(matrix[finite]) != 0]
        inverse = np.full_like(matrix, np.nan)
        inverse[rows] = np.linalg.inv(matrix[rows])
        return map_points(inverse, points).astype(theta.dtype)

    def forward(self, theta: ArrayLike, shape: Shape, align_corners: bool = True) -> tuple[MatrixGrid, Backprop]:
        """As `Transform.forward`; the grid is a `MatrixGrid`."""
        theta = self._check_theta(theta)
        matrix, pull_back = self.matrix_vjp(theta)
        grid = MatrixGrid(matrix, shape, align_corners=align_corners)
        return grid, lambda d_grid: np.asarray(pull_back(grid.own_gradient(d_grid)), theta.dtype)


class LinearTransform(Transform):
    """A transform that is linear in its parameters: mapped = basis(points) @ coefficients.

    theta is read as (N, 2, B): the B coefficients of x, then those of y; so P = 2 B.

    Attributes
    ----------
    max_cached_bytes
        The basis at the pixels of an output (8 B h w bytes) is kept from call to call if it takes no more than this, 8 MiB
        unless set otherwise on the class or on an instance. A larger one is worked out at every reading: a warp of a large
        image then takes little memory and some more time.

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
        """Values (M, B) of the basis functions at points (M, 2).

        Each point stands for itself: points are handed over a few thousand at a time.
        """

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """P = 2 B."""
        return 2 * int(self.basis(np.zeros((1, 2))).shape[1])

    def identity(self) -> NDArray[np.float64]:
        """Coefficients that map every point to itself, by least squares on a 9 x 9 grid."""
        points = base_points((9, 9))
        coefficients = np.linalg.lstsq(self.basis(points), points, rcond=None)[0]
        return np.asarray(coefficients.T.ravel(), np.float64)

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) with each row of theta (N, P) to (N, M, 2)."""
        return self.apply_vjp(self._check_theta(theta), as_floats(points, "points", ("M", 2)))[0]

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """As `apply`, with the way back to theta."""
        basis = self.basis(points.astype(np.float64))
        mapped = np.swapaxes(theta.reshape(len(theta), 2, basis.shape[1]) @ basis.T, 1, 2).astype(theta.dtype)

        def backprop(d_mapped: ArrayLike) -> Floats:
            d_coefficients = np.swapaxes(np.asarray(d_mapped), 1, 2) @ basis
            return d_coefficients.reshape(theta.shape).astype(theta.dtype)

        return mapped, backprop

    def forward(self, theta: ArrayLike, shape: Shape, align_corners: bool = True) -> tuple[BasisGrid, Backprop]:
        """As `Transform.forward`; the grid is a `BasisGrid`, its basis kept for the next call of the same shape.

        A basis of more than `max_cached_bytes` is not kept: it is worked out, a few rows at a time, whenever the grid is read.
        """
        theta = self._check_theta(theta)
        shape = check_shape(shape)
        rows = self._basis_rows(shape, align_corners, theta.shape[1] // 2)
        basis = rows if rows.nbytes > self.max_cached_bytes else self._kept_basis(shape, align_corners)
        grid = BasisGrid(basis, theta.reshape(len(theta), 2, theta.shape[1] // 2), shape, align_corners=align_corners)
        return grid, lambda d_grid: grid.own_gradient(d_grid).reshape(theta.shape).astype(theta.dtype)

    def _basis_rows(self, shape: Shape, align_corners: bool, count: int) -> BasisRows:
        return BasisRows(functools.partial(_basis_at_pixels, self, shape, align_corners), count, shape)

    @functools.cached_property
    def _kept_basis(self) -> Callable[[Shape, bool], NDArray[np.float64]]:
        me = weakref.ref(self)  # else the bases of instances that nobody holds would wait for the garbage collector

        def evaluate(shape: Shape, align_corners: bool) -> NDArray[np.float64]:
            transform = me()
            assert transform is not None
            return transform._basis_rows(shape, align_corners, transform.n_params // 2).kept().T

        return functools.lru_cache(_BASES_KEPT)(evaluate)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_kept_basis"}


def _basis_at_pixels(
    transform: LinearTransform, shape: Shape, align_corners: bool, first: int, last: int
) -> NDArray[np.float64]:
    """Functions (last - first, B) of a transform at output pixels, counted row by row."""
    return transform.basis(pixel_points(shape, align_corners, first, last))
