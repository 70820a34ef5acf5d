"""The kernel `near_product`: a matrix over the control points of a lattice, times a vector.

Control points couple with near ones only, and by how far these are along each axis, in whatever direction.
"""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.simd.raw import load_raw, store_raw
from stn_numba.kernels.simd.scalars import greatest, least
from stn_numba.kernels.simd.vectors import EIGHT, fma, full


@jit.inline
def add_near(sums, step, vector, along, totals):
    """Add the products of six numbers for pairs of axes and a vector's numbers for x, y and z, at eight control points."""
    x, y, z = totals
    a, b = load_raw(vector, 0.0, EIGHT), load_raw(vector + along, 0.0, EIGHT)
    c = load_raw(vector + 2 * along, 0.0, EIGHT)
    xy, xz = load_raw(sums + step, 0.0, EIGHT), load_raw(sums + 2 * step, 0.0, EIGHT)
    yz = load_raw(sums + 4 * step, 0.0, EIGHT)
    x = fma(xz, c, fma(xy, b, fma(load_raw(sums, 0.0, EIGHT), a, x)))
    y = fma(yz, c, fma(load_raw(sums + 3 * step, 0.0, EIGHT), b, fma(xy, a, y)))
    return x, y, fma(load_raw(sums + 5 * step, 0.0, EIGHT), c, fma(yz, b, fma(xz, a, z)))


@jit.tasks
def near_product(first, stop, sums, lattice, distances, vector, out):
    """The product (3, planes, rows, padded) float64 at the address `out`; a task does a plane of control points.

    `lattice` = (planes, rows, padded), with columns padded to a multiple of eight; `distances` = (D of z, D of y, D of x), one
    more than the largest distance of a control point to another one. Sums (6, D, D, D, planes, rows, D - 1 + padded) are those
    by distance and the first control point of a pair; the vector is (3, planes, rows, 2 (D - 1) + padded), 0 outside.
    """
    (planes, rows, padded), (far_z, far_y, far_x) = lattice, distances
    margin = far_x - 1
    line, wide = 8 * (padded + margin), 8 * (padded + 2 * margin)
    place = planes * rows * line
    step, along = far_z * far_y * far_x * place, planes * rows * wide
    for z in range(first, stop):
        for y in range(rows):
            for x in range(0, padded, 8):
                totals = full(EIGHT, 0.0), full(EIGHT, 0.0), full(EIGHT, 0.0)
                for k in range(greatest(z - far_z + 1, 0), least(z + far_z, planes)):
                    for i in range(greatest(y - far_y + 1, 0), least(y + far_y, rows)):
                        distance = (greatest(k, z) - least(k, z)) * far_y + greatest(i, y) - least(i, y)
                        near = sums + distance * far_x * place + (least(k, z) * rows + least(i, y)) * line + 8 * (x + margin)
                        other = vector + (k * rows + i) * wide + 8 * x
                        for j in range(margin):  # control points to the left are the first ones of their pairs
                            left = near + (margin - j) * (place - 8)
                            totals = add_near(left, step, other + 8 * j, along, totals)
                        for j in range(far_x):
                            totals = add_near(near + j * place, step, other + 8 * (margin + j), along, totals)
                target = out + 8 * ((z * rows + y) * padded + x)
                for axis in range(3):
                    store_raw(target + 8 * axis * planes * rows * padded, totals[axis])
    return True
