"""Grids given by one homography per image, between normalized positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba._util.arrays import as_array
from stn_numba.grid import pixel_conversion
from stn_numba.grid.between_pixels import Offset, lengths, longest_steps
from stn_numba.grid.coordinates import window_points
from stn_numba.grid.homography import is_affine, map_points, map_points_vjp
from stn_numba.grid.job_writers import MatrixWriter
from stn_numba.grid.kernel_grid import KernelGrid, PartialSums
from stn_numba.grid.kernel_words import KernelWords, grid_words
from stn_numba.grid.validation import Floats, Shape, as_floats, check_shape
from stn_numba.kernels.constants import AFFINE, HOMOGRAPHY
from stn_numba.kernels.runtime.addresses import address_of

__all__ = ["MatrixGrid"]

_MAX_PLANNED = 512  # matrices in a plan


class MatrixGrid(KernelGrid):
    """A grid given by one homography per image: (x, y, 1) of the output is mapped to the input, then divided.

    In volumes it maps (x, y, z, 1).

    Points whose denominator is not positive lie at or behind the horizon; their position is NaN, which the sampler treats as
    outside.

    Parameters
    ----------
    matrix : array_like, (N, 3, 3) or (N, 4, 4)
        From normalized output to normalized input positions.
    shape : (int, int) or (int, int, int)
        (h, w) of the output, or (d, h, w) of a volume. (1, h, w) is a plane, at z = 0.
    align_corners : bool, default True
        Convention of the positions, see `stn_numba.grid`.

    Raises
    ------
    TypeError
        If `matrix` does not hold real numbers, or `shape` is not two whole numbers (three for volumes).
    ValueError
        If `matrix` is neither (N, 3, 3) nor (N, 4, 4).

    Examples
    --------
    >>> MatrixGrid(np.eye(3)[None], (1, 2)).dense()[0, 0].tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    closed_form = True
    # A window, or a shifted grid, keeps the matrices of the whole output.
    _whole: Shape | None = None  # shape of the whole output; None if this is it
    _origin: tuple[float, ...]  # pixel (row, column) of the whole output at which this grid begins

    def __init__(self, matrix: ArrayLike, shape: Shape, *, align_corners: bool = True) -> None:
        given = as_array(matrix, "matrix")
        size = 4 if given.shape[-2:] == (4, 4) else 3
        self.values = as_floats(given, "matrix", ("N", size, size))
        self.shape = check_shape(shape, ndim=size - 1)
        self._origin = (0.0,) * (size - 1)
        self.align_corners = as_bool(align_corners, "align_corners")

    def _window(self, window: tuple[slice, ...]) -> Self:
        shape = tuple(part.stop - part.start for part in window)
        return self._moved(tuple(part.start for part in window))._with(shape=shape)

    def _moved(self, offset: tuple[float, ...]) -> Self:
        """The grid that begins `offset` (y, x), or (z, y, x), output pixels further along."""
        origin = tuple(start + more for start, more in zip(self._origin, offset, strict=True))
        return self._with(_whole=self._whole or self.shape, _origin=origin)

    def pixel_matrix(self, in_shape: Shape) -> NDArray[np.float64]:
        """Homographies (N, 3, 3) from output pixels to pixels of an input of shape (H, W); (N, 4, 4) for (D, H, W)."""
        whole = pixel_conversion.from_normalized(self.values, in_shape, self._whole or self.shape, self.align_corners)
        return whole if self._whole is None else self._from_origin(whole)

    def pixel_matrix_vjp(self, d_pixels: Floats, in_shape: Shape) -> Floats:
        """Convert a gradient (N, 3, 3) with respect to `pixel_matrix` to one with respect to `values`."""
        d_whole = d_pixels if self._whole is None else self._from_origin_vjp(d_pixels)
        d_values = pixel_conversion.from_normalized_vjp(d_whole, in_shape, self._whole or self.shape, self.align_corners)
        return d_values.astype(self.values.dtype, copy=False)

    def _from_origin(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Matrices between pixels of the whole output as matrices from the pixels of this one."""
        pixels = whole.copy()
        with np.errstate(all="ignore"):
            pixels[..., -1] += sum(start * pixels[..., axis] for axis, start in enumerate(self._origin[::-1]))
        return pixels

    def _from_origin_vjp(self, d_pixels: Floats) -> Floats:
        d_whole = d_pixels.copy()
        for axis, start in enumerate(self._origin[::-1]):
            d_whole[..., axis] += start * d_pixels[..., -1]
        return d_whole

    def affine_matrices(self, in_shape: Shape) -> NDArray[np.float64] | None:
        """Matrices (N, 3, 3) from output pixels to input pixels, if all maps are affine."""
        pixels = self.pixel_matrix(in_shape)
        return pixels if is_affine(pixels) else None

    def dense(self) -> Floats:
        """Compute all positions, (N, h, w, 2) or (N, d, h, w, 3)."""
        return map_points(self.values, self._points()).reshape(len(self), *self.shape, self.ndim)

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Sum the gradient with respect to the positions to one with respect to the matrices."""
        points = self._points()
        return map_points_vjp(self.values, points, np.reshape(d_dense, (len(self), len(points), self.ndim)))

    def _points(self) -> NDArray[np.float64]:
        """Normalized positions (h * w, 2) of the output pixels, or (d * h * w, 3)."""
        return window_points(self.shape, self._whole or self.shape, self._origin, self.align_corners)

    def pixel_scale(self, in_shape: Shape, units: str = "normalized", displacement: bool = False) -> NDArray[np.float64]:
        """Zeros: kernels read matrices between pixels."""
        return np.zeros((self.ndim, 2 + self.ndim))

    def kernel_source(self, in_shape: Shape, scale: NDArray[np.float64]) -> KernelWords:
        """The grid as kernels read it."""
        pixels = self.pixel_matrix(in_shape)
        kind = AFFINE if is_affine(pixels) else HOMOGRAPHY
        return grid_words(kind, self.shape, (pixels,), matrix=address_of(pixels))

    def all_nan(self) -> NDArray[np.bool_]:
        """(N,): whether a matrix contains NaN."""
        return np.asarray(np.isnan(self.values).any(axis=(1, 2)))

    def partial_sums(self, batch: int, pieces: int) -> PartialSums:
        """Shape and dtype of the gradients with respect to 3 x 3 matrices, which kernels use even if `values` are 2 x 3."""
        return (batch, pieces, self.ndim + 1, self.ndim + 1), np.dtype(np.float64)

    def sum_partials(self, partials: NDArray[Any], in_shape: Shape) -> Floats:
        """Gradient with respect to the matrices from the `partial_sums` of kernels."""
        return self.pixel_matrix_vjp(self._sum_outputs(partials), in_shape)

    def longest_steps(self, in_shape: Shape, scale: NDArray[np.float64], everywhere: bool) -> NDArray[np.float64]:
        """Longest distance in input pixels between neighbors along y and along x, (N, 2): edges of the output pixels' cells.

        (N, 3) for z, y and x of volumes.
        """
        matrix = self.pixel_matrix(in_shape)
        constant: NDArray[np.float64] = lengths(matrix[:, axis, self.ndim - 1 :: -1] for axis in range(self.ndim))
        affine = (matrix[:, -1] == np.eye(self.ndim + 1)[-1]).all(axis=1)
        if affine.all():
            return constant
        cells = tuple(length + 1 for length in self.shape)

        def corners(rows: slice) -> Floats:
            axes = np.arange(rows.start, rows.stop), *map(np.arange, cells[1:])
            points = np.stack(np.meshgrid(*axes, indexing="ij")[::-1], axis=-1) - 0.5
            return map_points(matrix, points.reshape(-1, self.ndim)).reshape(len(matrix), *points.shape)

        longest = longest_steps(corners, (len(matrix), *cells), in_shape, everywhere)
        return np.where(affine[:, None], constant, longest)

    def shifted(self, offsets: Iterable[Offset]) -> Iterator[tuple[Offset, Self]]:
        """Each offset (y, x), or (z, y, x), and the grid of the same matrices that begins there."""
        return ((offset, self._moved(offset)) for offset in offsets)

    def shifted_vjp(self, offset: Offset, d_shifted: Floats) -> Floats:
        """Return the gradient itself: a `shifted` grid has the same values."""
        return d_shifted

    def plan_key(self) -> tuple[Any, ...] | None:
        """What grids have in common that can share a plan."""
        if type(self) is not MatrixGrid or self._whole is not None or self.ndim != 2:
            return None
        return MatrixGrid, self.values.shape, self.values.dtype, self.shape, self.align_corners

    def can_be_planned(self) -> bool:
        """Whether a plan can hold this number of matrices."""
        return len(self) <= _MAX_PLANNED

    def job_writer(self, start: int, end: int, in_shape: Shape) -> MatrixWriter:
        """Return what writes the matrices between pixels."""
        return MatrixWriter(start, end, self.values, (in_shape, self.shape, self.align_corners))
