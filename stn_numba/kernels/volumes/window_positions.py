"""The kernel `window_positions` for volumes, see `kernels.sampling.window_positions`."""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.volumes.positions import GridSource, row_positions


@jit.kernel
def window_positions(grid, batch, corner, size, step, out):
    """Write positions in voxels, float64 (batch, 3, d, h, step), x first, for the voxels from `corner` on.

    `corner` is (plane, row, column), `size` (d, h, w). `step` is w rounded up to a multiple of 8.
    """
    grid, (front, top, left), (d, h, w) = GridSource(*grid), corner, size
    volume = 8 * step * h * d
    for n in range(batch):
        for k in range(d):
            for i in range(h):
                row = out + 3 * volume * n + 8 * step * (h * k + i)
                row_positions(grid, n, front + k, top + i, left, w, (row, row + volume, row + 2 * volume))
