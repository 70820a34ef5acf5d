"""Bilinear sampling of an (N, H, W, C) image, channels last: forward, and the gradients by grid and image.

Work is cut into tasks, and each task writes what no other task writes: results do not depend on the number
of threads. Rows of output (forward, gradient by grid) are numbered through the batch; the gradient by the image is cut
into (image, band of input rows), because several output pixels may add to one input pixel.

`steps` = (image_step, grid_step) are 1, or 0 where one image serves all grids or one grid all images.
`axes` (2, 4) holds the two axes of taps.py, x first; an array, because `prange` takes no nested tuples.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from stn_numba.kernels import jit
from stn_numba.kernels.positions import pull_back_row, row_positions
from stn_numba.kernels.taps import slopes, weights


@jit.inline
def axis(axes, k):
    """The numbers (low, high, last, second) of axis k."""
    return axes[k, 0], axes[k, 1], axes[k, 2], axes[k, 3]


@jit.inline
def sample_row(image, xs, ys, axes, out):
    """Read image (H, W, C) at one row of positions into out (w, C)."""
    one = image.dtype.type(1)
    x_axis, y_axis = axis(axes, 0), axis(axes, 1)
    right, down = int(x_axis[3]), int(y_axis[3])
    for j in range(xs.size):
        ix, u0, u1 = weights(xs[j], x_axis, one)
        iy, v0, v1 = weights(ys[j], y_axis, one)
        for c in range(image.shape[2]):
            top = u0 * image[iy, ix, c] + u1 * image[iy, ix + right, c]
            bottom = u0 * image[iy + down, ix, c] + u1 * image[iy + down, ix + right, c]
            out[j, c] = v0 * top + v1 * bottom


@jit.inline
def sample_rows(task, tasks, image, source, axes, steps, out):
    """Forward pass of one task's rows."""
    batch, h, w = out.shape[0], out.shape[1], out.shape[2]
    rows = batch * h
    xs, ys = np.empty(w, image.dtype), np.empty(w, image.dtype)
    for row in range(task * rows // tasks, (task + 1) * rows // tasks):
        n, i = row // h, row % h
        row_positions(source, n * steps[1], i, xs, ys)
        sample_row(image[n * steps[0]], xs, ys, axes, out[n, i])


@jit.serial
def sample_serial(tasks, image, source, axes, steps, out):
    for task in range(tasks):
        sample_rows(task, tasks, image, source, axes, steps, out)


@jit.parallel
def sample_parallel(tasks, image, source, axes, steps, out):
    for task in prange(tasks):
        sample_rows(task, tasks, image, source, axes, steps, out)


@jit.inline
def position_gradient_row(image, xs, ys, axes, d_out, gx, gy):
    """Gradient of <d_out, out> by one row of pixel positions (equation 7, in its floor form)."""
    one = image.dtype.type(1)
    x_axis, y_axis = axis(axes, 0), axis(axes, 1)
    right, down = int(x_axis[3]), int(y_axis[3])
    for j in range(xs.size):
        ix, u0, u1 = weights(xs[j], x_axis, one)
        iy, v0, v1 = weights(ys[j], y_axis, one)
        du0, du1 = slopes(xs[j], x_axis, one)
        dv0, dv1 = slopes(ys[j], y_axis, one)
        gx[j] = gy[j] = one - one
        for c in range(image.shape[2]):
            a, b = image[iy, ix, c], image[iy, ix + right, c]
            p, q = image[iy + down, ix, c], image[iy + down, ix + right, c]
            gx[j] += d_out[j, c] * (v0 * (du0 * a + du1 * b) + v1 * (du0 * p + du1 * q))
            gy[j] += d_out[j, c] * (dv0 * (u0 * a + u1 * b) + dv1 * (u0 * p + u1 * q))


@jit.inline
def grid_gradient_rows(task, tasks, image, source, axes, steps, d_out, d_dense, partials):
    """Gradient by the grid from one task's rows."""
    batch, h, w = d_out.shape[0], d_out.shape[1], d_out.shape[2]
    rows = batch * h
    xs, ys = np.empty(w, image.dtype), np.empty(w, image.dtype)
    gx, gy = np.empty(w, image.dtype), np.empty(w, image.dtype)
    for row in range(task * rows // tasks, (task + 1) * rows // tasks):
        n, i = row // h, row % h
        row_positions(source, n * steps[1], i, xs, ys)
        position_gradient_row(image[n * steps[0]], xs, ys, axes, d_out[n, i], gx, gy)
        pull_back_row(source, n * steps[1], i, xs, ys, gx, gy, d_dense[row], partials[row])


@jit.serial
def grid_gradient_serial(tasks, image, source, axes, steps, d_out, d_dense, partials):
    for task in range(tasks):
        grid_gradient_rows(task, tasks, image, source, axes, steps, d_out, d_dense, partials)


@jit.parallel
def grid_gradient_parallel(tasks, image, source, axes, steps, d_out, d_dense, partials):
    for task in prange(tasks):
        grid_gradient_rows(task, tasks, image, source, axes, steps, d_out, d_dense, partials)


@jit.inline
def scatter_row(xs, ys, axes, d_out, first_row, last_row, d_image):
    """Add one row of d_out (w, C) to rows first_row..last_row - 1 of d_image (H, W, C) (equation 6)."""
    one = d_image.dtype.type(1)
    x_axis, y_axis = axis(axes, 0), axis(axes, 1)
    right, down = int(x_axis[3]), int(y_axis[3])
    for j in range(xs.size):
        ix, u0, u1 = weights(xs[j], x_axis, one)
        iy, v0, v1 = weights(ys[j], y_axis, one)
        if first_row <= iy < last_row:
            for c in range(d_image.shape[2]):
                d_image[iy, ix, c] += v0 * u0 * d_out[j, c]
                d_image[iy, ix + right, c] += v0 * u1 * d_out[j, c]
        if first_row <= iy + down < last_row:
            for c in range(d_image.shape[2]):
                d_image[iy + down, ix, c] += v1 * u0 * d_out[j, c]
                d_image[iy + down, ix + right, c] += v1 * u1 * d_out[j, c]


@jit.inline
def image_gradient_band(task, bands, source, axes, steps, d_out, d_image):
    """Gradient by one band of rows of one image, from every output that reads it."""
    batch, h, w = d_out.shape[0], d_out.shape[1], d_out.shape[2]
    H = d_image.shape[1]
    m, band = task // bands, task % bands
    first_row, last_row = band * H // bands, (band + 1) * H // bands
    xs, ys = np.empty(w, d_image.dtype), np.empty(w, d_image.dtype)
    shared = steps[0] == 0
    for n in range(0 if shared else m, batch if shared else m + 1):
        for i in range(h):
            row_positions(source, n * steps[1], i, xs, ys)
            scatter_row(xs, ys, axes, d_out[n, i], first_row, last_row, d_image[m])


@jit.serial
def image_gradient_serial(bands, source, axes, steps, d_out, d_image):
    for task in range(d_image.shape[0] * bands):
        image_gradient_band(task, bands, source, axes, steps, d_out, d_image)


@jit.parallel
def image_gradient_parallel(bands, source, axes, steps, d_out, d_image):
    for task in prange(d_image.shape[0] * bands):
        image_gradient_band(task, bands, source, axes, steps, d_out, d_image)
