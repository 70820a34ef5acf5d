"""Numbers by which calls tell the kernels of registration what to do; they do not import Numba, which calls may not need."""

from __future__ import annotations

LINEAR, B_SPLINE = range(2)  # how an image is read: with 2 x 2 taps, or the 4 x 4 coefficients of a cubic spline
NOT_ROBUST, HUBER, TUKEY = range(3)

STRIP = 256  # pixels of a row that are worked on at a time

# `matrix_sums` writes three lines of sums, with the powers 0, 1, 2 of v. With a, b, c the derivatives of a value by X, Y, Z of
# the mapped position, m the value and f the fixed pixel, a line holds the sums of
PAIRS = 0  # aa, ab, bb, each times 1, u, u^2
CROSS = 9  # a and b times m, 1, f, each times 1, u
LEVELS = 21  # mm, m, mf, 1, f, ff, and the weights without the robust factor
DEPTH = 28  # ac, bc, cc, each times 1, u, u^2; then c times m, 1, f, each times 1, u; for homographies only
AFFINE_SUMS, LINE = 32, 48  # numbers that are computed for affine maps; numbers in a line


def words_of_cell(reach: int) -> tuple[int, int, int, int]:
    """Return how `lattice_sums` lays out the sums of a cell whose points depend on `reach` control points along each axis.

    They are: pairs of control points along an axis; words of the products of gradients for a pair along y, for all pairs along
    x; words of the products with m, 1 and f for a control point along y; words of the cell. Words are padded to eight.
    """
    pairs = reach * (reach + 1) // 2
    long, short = (3 * pairs + 7) // 8 * 8, (6 * reach + 7) // 8 * 8
    return pairs, long, short, pairs * long + reach * short
