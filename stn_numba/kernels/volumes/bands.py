"""Bands of planes of a volume: which output voxels a piece of the gradients has to look at, and which are its own."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, HOMOGRAPHY, MODE, REFLECT, SIZE, ZEROS
from stn_numba.kernels.sampling.positions import limit_columns
from stn_numba.kernels.simd.lanes import mask_bits
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import get_position
from stn_numba.kernels.simd.vectors import ONE, astype, floor, maximum, minimum, where
from stn_numba.kernels.volumes.positions import along_row
from stn_numba.kernels.volumes.taps import axes_of
from stn_numba.kernels.volumes.workspace import padded


@jit.inline
def is_whole(job):
    """Whether the band of a piece is the whole volume."""
    return job.top == 0 and job.bottom == job.sampler.z_axis[SIZE]


@jit.inline
def columns_in_reach(job, n, k, i):
    """Columns (start, stop) of an output row outside which no voxel reads the band of a piece: known for matrices."""
    grid, mode, K, start, stop = job.grid, job.sampler.x_axis[MODE], np.float64(job.sampler.K), 0.0, np.float64(job.size[3])
    if mode < REFLECT and (grid.kind == AFFINE or grid.kind == HOMOGRAPHY):
        below_slope, below = along_row(grid, n, 3, k, i)
        for axis in range(3):
            first, last = 0.0, axes_of(job.sampler)[axis][SIZE]
            if axis == 2:
                first, last = np.float64(job.top), np.float64(job.bottom)
            slope, offset = along_row(grid, n, axis, k, i)
            low, high = first - K, last - 1.0 + K
            if mode == ZEROS or first > 0.0:
                start, stop = limit_columns(slope - low * below_slope, offset - low * below, start, stop)
            if mode == ZEROS or last < axes_of(job.sampler)[axis][SIZE]:
                start, stop = limit_columns(high * below_slope - slope, high * below - offset, start, stop)
    return (np.int64(start), np.int64(stop)) if start < stop else (np.int64(0), np.int64(0))


@jit.inline
def first_planes(job, j, lanes):
    """The plane of the first tap of one or eight voxels, as float64."""
    size = job.sampler.z_axis[SIZE]
    return minimum(maximum(floor(get_position(padded(job)[2], j, lanes)), 0.0), greatest(size - 2.0, 0.0))


@jit.inline
def all_in_band(job, planes):
    """Whether all taps of eight voxels with these first planes lie in the band."""
    return mask_bits((planes >= np.float64(job.top)) & (planes < job.bottom - 1.0)) == 255


@jit.inline
def some_in_band(job, planes):
    """Whether any of eight voxels has a tap in the band."""
    return mask_bits((planes >= job.top - 1.0) & (planes < np.float64(job.bottom))) != 0


@jit.inline
def is_in_band(job, j, a):
    """Whether the nearer (a = 0) or farther taps of voxel j lie in the band. Each voxel has its nearer ones in one band."""
    plane = first_planes(job, j, ONE)
    return mask_bits((plane >= np.float64(job.top - a)) & (plane < np.float64(job.bottom - a))) == 1


@jit.inline
def shares_of_band(job, planes, one):
    """1 for each of eight voxels whose nearer taps lie in the band, else 0."""
    return astype(where((planes >= np.float64(job.top)) & (planes < np.float64(job.bottom)), 1.0, planes * 0.0), one)
