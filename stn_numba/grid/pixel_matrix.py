"""Grids given by one homography per image, between pixels."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba._util.arrays import as_array
from stn_numba.grid.coordinates import input_axis, to_normalized
from stn_numba.grid.homography import facing, inverted, map_points, map_points_vjp
from stn_numba.grid.matrix import MatrixGrid
from stn_numba.grid.validation import Floats, Shape, as_batch_slice, as_floats, check_shape

__all__ = ["PixelMatrixGrid", "as_matrices", "as_square", "grid_from_pixel_matrix"]


class PixelMatrixGrid(MatrixGrid):
    """A grid given by one homography per image between pixels, which the sampler reads without conversion.

    `values` are the matrices that you passed, and gradients are with respect to these. Made by `grid_from_pixel_matrix`.

    Parameters
    ----------
    matrix : array_like, (N, 2, 3) or (N, 3, 3)
        From output pixels to input pixels. (N, 3, 4) or (N, 4, 4) for volumes.
    in_shape, shape : (int, int) or (int, int, int)
        (H, W) of the input and (h, w) of the output, (D, H, W) and (d, h, w) of volumes.
    inverse : bool, default False
        Whether the matrices map input pixels to output pixels instead.
    """

    align_corners = False
    in_shape: Shape

    def __init__(self, matrix: ArrayLike, in_shape: Shape, shape: Shape, *, inverse: bool = False) -> None:
        given = as_array(matrix, "matrix")
        ndim = _ndim_of(given)
        self.values = as_floats(given, "matrix", ("N", ndim + (given.shape[-2:] != (ndim, ndim + 1)), ndim + 1))
        self.in_shape, self.shape = check_shape(in_shape, "in_shape", ndim), check_shape(shape, "out_shape", ndim)
        self._origin = (0.0,) * ndim
        self.inverse = as_bool(inverse, "inverse")
        square = as_square(self.values)
        with np.errstate(all="ignore"):  # positions outside the image follow from infinite and NaN entries
            to_input = _inverted(square) if self.inverse else square
            self._pixels, factors = facing(to_input, self.in_shape)
        self._to_input, self._factors = to_input, factors[:, None, None]

    def __getitem__(self, rows: slice) -> Self:
        rows = as_batch_slice(rows)
        own = {name: getattr(self, name)[rows] for name in ("values", "_pixels", "_to_input", "_factors")}
        return self._with(**own)

    def __repr__(self) -> str:
        inverse = ", inverse=True" if self.inverse else ""
        return f"<PixelMatrixGrid: N = {len(self)}, from {self.in_shape} to {self.shape}{inverse}>"

    def pixel_matrix(self, in_shape: Shape) -> NDArray[np.float64]:
        """Homographies (N, 3, 3), or (N, 4, 4), from output pixels to input pixels."""
        return self._pixels if self._whole is None else self._from_origin(self._pixels)

    def pixel_matrix_vjp(self, d_pixels: Floats, in_shape: Shape) -> Floats:
        """Convert a gradient (N, 3, 3) with respect to `pixel_matrix` to one with respect to the matrices that you passed."""
        return self._given_vjp(d_pixels if self._whole is None else self._from_origin_vjp(d_pixels))

    def _given_vjp(self, d_pixels: Floats) -> Floats:
        """Convert a gradient with respect to the matrices from output to input to one with respect to `values`."""
        d_square = d_pixels * self._factors  # a factor does not change the map, so it divides the gradient
        if self.inverse:
            across = np.swapaxes(self._to_input, 1, 2)
            with np.errstate(all="ignore"):
                d_square = -across @ d_square @ across
        return d_square[:, : self.values.shape[1]].astype(self.values.dtype, copy=False)

    def dense(self) -> Floats:
        """Compute all positions, (N, h, w, 2) or (N, d, h, w, 3), normalized with ``align_corners=False``."""
        mapped = to_normalized(map_points(self._pixels, self._points()), self.in_shape, False)
        return mapped.reshape(len(self), *self.shape, self.ndim)

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Sum the gradient with respect to the positions to one with respect to the matrices that you passed."""
        points = self._points()
        scale = [input_axis(size, False)[0] or np.inf for size in self.in_shape[::-1]]
        d_mapped = np.reshape(d_dense, (len(self), len(points), self.ndim)) / scale
        return self._given_vjp(map_points_vjp(self._pixels, points, d_mapped))

    def _points(self) -> NDArray[np.float64]:
        """The output pixels (h * w, 2), last axis (x, y), or (d * h * w, 3)."""
        axes = (np.ravel(index) + start for index, start in zip(np.indices(self.shape), self._origin, strict=True))
        return np.stack([*axes][::-1], axis=-1)


def grid_from_pixel_matrix(matrix: ArrayLike, in_shape: Shape, out_shape: Shape, *, inverse: bool = False) -> PixelMatrixGrid:
    """Return the grid of a matrix between pixels, in the convention of OpenCV and scikit-image.

    The sampler uses the matrix itself: a crop by whole pixels is exactly that crop, and positions that lie halfway between
    pixels do so exactly.

    A homography shows the input image on one side of its horizon. That side is chosen by the input: its center lies in front,
    and where the horizon cuts the image, the larger part does. Output pixels behind the horizon read as outside. So a matrix
    and its negative give the same output, and a part of the output does not depend on its size. OpenCV also draws what lies
    behind the horizon, as a mirrored ghost.

    Parameters
    ----------
    matrix : array_like, (2, 3), (3, 3), (N, 2, 3) or (N, 3, 3)
        From (x, y, 1) in output pixels to input pixels, where 0 is the center of the first one. For volumes (3, 4) or (4, 4),
        or N of them: from (x, y, z, 1).
    in_shape : (int, int) or (int, int, int)
        (H, W) of the image to read, or (D, H, W) of a volume.
    out_shape : (int, int) or (int, int, int)
        (h, w) of the output, or (d, h, w) of a volume; (1, h, w) is a plane.
    inverse : bool, default False
        Whether the matrix maps input pixels to output pixels instead, as OpenCV's do without ``WARP_INVERSE_MAP``.

    Returns
    -------
    PixelMatrixGrid
        For `stn_numba.sample` with images of `in_shape`. Its gradient, as `stn_numba.sample_vjp` returns it, is with respect
        to the matrix that you passed: (N, 2, 3) or (N, 3, 3), in its units and for its direction; (N, 3, 4) or (N, 4, 4) for
        volumes.

    Raises
    ------
    TypeError
        If `matrix` does not hold real numbers, or a shape is not two whole numbers (three for volumes).
    ValueError
        If `matrix` has another shape, or no inverse although `inverse` is True.

    Examples
    --------
    >>> two_right = [[1, 0, 2], [0, 1, 0]]
    >>> grid_from_pixel_matrix(two_right, (4, 4), (4, 2)).dense()[0, 0].tolist()
    [[0.25, -0.75], [0.75, -0.75]]
    """
    given = as_array(matrix, "matrix")
    return PixelMatrixGrid(as_matrices(given, _ndim_of(given)), in_shape, out_shape, inverse=inverse)


def _ndim_of(matrix: NDArray[Any]) -> int:
    """How many axes the images have that matrices are for."""
    return 3 if matrix.shape[-1:] == (4,) else 2


def as_matrices(matrix: ArrayLike, ndim: int = 2) -> NDArray[Any]:
    """Return one matrix (2, 3) or (3, 3), or N of them, with the batch axis; (3, 4) or (4, 4) for volumes.

    Raises
    ------
    TypeError, ValueError
        If it is no array, or has another shape.
    """
    given = as_array(matrix, "matrix")
    flat, square = (ndim, ndim + 1), (ndim + 1, ndim + 1)
    if given.shape[-2:] not in (flat, square) or given.ndim > 3:
        hint = f"; take np.reshape(matrix, {flat})" if given.shape == (ndim * (ndim + 1),) else ""
        raise ValueError(f"matrix: expected {flat} or {square}, or N of them, got {given.shape}{hint}")
    return given[None] if given.ndim == 2 else given


def as_square(matrix: Floats) -> NDArray[np.float64]:
    """Matrices (N, 3, 3) of (N, 2, 3) or (N, 3, 3), with the row (0, 0, 1) where it is missing; alike for volumes."""
    square = np.tile(np.eye(matrix.shape[-1]), (len(matrix), 1, 1))
    square[:, : matrix.shape[1]] = matrix
    return square


def _inverted(square: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverses of matrices; those of matrices that are not finite are infinite or NaN."""
    result = inverted(square)
    if not np.isfinite(result[np.isfinite(square).all(axis=(1, 2))]).all():
        raise ValueError("matrix: expected one that has an inverse, got a singular one")
    return result
