"""Strips of output pixels: how many rows they hold, and their positions, padded.

A strip is up to `STRIP` neighboring pixels of an output row, or several whole rows of a narrow output one behind the other.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BASIS, BILINEAR, MODE, NO_FILL, STRIP, ZEROS
from stn_numba.kernels.sampling.padding import pad_positions
from stn_numba.kernels.sampling.positions import row_positions
from stn_numba.kernels.sampling.workspace import to_next
from stn_numba.kernels.simd.load_store import size_of
from stn_numba.kernels.simd.scalars import greatest


@jit.inline
def rows_together(sampler, image, out, w, C, channels):
    """How many output rows one strip holds: several of a single plane, or of at most `channels` channels, else one.

    A row by itself costs as much as some dozens of pixels. In several rows the interior is not complete, so all pixels are
    treated as interior (`interior_everywhere`), which takes long where a pixel does.
    """
    contiguous = out.y_step == w * out.x_step
    several = contiguous and interior_everywhere(sampler) and (channels >= C or is_plane(sampler, image, out, C))
    return greatest(np.int64(1), STRIP // w) if several else np.int64(1)


@jit.inline
def is_plane(sampler, image, out, C):
    """Whether the pixels of a channel are contiguous, and read in pairs."""
    size = size_of(image.dtype)
    packed = image.c_step == size and out.c_step == size_of(out.dtype)
    return sampler.family == BILINEAR and to_next(sampler.x_axis, image.x_step) == size and (C == 1 or not packed)


@jit.inline
def is_packed_bytes(sampler, image, out, C):
    """Whether pixels of three or four bytes are read together, see `packed_pixels`."""
    bytes_only = size_of(image.dtype) == 1 and size_of(out.dtype) == 1
    packed = image.c_step == 1 and out.c_step == 1 and to_next(sampler.x_axis, image.x_step) == C
    return bytes_only and packed and sampler.family == BILINEAR and 3 <= C <= 4


@jit.inline
def interior_everywhere(sampler):
    """Whether all pixels can be treated as interior: beyond the image the weights of a tent vanish by themselves."""
    return sampler.family == BILINEAR and sampler.x_axis[MODE] == ZEROS and sampler.fill_mode == NO_FILL


@jit.inline
def image_count(job):
    """How many images a call reads."""
    return job.size[0] if job.steps[0] != 0 else np.int64(1)


@jit.inline
def image_and_row(row, grid, size):
    """Output image n and its row i, for a row counted through all images.

    Grids of one basis alternate row by row: each strip of basis functions is fetched once for all images.
    """
    batch, h, w, _ = size
    return (row % batch, row // batch) if grid.kind == BASIS and w > STRIP // 2 else (row // h, row % h)


@jit.inline
def strip_positions(sampler, grid, n, i, first, count, work, together, by_grid):
    """Compute and pad the positions of `count` pixels of row i of grid n from column `first` on, or of some rows together.

    Returns whether padding has a derivative other than 1. `by_grid`: for the gradient by the positions, which is that from
    the right.
    """
    for k in range(together):
        row_positions(grid, n, i + k, first, count, work.x + 8 * k * count, work.y + 8 * k * count)
    return pad_positions(sampler, count * together, work, by_grid)
