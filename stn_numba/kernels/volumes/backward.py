"""The kernel `gradient` for volumes: gradients of <d_out, out> by volume and grid, both in one pass over rows of output.

Several output voxels may add to one voxel of the input. So a task is a volume, or a band of planes of one: it keeps to the
taps in its band, and computes the gradients by the positions that have their first taps there. No two tasks write one number,
and the order of additions does not depend on the number of threads. For the gradient by the grid alone a task is some output
rows.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import DENSE, SIZE, STRIP
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, release
from stn_numba.kernels.volumes.bands import columns_in_reach
from stn_numba.kernels.volumes.blocks import row_gradients
from stn_numba.kernels.volumes.grid_sums import add_to_grid, padding_vjp
from stn_numba.kernels.volumes.positions import GridSource, row_positions
from stn_numba.kernels.volumes.taps import pad_row, repeat_last
from stn_numba.kernels.volumes.workspace import (
    ROW,
    ROWS,
    GradientJob,
    Place,
    Sampler,
    Volume,
    padded,
    positions,
    row_address,
)


@jit.inline
def gradients_of_row(job, n, m, k, i, sums):
    """Both gradients from row i of plane k of output n, which reads volume m."""
    index, (first, end) = n * job.steps[1], columns_in_reach(job, n * job.steps[1], k, i)
    for left in range(first, end, STRIP):
        count = least(STRIP, end - left)
        row_positions(job.grid, index, k, i, left, count, positions(job.memory))
        is_padded = pad_row(job, count, job.by_grid)
        repeat_last(padded(job), count)
        volume = job.volume.address + n * job.steps[0] * job.volume.n_step
        place = Place(volume, job.d_image.address + m * job.d_image.n_step, row_address(job.d_out, n, k, i, left))
        row_gradients(job, place, count)
        if job.by_grid:
            padding_vjp(job, count, is_padded)
            add_to_grid(job, n, k, i, left, count, sums)


@jit.inline
def with_band(job, top, bottom):
    """The job of a piece that adds to the planes [top, bottom) of a volume."""
    return GradientJob(
        job.sampler, job.grid, job.volume, job.d_out, job.d_image, job.by_image, job.by_grid, top, bottom, job.steps, job.size,
        job.memory, job.zero,
    )  # fmt: skip


@jit.inline
def gradients_of_piece(job, item, pieces, d_grid, numbers):
    """Both gradients from one piece: a band of a volume, or, for the grid alone, some rows of an output."""
    (batch, d, h, _, _), depth, m, piece = job.size, np.int64(job.sampler.z_axis[SIZE]), item // pieces, item % pieces
    outputs, rows = (m, m + 1), (np.int64(0), d * h)
    if job.by_image:
        job = with_band(job, piece * depth // pieces, (piece + 1) * depth // pieces)
        outputs = (np.int64(0), batch) if job.steps[0] == 0 else outputs
    else:
        rows = piece * d * h // pieces, (piece + 1) * d * h // pieces
    for n in range(outputs[0], outputs[1]):
        sums = d_grid if job.grid.kind == DENSE else d_grid + 8 * numbers * (n * pieces + piece)
        for row in range(rows[0], rows[1]):
            gradients_of_row(job, n, m, row // h, row % h, sums)


@jit.tasks
def gradient(
    first, stop, tasks, items, pieces, by_image, by_grid, volume, grid, sampler, steps, size, zero, d_out, d_image, d_grid,
    numbers,
):  # fmt: skip
    """Add to the gradients by volumes and grids: `items` volumes (outputs, for the grid alone) times `pieces` of each.

    `size`, `steps` and `zero` are those of `forward.sample`. `d_grid` is the address of the gradient by dense positions
    (N, d, h, w, 3) of their dtype, or of (N, pieces, numbers) sums in float64.
    """
    memory = allocate(8 * ROW * ROWS)
    if memory:
        sampler, top, bottom = Sampler(*sampler), np.int64(0), np.int64(sampler[4][SIZE])
        job = GradientJob(
            sampler, GridSource(*grid), Volume(*volume), Volume(*d_out), Volume(*d_image), by_image, by_grid, top, bottom,
            steps, size, memory, zero,
        )  # fmt: skip
        for item in range(first * items // tasks, stop * items // tasks):
            gradients_of_piece(job, item, pieces, d_grid, numbers)
        release(memory)
    return memory != 0
