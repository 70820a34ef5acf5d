"""Values and gradients of a volume at the positions of a strip, and the weights of its voxels."""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import LINEAR, NOT_ROBUST
from stn_numba.kernels.registration.gather import gather_fours, gather_pairs
from stn_numba.kernels.registration.pairs import plane
from stn_numba.kernels.registration.read import along_row, spline_slopes, spline_weights
from stn_numba.kernels.registration.rows import GX, GY, OFFSETS, SLOPE, TX, TY, WEIGHT, F, M, get, put
from stn_numba.kernels.registration.volumes.rows import GZ, TZ
from stn_numba.kernels.registration.weights import (
    clear_weightless,
    copy_row,
    keep_overlap,
    multiply_by_robust,
    multiply_by_row,
)
from stn_numba.kernels.simd.load_store import load
from stn_numba.kernels.simd.vectors import fma, minimum, where


@jit.inline
def read_strip(kernel, volume, limits, count, work):
    """Fill the rows M, GX, GY and GZ of a strip whose offsets and fractions are known."""
    down = 4 * limits.step
    if kernel == LINEAR:
        read_linear(volume, down, down * limits.rows, count, work)
    else:
        read_spline(volume, down, down * limits.rows, count, work)


@jit.inline
def linear_plane(volume, down, x, y, offsets, j):
    """Value and slopes along x and y between 2 x 2 voxels of a plane."""
    left, right = gather_pairs(volume, offsets, j)
    lower_left, lower_right = gather_pairs(volume + down, offsets, j)
    slope, lower_slope = right - left, lower_right - lower_left
    upper = fma(x, slope, left)
    gy = fma(x, lower_slope, lower_left) - upper
    return fma(y, gy, upper), fma(y, lower_slope - slope, slope), gy


@jit.inline
def read_linear(volume, down, deep, count, work):
    """As `read_strip`, between 2 x 2 x 2 voxels."""
    for j in range(0, count, 8):
        x, y, z = get(work + TX, j), get(work + TY, j), get(work + TZ, j)
        m, gx, gy = linear_plane(volume, down, x, y, work + OFFSETS, j)
        value, slope_x, slope_y = linear_plane(volume + deep, down, x, y, work + OFFSETS, j)
        gz = value - m
        put(work + M, j, fma(z, gz, m))
        put(work + GX, j, fma(z, slope_x - gx, gx))
        put(work + GY, j, fma(z, slope_y - gy, gy))
        put(work + GZ, j, gz)


@jit.inline
def spline_plane(volume, down, x, y, offsets, j):
    """Value and slopes along x and y of 4 x 4 coefficients; x and y are (weights, slopes)."""
    weights, slopes = y
    m, gx = along_row(gather_fours(volume, offsets, j), x[0], x[1])
    gy, m, gx = m * slopes[0], m * weights[0], gx * weights[0]
    value, slope = along_row(gather_fours(volume + down, offsets, j), x[0], x[1])
    gy, m, gx = fma(value, slopes[1], gy), fma(value, weights[1], m), fma(slope, weights[1], gx)
    value, slope = along_row(gather_fours(volume + 2 * down, offsets, j), x[0], x[1])
    gy, m, gx = fma(value, slopes[2], gy), fma(value, weights[2], m), fma(slope, weights[2], gx)
    value, slope = along_row(gather_fours(volume + 3 * down, offsets, j), x[0], x[1])
    return fma(value, weights[3], m), fma(slope, weights[3], gx), fma(value, slopes[3], gy)


@jit.inline
def read_spline(volume, down, deep, count, work):
    """As `read_strip`, between 4 x 4 x 4 coefficients of a spline, one plane of them after the other."""
    for j in range(0, count, 8):
        x = spline_weights(get(work + TX, j)), spline_slopes(get(work + TX, j))
        y = spline_weights(get(work + TY, j)), spline_slopes(get(work + TY, j))
        z = get(work + TZ, j)
        weights, slopes = spline_weights(z), spline_slopes(z)
        value, slope_x, slope_y = spline_plane(volume, down, x, y, work + OFFSETS, j)
        m, gx, gy, gz = value * weights[0], slope_x * weights[0], slope_y * weights[0], value * slopes[0]
        value, slope_x, slope_y = spline_plane(volume + deep, down, x, y, work + OFFSETS, j)
        m, gz = fma(value, weights[1], m), fma(value, slopes[1], gz)
        gx, gy = fma(slope_x, weights[1], gx), fma(slope_y, weights[1], gy)
        value, slope_x, slope_y = spline_plane(volume + 2 * deep, down, x, y, work + OFFSETS, j)
        m, gz = fma(value, weights[2], m), fma(value, slopes[2], gz)
        gx, gy = fma(slope_x, weights[2], gx), fma(slope_y, weights[2], gy)
        value, slope_x, slope_y = spline_plane(volume + 3 * deep, down, x, y, work + OFFSETS, j)
        put(work + M, j, fma(value, weights[3], m))
        put(work + GX, j, fma(slope_x, weights[3], gx))
        put(work + GY, j, fma(slope_y, weights[3], gy))
        put(work + GZ, j, fma(value, slopes[3], gz))


@jit.inline
def mask_plane(mask, down, x, y, offsets, j):
    """Value between 2 x 2 voxels of a plane, and the least of them."""
    left, right = gather_pairs(mask, offsets, j)
    lower_left, lower_right = gather_pairs(mask + down, offsets, j)
    upper, lower = fma(x, right - left, left), fma(x, lower_right - lower_left, lower_left)
    return fma(y, lower - upper, upper), minimum(minimum(left, right), minimum(lower_left, lower_right))


@jit.inline
def multiply_by_mask(mask, limits, count, work):
    """Multiply weights by a mask of the moving volume, read linearly; voxels next to a zero of it do not count."""
    down = 4 * limits.step
    for j in range(0, count, 8):
        x, y = get(work + TX, j), get(work + TY, j)
        front, least = mask_plane(mask, down, x, y, work + OFFSETS, j)
        back, least_back = mask_plane(mask + down * limits.rows, down, x, y, work + OFFSETS, j)
        value = fma(get(work + TZ, j), back - front, front)
        put(work + WEIGHT, j, where(minimum(least, least_back) > 0.0, value, 0.0) * get(work + WEIGHT, j))


@jit.inline
def read_pair(volumes, n, images, place, count):
    """Fill the rows M, GX, GY, GZ, F and WEIGHT of a strip of pair n; `place` is its first fixed voxel, in bytes."""
    work, limits, options = volumes.work, volumes.limits, volumes.options
    moving, fixed = images
    copy_row(plane(volumes.fixed, fixed) + place, count, work + F)
    read_strip(options.kernel, plane(volumes.moving, moving), limits, count, work)
    if volumes.mask.address:
        multiply_by_mask(plane(volumes.mask, moving), limits, count, work)
    if volumes.fixed_weight.address:
        copy_row(plane(volumes.fixed_weight, fixed) + place, count, work + SLOPE)
        multiply_by_row(work + SLOPE, count, work)
    clear_weightless(count, work)
    for j in range(0, count, 8):
        put(work + GZ, j, where(get(work + WEIGHT, j) > 0.0, get(work + GZ, j), 0.0))
    keep_overlap(count, work)
    if options.robust != NOT_ROBUST:
        lighting = options.lighting + 24 * n
        gain, bias, threshold = load(lighting, 0.0), load(lighting + 8, 0.0), load(lighting + 16, 0.0)
        multiply_by_robust(options.robust, gain, bias, threshold, count, work)
