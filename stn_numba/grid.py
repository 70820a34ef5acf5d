"""The coordinate convention, and the three kinds of sampling grid.

Convention
    Positions are (x, y), normalised: with ``align_corners=True`` -1 is the centre of the first pixel of an axis and +1 the
    centre of the last one; with ``align_corners=False`` they are the outer edges of those pixels. A grid carries the
    convention it was made for. This module is the only place that turns normalised positions into pixels.

Kinds
    `DenseGrid` holds every position, `MatrixGrid` a homography per image, `BasisGrid` coefficients of basis functions. The
    last two are never built in memory by the sampler; ``dense()`` builds them for whoever wants to look.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.arguments import as_bool, as_int
from stn_numba.arrays import as_array
from stn_numba.basis import BasisRows, row_blocks

__all__ = ["BasisGrid", "DenseGrid", "Grid", "MatrixGrid", "base_points", "to_normalised", "to_pixels"]

Floats = NDArray[np.floating[Any]]
Shape = tuple[int, int]

_MOST_PIXELS = 1 << 56  # more than an address can tell apart


def output_axis(size: int, align_corners: bool) -> tuple[float, float]:
    """(step, start): pixel j of an axis lies at ``step * j + start``; a single aligned pixel lies at 0."""
    if align_corners:
        return (2.0 / (size - 1), -1.0) if size > 1 else (0.0, 0.0)
    return (2.0 / size, 1.0 / size - 1.0) if size else (0.0, 0.0)


def input_axis(size: int, align_corners: bool) -> tuple[float, float]:
    """(scale, offset): normalised position x lies at pixel ``scale * x + offset``."""
    return (size - 1) / 2 if align_corners else size / 2, (size - 1) / 2


def displacement_axis(size: int, length: int, align_corners: bool) -> tuple[float, float]:
    """(step, start): output pixel j of an axis of `length` lies at input pixel ``step * j + start`` of one of `size`."""
    if align_corners:
        return ((size - 1) / (length - 1), 0.0) if length > 1 else (0.0, (size - 1) / 2)
    step = size / max(length, 1)
    return step, (step - 1) / 2


def base_points(shape: Shape, align_corners: bool = True) -> NDArray[np.float64]:
    """Normalised positions of all pixels of an (h, w) image, row by row.

    Parameters
    ----------
    shape
        (h, w) of the image.
    align_corners
        Whether -1 and +1 are the centres (True) or the outer edges (False) of the border pixels.

    Returns
    -------
    (h * w, 2) float64, last axis (x, y).

    Examples
    --------
    >>> base_points((1, 3)).tolist()
    [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """
    (h, w), align_corners = check_shape(shape), as_bool(align_corners, "align_corners")
    (step_x, start_x), (step_y, start_y) = output_axis(w, align_corners), output_axis(h, align_corners)
    x, y = np.meshgrid(step_x * np.arange(w) + start_x, step_y * np.arange(h) + start_y)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def pixel_points(shape: Shape, align_corners: bool, first: int, last: int) -> NDArray[np.float64]:
    """Return rows [first, last) of `base_points`, (last - first, 2), bit for bit."""
    (step_x, start_x), (step_y, start_y) = output_axis(shape[1], align_corners), output_axis(shape[0], align_corners)
    w = max(shape[1], 1)
    top = first // w
    rows, inside = np.arange(top, (last - 1) // w + 1), slice(first - top * w, last - top * w)
    x = np.tile(step_x * np.arange(w) + start_x, len(rows))[inside]
    y = np.repeat(step_y * rows + start_y, w)[inside]
    return np.stack([x, y]).T  # each coordinate in one run, as it is worked with


def to_pixels(points: ArrayLike, shape: Shape, align_corners: bool = True) -> NDArray[np.float64]:
    """Turn normalised positions (..., 2) into pixels (x, y) of an image of the given (H, W).

    Examples
    --------
    >>> to_pixels([[-1.0, 1.0]], (28, 28)).tolist()
    [[0.0, 27.0]]
    """
    points, align_corners = _pairs(points, "points"), as_bool(align_corners, "align_corners")
    (sx, tx), (sy, ty) = (input_axis(size, align_corners) for size in check_shape(shape)[::-1])
    return points * (sx, sy) + (tx, ty)


def to_normalised(pixels: ArrayLike, shape: Shape, align_corners: bool = True) -> NDArray[np.float64]:
    """Turn pixels (..., 2), last axis (x, y), into normalised positions; an aligned axis of one pixel gives 0.

    Examples
    --------
    >>> to_normalised([[0.0, 27.0]], (28, 28)).tolist()
    [[-1.0, 1.0]]
    """
    pixels, align_corners = _pairs(pixels, "pixels"), as_bool(align_corners, "align_corners")
    (sx, tx), (sy, ty) = (input_axis(size, align_corners) for size in check_shape(shape)[::-1])
    return (pixels - (tx, ty)) / (sx or np.inf, sy or np.inf)


def _pairs(array: ArrayLike, name: str) -> NDArray[np.float64]:
    """Positions (..., 2) in float64."""
    result = as_array(array, name)
    if result.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected numbers, got dtype {result.dtype}")
    if result.shape[-1:] != (2,):
        raise ValueError(f"{name}: expected (..., 2), got {result.shape}")
    return result.astype(np.float64, copy=False)


def check_shape(shape: Any, name: str = "shape") -> Shape:
    """Return `shape` as two plain ints >= 0."""
    try:
        h, w = (as_int(size, name) for size in shape)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected two whole numbers (h, w), got {shape!r}") from None
    if h < 0 or w < 0:
        raise ValueError(f"{name}: expected two whole numbers (h, w) >= 0, got {shape!r}")
    if max(h, w, h * w) > _MOST_PIXELS:
        raise ValueError(f"{name}: expected at most {_MOST_PIXELS:,} pixels, got {shape!r}")
    return h, w


def as_floats(array: ArrayLike, name: str, shape: tuple[int | str, ...]) -> Floats:
    """Return `array` as float32 or float64 after checking its shape; a letter in `shape` stands for any length."""
    result = as_array(array, name)
    if result.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected numbers, got dtype {result.dtype}")
    fits = result.ndim == len(shape) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, result.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: expected ({', '.join(map(str, shape))}), got {result.shape}")
    return result if result.dtype in (np.float32, np.float64) else result.astype(np.float64)


class Grid:
    """Where each output pixel reads the input: the common part of the three kinds.

    Attributes
    ----------
    shape
        (h, w) of the output.
    align_corners
        The convention the grid was made for.
    values
        The grid's own numbers, N first; the gradient by a grid has the shape of these.
    """

    shape: Shape
    align_corners: bool
    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: N = {len(self)}, shape {self.shape}, align_corners={self.align_corners}>"

    def dense(self) -> Floats:
        """All positions, (N, h, w, 2) normalised (x, y)."""
        raise NotImplementedError

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Turn a gradient by ``dense()`` (N, h, w, 2) into one by the grid's own numbers."""
        raise NotImplementedError

    def own_gradient(self, d_grid: ArrayLike) -> Floats:
        """Check a gradient by this grid; one by the dense positions is pulled back first."""
        d_grid = as_array(d_grid, "d_grid")
        if d_grid.dtype.kind not in "fiu":
            raise TypeError(f"d_grid: expected numbers, got dtype {d_grid.dtype}")
        if d_grid.shape == self.values.shape:
            return d_grid
        if d_grid.shape == (len(self), *self.shape, 2):
            return self.pull_back(d_grid)
        raise ValueError(f"d_grid: expected {self.values.shape} or {(len(self), *self.shape, 2)}, got {d_grid.shape}")


class DenseGrid(Grid):
    """A grid given by all its positions.

    Parameters
    ----------
    points
        (N, h, w, 2) normalised (x, y), float32 or float64.
    align_corners
        The convention `points` follows.

    Examples
    --------
    >>> DenseGrid(base_points((2, 3)).reshape(1, 2, 3, 2)).shape
    (2, 3)
    """

    def __init__(self, points: ArrayLike, *, align_corners: bool = True) -> None:
        self.values = as_floats(points, "points", ("N", "h", "w", 2))
        self.shape = self.values.shape[1], self.values.shape[2]
        self.align_corners = as_bool(align_corners, "align_corners")

    def dense(self) -> Floats:
        """Return the positions themselves."""
        return self.values

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Return the gradient itself."""
        return np.asarray(d_dense)


class MatrixGrid(Grid):
    """A grid given by one homography an image: (x, y, 1) of the output is mapped to the input, then divided.

    Points whose denominator is not positive lie at or behind the horizon; their position is NaN, which the sampler takes
    as outside.

    Parameters
    ----------
    matrix
        (N, 3, 3), from normalised output to normalised input positions.
    shape
        (h, w) of the output.
    align_corners
        The convention of both sides.
    in_shape
        (H, W) of the only images that it may read, where it was made for those.

    Examples
    --------
    >>> MatrixGrid(np.eye(3)[None], (1, 2)).dense()[0, 0].tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    def __init__(self, matrix: ArrayLike, shape: Shape, *, align_corners: bool = True, in_shape: Shape | None = None) -> None:
        self.values = as_floats(matrix, "matrix", ("N", 3, 3))
        self.shape = check_shape(shape)
        self.in_shape = None if in_shape is None else check_shape(in_shape, "in_shape")
        self.align_corners = as_bool(align_corners, "align_corners")

    def dense(self) -> Floats:
        """Build all positions, (N, h, w, 2)."""
        mapped = map_points(self.values, base_points(self.shape, self.align_corners))
        return mapped.reshape(len(self), *self.shape, 2)

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Sum the gradient by the positions into one by the matrix."""
        points = base_points(self.shape, self.align_corners)
        return map_points_vjp(self.values, points, np.reshape(d_dense, (len(self), self.shape[0] * self.shape[1], 2)))


class BasisGrid(Grid):
    """A grid that is linear in its coefficients: position = sum over b of basis_b * coefficient_b.

    Parameters
    ----------
    basis
        (h * w, B): the basis functions at the output pixels, row by row; or `stn_numba.basis.BasisRows`, which work them out
        when they are needed.
    coefficients
        (N, 2, B): x coefficients, then y.
    shape
        (h, w) of the output.
    align_corners
        The convention of both sides.

    Examples
    --------
    >>> grid = BasisGrid(base_points((2, 2)), np.eye(2)[None], (2, 2))
    >>> grid.dense()[0, 0].tolist()
    [[-1.0, -1.0], [1.0, -1.0]]
    """

    def __init__(
        self, basis: ArrayLike | BasisRows, coefficients: ArrayLike, shape: Shape, *, align_corners: bool = True
    ) -> None:
        self.shape = check_shape(shape)
        if isinstance(basis, BasisRows):
            if basis.shape != self.shape:
                raise ValueError(f"basis: expected one for shape {self.shape}, got {basis.shape}")
            self.basis: Floats | BasisRows = basis
            count = basis.count
        else:
            basis = as_floats(basis, "basis", (self.shape[0] * self.shape[1], "B"))
            self.basis = np.ascontiguousarray(basis.T, np.float64)  # (B, h * w): long rows suit SIMD
            count = basis.shape[1]
        self.values = as_floats(coefficients, "coefficients", ("N", 2, count))
        self.align_corners = as_bool(align_corners, "align_corners")

    @property
    def functions(self) -> Floats:
        """(B, h * w): the basis functions; worked out at each call if they are not kept."""
        return self.basis.kept() if isinstance(self.basis, BasisRows) else self.basis

    def with_values(self, coefficients: ArrayLike) -> BasisGrid:
        """Return a grid of other coefficients (N, 2, B) over the same basis, which is not copied."""
        basis = self.basis if isinstance(self.basis, BasisRows) else self.basis.T
        return BasisGrid(basis, coefficients, self.shape, align_corners=self.align_corners)

    def parts(self) -> Iterator[tuple[slice, BasisGrid]]:
        """The grids of blocks of output rows, each with its functions kept until the next; one, if they are anyway."""
        if not isinstance(self.basis, BasisRows):
            yield slice(0, self.shape[0]), self
            return
        for rows, functions in self.basis.blocks():
            shape = rows.stop - rows.start, self.shape[1]
            yield rows, BasisGrid(functions.T, self.values, shape, align_corners=self.align_corners)

    def blocks(self) -> Iterator[tuple[slice, Floats]]:
        """(pixels, functions at these pixels): the same blocks whether or not the functions are kept."""
        w = self.shape[1]
        if isinstance(self.basis, BasisRows):
            for rows, functions in self.basis.blocks():
                yield slice(rows.start * w, rows.stop * w), functions
            return
        for rows in row_blocks(len(self.basis), self.shape):
            pixels = slice(rows.start * w, rows.stop * w)
            yield pixels, self.basis[:, pixels]

    def dense(self) -> Floats:
        """Build all positions, (N, h, w, 2)."""
        result = np.empty((len(self), self.shape[0] * self.shape[1], 2), self.values.dtype)
        coefficients = self.values.astype(np.float64)
        for pixels, functions in self.blocks():
            result[:, pixels] = np.swapaxes(coefficients @ functions, 1, 2)
        return result.reshape(len(self), *self.shape, 2)

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Sum the gradient by the positions into one by the coefficients."""
        d_points = np.swapaxes(np.reshape(d_dense, (len(self), self.shape[0] * self.shape[1], 2)), 1, 2)
        result = np.zeros(self.values.shape)
        for pixels, functions in self.blocks():
            result += d_points[:, :, pixels] @ functions.T
        return result


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
