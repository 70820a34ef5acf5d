"""Grids given by one homography an image, between normalized positions or between pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba._util.arrays import as_array
from stn_numba.grid import pixel_matrix
from stn_numba.grid.coordinates import Floats, Shape, as_floats, base_points, check_shape, input_axis, to_normalized
from stn_numba.grid.kinds import Grid, as_slice

__all__ = ["MatrixGrid", "PixelMatrixGrid", "grid_from_pixel_matrix", "map_points", "map_points_vjp"]


class MatrixGrid(Grid):
    """A grid given by one homography an image: (x, y, 1) of the output is mapped to the input, then divided.

    Points whose denominator is not positive lie at or behind the horizon; their position is NaN, which the sampler takes
    as outside.

    Parameters
    ----------
    matrix
        (N, 3, 3), from normalized output to normalized input positions.
    shape
        (h, w) of the output.
    align_corners
        The convention of both sides.

    Attributes
    ----------
    in_shape
        (H, W) of the only images that it may read; None for any.

    Examples
    --------
    >>> MatrixGrid(np.eye(3)[None], (1, 2)).dense()[0, 0].tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    in_shape: Shape | None = None

    def __init__(self, matrix: ArrayLike, shape: Shape, *, align_corners: bool = True) -> None:
        self.values = as_floats(matrix, "matrix", ("N", 3, 3))
        self.shape = check_shape(shape)
        self.align_corners = as_bool(align_corners, "align_corners")

    def __getitem__(self, rows: slice) -> MatrixGrid:
        return MatrixGrid(self.values[as_slice(rows)], self.shape, align_corners=self.align_corners)

    def pixel_matrix(self, in_shape: Shape) -> NDArray[np.float64]:
        """Homographies (N, 3, 3) from output pixels to pixels of an input of (H, W)."""
        return pixel_matrix.from_normalized(self.values, in_shape, self.shape, self.align_corners)

    def pixel_matrix_vjp(self, d_pixels: Floats, in_shape: Shape) -> Floats:
        """Turn a gradient (N, 3, 3) by `pixel_matrix` into one by `values`."""
        d_values = pixel_matrix.from_normalized_vjp(d_pixels, in_shape, self.shape, self.align_corners)
        return d_values.astype(self.values.dtype, copy=False)

    def shifted(self, in_shape: Shape, right: float, down: float) -> PixelMatrixGrid:
        """Return the grid that reads where this one would so many output pixels further to the right and down."""
        pixels = self.pixel_matrix(in_shape).copy()
        with np.errstate(all="ignore"):
            pixels[..., 2] += right * pixels[..., 0] + down * pixels[..., 1]
        return PixelMatrixGrid._facing(pixels, in_shape, self.shape)

    def shifted_vjp(self, d_shifted: Floats, in_shape: Shape, right: float, down: float) -> Floats:
        """Turn a gradient by the values of the `shifted` grid into one by the values of this one."""
        d_pixels = d_shifted.copy()
        d_pixels[..., 0] += right * d_shifted[..., 2]
        d_pixels[..., 1] += down * d_shifted[..., 2]
        return self.pixel_matrix_vjp(d_pixels, in_shape)

    def dense(self) -> Floats:
        """Build all positions, (N, h, w, 2)."""
        mapped = map_points(self.values, base_points(self.shape, self.align_corners))
        return mapped.reshape(len(self), *self.shape, 2)

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Sum the gradient by the positions into one by the matrix."""
        points = base_points(self.shape, self.align_corners)
        return map_points_vjp(self.values, points, np.reshape(d_dense, (len(self), len(points), 2)))


class PixelMatrixGrid(MatrixGrid):
    """A grid given by one homography an image between pixels, which the sampler reads as it is.

    `values` are the matrices as they were given, and so is the gradient. See `grid_from_pixel_matrix`, which makes it.

    Parameters
    ----------
    matrix
        (N, 2, 3) or (N, 3, 3).
    in_shape, shape
        (H, W) of the input and (h, w) of the output.
    inverse
        Whether the matrices lead from input to output pixels.
    """

    align_corners = False

    def __init__(self, matrix: ArrayLike, in_shape: Shape, shape: Shape, *, inverse: bool = False) -> None:
        given = as_array(matrix, "matrix")
        self.values = as_floats(given, "matrix", ("N", 2 if given.shape[-2:] == (2, 3) else 3, 3))
        self.in_shape, self.shape = check_shape(in_shape, "in_shape"), check_shape(shape, "out_shape")
        self.inverse = as_bool(inverse, "inverse")
        square = np.tile(np.eye(3), (len(self.values), 1, 1))
        square[:, : self.values.shape[1]] = self.values
        with np.errstate(all="ignore"):  # infinite and NaN entries lead outside
            to_input = _inverted(square) if self.inverse else square
            self._pixels, factors = pixel_matrix.facing(to_input, self.in_shape)
        self._to_input, self._factors = to_input, factors[:, None, None]

    @classmethod
    def _facing(cls, pixels: NDArray[np.float64], in_shape: Shape, shape: Shape) -> PixelMatrixGrid:
        """Return a grid of matrices from output to input pixels that show the image on their positive side."""
        grid = cls.__new__(cls)
        grid.values = grid._pixels = grid._to_input = pixels
        grid.in_shape, grid.shape, grid.inverse, grid._factors = in_shape, shape, False, np.ones((len(pixels), 1, 1))
        return grid

    def __repr__(self) -> str:
        inverse = ", inverse=True" if self.inverse else ""
        return f"<PixelMatrixGrid: N = {len(self)}, from {self.in_shape} to {self.shape}{inverse}>"

    def __getitem__(self, rows: slice) -> PixelMatrixGrid:
        assert self.in_shape is not None
        rows = as_slice(rows)
        part = self._facing(self._pixels[rows], self.in_shape, self.shape)
        part.values, part._to_input, part._factors = self.values[rows], self._to_input[rows], self._factors[rows]
        part.inverse = self.inverse
        return part

    def pixel_matrix(self, in_shape: Shape) -> NDArray[np.float64]:
        """Homographies (N, 3, 3) from output pixels to input pixels."""
        return self._pixels

    def pixel_matrix_vjp(self, d_pixels: Floats, in_shape: Shape) -> Floats:
        """Turn a gradient (N, 3, 3) by `pixel_matrix` into one by the matrices that were given."""
        d_square = d_pixels * self._factors  # a map does not change with a factor, so the gradient changes with its inverse
        if self.inverse:
            across = np.swapaxes(self._to_input, 1, 2)
            with np.errstate(all="ignore"):
                d_square = -across @ d_square @ across
        return d_square[:, : self.values.shape[1]].astype(self.values.dtype, copy=False)

    def dense(self) -> Floats:
        """Build all positions, (N, h, w, 2), normalized with ``align_corners=False``."""
        assert self.in_shape is not None
        mapped = to_normalized(map_points(self._pixels, _pixel_centers(self.shape)), self.in_shape, False)
        return mapped.reshape(len(self), *self.shape, 2)

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Sum the gradient by the positions into one by the matrices that were given."""
        assert self.in_shape is not None
        scale = [input_axis(size, False)[0] or np.inf for size in self.in_shape[::-1]]
        d_mapped = np.reshape(d_dense, (len(self), self.shape[0] * self.shape[1], 2)) / scale
        return self.pixel_matrix_vjp(map_points_vjp(self._pixels, _pixel_centers(self.shape), d_mapped), self.in_shape)


def grid_from_pixel_matrix(matrix: ArrayLike, in_shape: Shape, out_shape: Shape, *, inverse: bool = False) -> PixelMatrixGrid:
    """Return the grid of a matrix between pixels, as OpenCV and scikit-image take it.

    The sampler works with the matrix itself: a crop by whole pixels is that crop, bit for bit, and positions that lie halfway
    between pixels do so exactly.

    A homography sees the input image on one side of its horizon. That side is chosen by the input: its center lies in front,
    and where the horizon cuts the image, the larger part does. Output pixels behind the horizon read as outside. So a matrix
    and its negative give the same output, and the size of the output does not matter: a part of a warp is the same part of
    the whole warp. OpenCV draws what lies behind the horizon too, as a mirrored ghost.

    Parameters
    ----------
    matrix
        (2, 3) or (3, 3), or N of them: from (x, y, 1) in output pixels to input pixels, where 0 is the center of the first.
    in_shape, out_shape
        (H, W) of the image that is read, and (h, w) of the output.
    inverse
        Whether the matrix leads from input to output pixels instead, as OpenCV's do without ``WARP_INVERSE_MAP``.

    Returns
    -------
    PixelMatrixGrid
        For `stn_numba.sample` of images of `in_shape`. Its gradient, as `stn_numba.sample_vjp` returns it, is that by the
        matrix you gave: (N, 2, 3) or (N, 3, 3), in its units and for its direction.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not of these shapes, or has no inverse where that is asked for.

    Examples
    --------
    >>> two_right = [[1, 0, 2], [0, 1, 0]]
    >>> grid_from_pixel_matrix(two_right, (4, 4), (4, 2)).dense()[0, 0].tolist()
    [[0.25, -0.75], [0.75, -0.75]]
    """
    given = as_array(matrix, "matrix")
    if given.shape[-2:] not in ((2, 3), (3, 3)) or given.ndim > 3:
        hint = "; take np.reshape(matrix, (2, 3))" if given.shape == (6,) else ""
        raise ValueError(f"matrix: expected (2, 3) or (3, 3), or N of them, got {given.shape}{hint}")
    return PixelMatrixGrid(given[None] if given.ndim == 2 else given, in_shape, out_shape, inverse=inverse)


def _inverted(square: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverses of matrices; those that are not finite lead outside."""
    result = pixel_matrix.inverted(square)
    if not np.isfinite(result[np.isfinite(square).all(axis=(1, 2))]).all():
        raise ValueError("matrix: expected one that has an inverse, got a singular one")
    return result


def _pixel_centers(shape: Shape) -> NDArray[np.float64]:
    """(h * w, 2): the pixels (x, y) of an output, row by row."""
    y, x = np.indices(shape, np.float64)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def map_points(matrix: Floats, points: Floats) -> Floats:
    """Map points (M, 2) by homographies (N, 3, 3) to (N, M, 2); NaN at and behind the horizon."""
    mapped = points @ np.swapaxes(matrix[:, :, :2], 1, 2) + matrix[:, None, :, 2]
    depth = mapped[..., 2:]
    with np.errstate(all="ignore"):
        result: Floats = np.where(depth > 0, mapped[..., :2] / depth, np.nan)
    return result


def map_points_vjp(matrix: Floats, points: Floats, d_mapped: Floats) -> Floats:
    """Gradient by the matrix (N, 3, 3) for a gradient (N, M, 2) by the mapped points; the hidden ones give nothing."""
    mapped = map_points(matrix, points)
    depth = points @ np.swapaxes(matrix[:, 2:, :2], 1, 2) + matrix[:, None, 2:, 2]
    with np.errstate(all="ignore"):
        d_rows = d_mapped / depth
        shares = np.where(d_rows != 0, d_rows * mapped, 0)  # a mapped point may be infinite, and 0 * infinity is not 0
        d_rows = np.concatenate([d_rows, -np.sum(shares, axis=-1, keepdims=True)], axis=-1)
    d_rows = np.where(depth > 0, d_rows, 0)
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    result: Floats = np.swapaxes(d_rows, 1, 2) @ homogeneous
    return result
