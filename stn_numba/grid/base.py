"""What every sampling grid offers to its users."""

from __future__ import annotations

import copy
from typing import Any, Self

from numpy.typing import ArrayLike

from stn_numba._util.arrays import as_array
from stn_numba.grid.validation import Floats, Shape, as_batch_slice, as_window

__all__ = ["Grid"]


class Grid:
    """Where each output pixel reads the input: what all kinds of grid have in common.

    A transform's ``forward`` returns one; you can also make a `DenseGrid`, `MatrixGrid` or `BasisGrid`. A kind of your own
    needs `dense`; `stn_numba.sample` then reads the positions that it returns.

    Attributes
    ----------
    shape : (int, int) or (int, int, int)
        (h, w) of the output, or (d, h, w) if it is a volume.
    ndim : int
        How many axes positions have: 2, or 3 in volumes.
    align_corners : bool
        Convention of the positions, see `stn_numba.grid`.
    values : ndarray, (N, ...)
        Parameters of the grid: positions, matrices or coefficients. Gradients with respect to a grid have this shape.
    in_shape : tuple of int or None
        (H, W) of the only images that the grid can read; None for any.
    """

    shape: Shape
    align_corners: bool
    values: Floats
    in_shape: Shape | None = None

    @property
    def ndim(self) -> int:
        """How many axes positions have."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> Self:
        """Grids of a slice of the batch; an index raises TypeError, since it would remove the batch axis."""
        return self._with(values=self.values[as_batch_slice(rows)])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: N = {len(self)}, shape {self.shape}, align_corners={self.align_corners}>"

    def _with(self, **attributes: Any) -> Self:
        """A copy with other attributes."""
        result = copy.copy(self)
        vars(result).update(attributes)
        return result

    def window(self, *window: slice) -> Self:
        """Return the grid of a part of the output, for instance to compute a large output tile by tile.

        Parameters
        ----------
        *window : slice
            Output rows and columns to keep, as in NumPy indexing, with step 1; planes, rows and columns of a volume.

        Returns
        -------
        Grid
            A grid of the same kind for an output of the size of the window. It reads the same positions as the whole grid
            there: identical ones if they are stored, equal up to rounding if they are computed. Its ``values`` are those of
            the whole grid if they are matrices or coefficients, so the gradients of all windows sum to that of the whole.

        Raises
        ------
        TypeError, ValueError
            If there is not a slice for each axis of the output, or its step is not 1.

        Examples
        --------
        >>> from stn_numba import get_transform
        >>> grid, _ = get_transform("affine").forward([[1, 0, 0, 0, 1, 0]], (4, 5))
        >>> tile = grid.window(slice(0, 2), slice(3, 5))
        >>> tile.dense()[0, 0].tolist()
        [[0.5, -1.0], [1.0, -1.0]]
        """
        return self._window(as_window(window, self.shape))

    def _window(self, window: tuple[slice, ...]) -> Self:
        raise NotImplementedError

    def dense(self) -> Floats:
        """All positions, (N, h, w, 2) normalized (x, y); of a volume (N, d, h, w, 3), (x, y, z)."""
        raise NotImplementedError

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Convert a gradient with respect to ``dense()`` to one with respect to `values`.

        Parameters
        ----------
        d_dense : array_like, (N, h, w, 2) or (N, d, h, w, 3)
            Gradient of the loss with respect to all positions.

        Returns
        -------
        ndarray
            Gradient with respect to `values`, of their shape.
        """
        raise NotImplementedError

    def own_gradient(self, d_grid: ArrayLike) -> Floats:
        """Validate a gradient with respect to `values`; one with respect to ``dense()`` is converted by `pull_back`.

        Parameters
        ----------
        d_grid : array_like
            Of the shape of `values`, as `stn_numba.sample_vjp` returns it, or of that of ``dense()``.

        Returns
        -------
        ndarray
            Gradient with respect to `values`, of their shape.

        Raises
        ------
        TypeError
            If `d_grid` does not hold real numbers.
        ValueError
            If it has neither shape.
        """
        d_grid = as_array(d_grid, "d_grid")
        if d_grid.dtype.kind not in "fiu":
            raise TypeError(f"d_grid: expected numbers, got dtype {d_grid.dtype}")
        if d_grid.shape == self.values.shape:
            return d_grid
        dense = (len(self), *self.shape, self.ndim)
        if d_grid.shape == dense:
            return self.pull_back(d_grid)
        raise ValueError(f"d_grid: expected {self.values.shape} or {dense}, got {d_grid.shape}")
