"""What a sampling grid is, and the two kinds that are not matrices.

`DenseGrid` holds every position, `BasisGrid` coefficients of basis functions; `stn_numba.grid.matrices` has the third kind, a
homography an image. The sampler never builds the positions of the last two in memory; ``dense()`` builds them for you.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stn_numba._util.arguments import as_bool
from stn_numba._util.arrays import as_array
from stn_numba.grid.basis_rows import BasisRows, row_blocks
from stn_numba.grid.coordinates import Floats, Shape, as_floats, check_shape

__all__ = ["BasisGrid", "DenseGrid", "Grid"]


def as_slice(rows: Any) -> slice:
    """Return `rows` if it is a slice: a grid without the axis of the batch would be none."""
    if not isinstance(rows, slice):
        raise TypeError(f"grid: expected a slice of the batch, as grid[0:1], got {rows!r:.60}")
    return rows


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

    def __getitem__(self, rows: slice) -> Grid:
        """Some grids of the batch, for a slice of it."""
        return DenseGrid(self.dense()[as_slice(rows)], align_corners=self.align_corners)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: N = {len(self)}, shape {self.shape}, align_corners={self.align_corners}>"

    def dense(self) -> Floats:
        """All positions, (N, h, w, 2) normalized (x, y)."""
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
        (N, h, w, 2) normalized (x, y), float32 or float64.
    align_corners
        The convention `points` follows.

    Examples
    --------
    >>> from stn_numba.grid import base_points
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


class BasisGrid(Grid):
    """A grid that is linear in its coefficients: position = sum over b of basis_b * coefficient_b.

    Parameters
    ----------
    basis
        (h * w, B): the basis functions at the output pixels, row by row; or `BasisRows`, which work them out
        when they are needed.
    coefficients
        (N, 2, B): x coefficients, then y.
    shape
        (h, w) of the output.
    align_corners
        The convention of both sides.

    Examples
    --------
    >>> from stn_numba.grid import base_points
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

    def __getitem__(self, rows: slice) -> BasisGrid:
        return self.with_values(self.values[as_slice(rows)])

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
