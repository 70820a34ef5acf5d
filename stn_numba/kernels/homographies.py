"""Homographies between normalised positions, as homographies between pixels."""

from __future__ import annotations

from stn_numba.kernels import jit


@jit.inline
def quotient(a, b):
    return a / b if b > 0 else 0.0


@jit.inline
def depth_row(row, starts, steps):
    """Last row of a matrix, with x and y written as step * pixel + start; that of an affine map stays as it is."""
    a, b, c = row[0], row[1], row[2]
    if a != 0 or b != 0 or c != 1:
        row[0], row[1], row[2] = a * steps[0], b * steps[1], c + a * starts[0] + b * starts[1]


@jit.kernel
def by_centres(matrices, in_size, out_size, starts, steps):
    """Rewrite matrices (N, 3, 3) in place, where -1 and +1 are centres of pixels: (size - 1) / 2 * shifted.

    Sizes are (W, H); output pixel j lies at ``step * j + start``. Scale times step is one quotient, since 49 * (1 / 49) is
    not 1.
    """
    for n in range(matrices.shape[0]):
        m = matrices[n]
        for axis in range(2):
            a, b, c = m[axis, 0] + m[2, 0], m[axis, 1] + m[2, 1], m[axis, 2] + m[2, 2]
            last = in_size[axis] - 1
            m[axis, 0] = a * quotient(last, out_size[0] - 1)
            m[axis, 1] = b * quotient(last, out_size[1] - 1)
            m[axis, 2] = (c + a * starts[0] + b * starts[1]) * (last / 2)
        depth_row(m[2], starts, steps)


@jit.kernel
def by_edges(matrices, in_size, out_size, starts, steps):
    """As `by_centres`, where -1 and +1 are edges: size / 2 * shifted - depth / 2."""
    w, h = max(out_size[0], 1), max(out_size[1], 1)
    for n in range(matrices.shape[0]):
        m = matrices[n]
        d, e, f = m[2, 0], m[2, 1], m[2, 2]
        for axis in range(2):
            a, b, c = m[axis, 0] + d, m[axis, 1] + e, m[axis, 2] + f
            across, down = a * (in_size[axis] / w), b * (in_size[axis] / h)
            inner = (across + down) - (f - d - e) - (d / w + e / h)
            m[axis, 0] = across - d / w
            m[axis, 1] = down - e / h
            m[axis, 2] = (c - a - b) * (in_size[axis] / 2) + inner / 2
        depth_row(m[2], starts, steps)
