"""Grids that minify, and what antialiasing is to average there."""

import itertools

import numpy as np

import stn_numba as stn
from stn_numba.sampler.antialias import find_groups

IDENTITY = [1, 0, 0, 0, 1, 0]
SHRUNK = (4, 5)  # an output of images about four times as large


def factors(grid, in_shape, padding="zeros"):
    """(q_y, q_x): how many positions the library averages down and across for the first grid."""
    scale = np.zeros((2, 4))
    for axis, size in enumerate(in_shape[::-1]):
        scale[axis, :2] = ((size - 1) / 2, (size - 1) / 2) if grid.align_corners else (size / 2, (size - 1) / 2)
    groups = find_groups(grid, in_shape, scale, padding not in ("zeros", "constant"))
    return groups[0].factors if groups else (1, 1)


def averaged_positions(points, factors):
    """(q_y q_x, N, h, w, 2): the positions to average, by loops; linear to the neighbors, extrapolated at the border."""
    N, h, w = points.shape[:3]
    places = [[(a + 0.5) / q - 0.5 for a in range(q)] for q in factors]
    result = np.empty((len(places[0]) * len(places[1]), N, h, w, 2))
    for k, (down, across) in enumerate(itertools.product(*places)):
        for i, j in np.ndindex(h, w):
            a, b = i + (1 if down > 0 else -1), j + (1 if across > 0 else -1)
            a, b = a if 0 <= a < h else 2 * i - a, b if 0 <= b < w else 2 * j - b
            u, v = down / (a - i), across / (b - j)
            top = (1 - v) * points[:, i, j] + v * points[:, i, b]
            bottom = (1 - v) * points[:, a, j] + v * points[:, a, b]
            result[k, :, i, j] = (1 - u) * top + u * bottom
    return result


def smooth_points(batch, shape, seed=0):
    """Positions of a bent map that minifies, a little beyond the image."""
    rng = np.random.default_rng(seed)
    points = np.tile(stn.base_points(shape), (batch, 1)).reshape(batch, *shape, 2)
    bent = points + 0.2 * np.sin(2 * points[..., ::-1] + rng.uniform(0, 3, (batch, 1, 1, 2)))
    return bent + rng.normal(0, 0.02, bent.shape)


def single_grid(grid, n):
    """One grid of a batch."""
    options = {"align_corners": grid.align_corners}
    if isinstance(grid, stn.MatrixGrid):
        return stn.MatrixGrid(grid.values[n : n + 1], grid.shape, **options)
    if isinstance(grid, stn.BasisGrid):
        return stn.BasisGrid(grid.functions.T, grid.values[n : n + 1], grid.shape, **options)
    return stn.DenseGrid(grid.values[n : n + 1], **options)
