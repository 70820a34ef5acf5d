"""Compare the kernels that write the positions of a window with those of the whole output."""

from __future__ import annotations

import numpy as np

from stn_numba.deploy.comparison import expect_close
from stn_numba.grid import MatrixGrid
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.sampler.kernel_arguments import window_positions_entry

__all__ = ["window_positions"]


def window_positions(axes: int) -> None:
    """Check the positions of an affine map, of an image or a volume."""
    matrix = np.eye(axes + 1)
    matrix[:axes] += np.random.default_rng(0).uniform(-0.2, 0.2, (axes, axes + 1))
    shape, in_shape, corner, size = (9, 8, 20)[-axes:], (7, 6, 5)[-axes:], (2, 1, 3)[-axes:], (4, 3, 11)[-axes:]
    grid = MatrixGrid(matrix[None], shape)
    source, step = grid.kernel_source(in_shape, grid.pixel_scale(in_shape)), 16
    found, entry = np.empty((axes, *size[:-1], step)), window_positions_entry(axes)
    entry.run(entry.job((*source.words, 1, *corner, *size, step, address_of(found))))
    window = tuple(slice(start, start + length) for start, length in zip(corner, size, strict=True))
    scale = (np.array(in_shape[::-1]) - 1) / 2
    expected = (grid.dense()[0][window] + 1) * scale
    expect_close(np.moveaxis(found[..., : size[-1]], 0, -1), expected, 1e-12, "positions")
