"""Where parts of an output read the input: the very bits that `stn_numba.warp` computes for the whole output."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.dask.basis_windows import functions_in_window
from stn_numba.grid import BasisGrid, DenseGrid, Floats, KernelGrid, Shape
from stn_numba.grid.basis_rows import BasisRows
from stn_numba.grid.coordinates import window_points
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.sampler.kernel_arguments import window_positions_entry
from stn_numba.transform.base import Transform
from stn_numba.transform.bounded import Bounded
from stn_numba.transform.checked import make_grid
from stn_numba.transform.lattice import LatticeTransform

__all__ = ["OutputPositions", "positions_in_window"]

Window = tuple[slice, ...]
Positions = NDArray[np.float64]  # (N, 2, h, w) or (N, 3, d, h, w) in input pixels, x first

_POSITIONS_AT_ONCE = 1 << 17  # 2 MB: they stay in the cache until the image is read
_BASIS_BYTES = 1 << 23


class OutputPositions:
    """The positions of an output of any size, computed window by window.

    Parameters
    ----------
    transform : Transform
        For images of `in_shape`.
    theta : ndarray, (N, P)
        Floats.
    in_shape, shape : tuple of int
        Of the input and of the whole output.
    align_corners : bool
        Convention of theta.
    """

    def __init__(self, transform: Transform, theta: Floats, in_shape: Shape, shape: Shape, align_corners: bool) -> None:
        self.transform, self.theta = transform, theta
        self.in_shape, self.shape, self.align_corners = in_shape, shape, align_corners
        self._lock = threading.Lock()
        self._made: KernelGrid | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_made": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def __len__(self) -> int:
        return len(self.theta)

    def grid(self) -> KernelGrid | None:
        """The grid of the whole output, made once in a process; None if it would hold all positions and need not."""
        if _has_windows(self.inner(slice(None))[0]):
            return None
        with self._lock:
            if self._made is None:
                self._made = make_grid(self.transform, self.theta, self.shape, self.align_corners)[0]
            return self._made

    def inner(self, rows: slice) -> tuple[Transform, Floats]:
        """The transform below bounds, and some rows of its parameters."""
        transform: Any = self.transform
        theta = self.theta
        while isinstance(transform, Bounded):
            transform, theta = transform.transform, transform.inner_theta(theta)
        return transform, theta[rows]

    def in_window(self, window: Window, rows: slice) -> Positions:
        """Positions of a window for some rows of theta."""
        grid = self.grid()
        if grid is not None:
            return positions_in_window(grid[rows], self.in_shape, window)
        transform, theta = self.inner(rows)
        if isinstance(transform, LatticeTransform):
            part = transform.window(theta, self.shape, window, self.align_corners)
        else:
            part = self._mapped(transform, theta, window)
        return positions_in_window(part, self.in_shape, tuple(slice(0, size) for size in part.shape))

    def _mapped(self, transform: Transform, theta: Floats, window: Window) -> DenseGrid:
        """As `Transform.forward`, for the points of a window."""
        size, origin = _size(window), tuple(float(part.start) for part in window)
        points = window_points(size, self.shape, origin, self.align_corners).astype(theta.dtype)
        mapped = np.reshape(transform.apply_vjp(theta, points)[0], (len(theta), *size, transform.ndim))
        return DenseGrid(mapped, align_corners=self.align_corners)

    def bands(self, window: Window) -> list[Window]:
        """Parts of a window, cut along its first axis, whose positions take little memory."""
        first, *others = window
        grid = self.grid()
        pixels = _POSITIONS_AT_ONCE
        if isinstance(grid, BasisGrid) and grid.is_streamed:
            pixels = min(pixels, max(1, _BASIS_BYTES // (8 * grid.values.shape[2])))
        together = max(1, pixels // max(1, math.prod(part.stop - part.start for part in others)))
        starts = range(first.start, first.stop, together)
        return [(slice(start, min(start + together, first.stop)), *others) for start in starts]


def positions_in_window(grid: KernelGrid, in_shape: Shape, window: Window) -> Positions:
    """Positions in input pixels that kernels compute for a window of a grid, x first.

    Examples
    --------
    >>> grid = DenseGrid(np.zeros((1, 2, 3, 2)))
    >>> positions_in_window(grid, (5, 9), (slice(1, 2), slice(0, 2))).tolist()
    [[[[4.0, 4.0]], [[2.0, 2.0]]]]
    """
    size, corner = _size(window), tuple(part.start for part in window)
    if isinstance(grid, BasisGrid) and isinstance(grid.basis, BasisRows):
        grid = grid._with(basis=functions_in_window(grid.basis, window), shape=size)
        corner = (0,) * len(size)
    source = grid.kernel_source(in_shape, grid.pixel_scale(in_shape))
    step = -(-size[-1] // 8) * 8
    result = np.empty((len(grid), grid.ndim, *size[:-1], step))
    entry = window_positions_entry(grid.ndim)
    entry.run(entry.job((*source.words, len(grid), *corner, *size, step, address_of(result))))
    return result[..., : size[-1]]


def _has_windows(transform: Transform) -> bool:
    """Whether the grid is dense, and parts of it can be computed on their own."""
    forward = type(transform).forward
    if isinstance(transform, LatticeTransform):
        return forward is LatticeTransform.forward
    return forward is Transform.forward and transform.pointwise


def _size(window: Window) -> Shape:
    return tuple(part.stop - part.start for part in window)
