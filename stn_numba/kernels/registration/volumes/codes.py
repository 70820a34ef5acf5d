"""Numbers by which calls tell the kernels of volumes what to do; they do not import Numba, which calls may not need."""

from __future__ import annotations

# `matrix_sums` writes six lines of sums, with 1, v, w, v^2, vw and w^2. With a, b, c the derivatives of a value by X, Y, Z of
# the mapped position, s that by the denominator, m the value and f the fixed voxel, a line holds the sums of
PAIRS = 0  # aa, ab, ac, bb, bc, cc, each times 1, u, u^2
CROSS = 18  # a, b and c times m, 1, f, each times 1, u
LEVELS = 36  # mm, m, mf, 1, f, ff, and the weights without the robust factor
DEPTH = 43  # as, bs, cs, ss, each times 1, u, u^2; after six that are not used s times m, 1, f, each times 1, u
AFFINE_SUMS, LINE, LINES = 48, 72, 6  # numbers that are computed for affine maps; numbers in a line; lines


def words_of_cell(reach: int) -> tuple[int, int, int]:
    """Return how `lattice_sums` lays out the sums of a plane of a cell whose points depend on `reach` control points an axis.

    They are: words of the products of gradients for a pair of control points along y, for all pairs along x; words of the
    products with m, 1 and f for a control point along y; words of all. Words are padded to eight.
    """
    pairs = reach * (reach + 1) // 2
    long, short = (6 * pairs + 7) // 8 * 8, (9 * reach + 7) // 8 * 8
    return long, short, pairs * long + reach * short


def cell_size(reach: int) -> int:
    """Return the words of a cell: those of a plane for each pair along z, then for each control point along z."""
    pairs = reach * (reach + 1) // 2
    long, short = (6 * pairs + 7) // 8 * 8, (9 * reach + 7) // 8 * 8
    return pairs * pairs * long + reach * reach * short
