"""The kernel `window_positions`: write where a window of the output reads the input, with the bits that `sample` computes."""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.sampling.positions import GridSource, row_positions


@jit.kernel
def window_positions(grid, batch, corner, size, step, out):
    """Write positions in pixels, float64 (batch, 2, h, step), x before y, for the pixels from `corner` (row, column) on.

    `size` is (h, w). `step` is w rounded up to a multiple of 8: whole vectors may be written behind the end of a row.
    """
    grid, (top, left), (h, w) = GridSource(*grid), corner, size
    plane = 8 * step * h
    for n in range(batch):
        for i in range(h):
            row = out + 2 * plane * n + 8 * step * i
            row_positions(grid, n, top + i, left, w, row, row + plane)
