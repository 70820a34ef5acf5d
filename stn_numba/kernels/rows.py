"""What a strip of output pixels is worked on with: a rule, and scratch rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels import jit
from stn_numba.kernels.constants import BORDER, FILL_OUTSIDE, MODE, NEAREST, POLYNOMIAL, REFLECT, SIZE
from stn_numba.kernels.scratch import put_positions
from stn_numba.kernels.vectors import EIGHT, counting, plus, spread

STRIP = 256  # pixels of an output row that are worked on at a time
TURNS = 24  # far-apart pixels of a strip take turns in adding to the image: by the next turn what was added is in memory
WORTH_A_LOOK = 64  # columns, below which it costs more to ask which are far than to come to them
ROW = STRIP + 16  # numbers of 8 bytes in a scratch row; whole vectors may be read behind a strip
NEXT_TAP = 4 * 8 * ROW  # bytes from a row of weights or slopes to that of the next tap


class Rule(NamedTuple):
    """An interpolation kernel and a padding, arrays by address."""

    family: int  # one of `edges`' families, and its number of taps an axis
    K: int
    x_axis: tuple[float, ...]  # see `edges`
    y_axis: tuple[float, ...]
    table: tuple[int, int, int, int]  # polynomial pieces of the kernel and of its derivative, see `edges`; else empty
    slope_table: tuple[int, int, int, int]
    fill: int  # (C,), of the dtype that is computed in: what is read outside
    fills: int  # NO_FILL, FILL_OUTSIDE (positions beyond the image's edges give it) or FILL_TAPS (taps beyond the edge read it)


class Rows(NamedTuple):
    """Addresses of the scratch rows of a strip, all in one array; u, v, du and dv are the first of K rows each.

    Those of the taps take turns at the end, so that every row is at a known distance from the first: one register serves all.
    """

    xs: int  # positions in pixels
    ys: int
    x_places: int  # where the padding lets them read: the same rows where it changes nothing
    y_places: int
    x_signs: int  # derivative of the places by the positions
    y_signs: int
    offsets: int  # bytes from the first element of the image to each pixel's first tap
    d_offsets: int  # the same for d_image, where its steps are others
    u: int  # weights along x
    v: int  # weights along y
    du: int  # derivatives of the weights
    dv: int
    gx: int  # gradients by the positions
    gy: int
    dx: int  # sums to be, on the way back to a homography; dx serves as a line of eight, too
    dy: int
    dz: int
    x_taps: int  # the K taps of a single pixel at an edge
    x_weights: int
    y_taps: int
    y_weights: int
    x_slopes: int
    y_slopes: int
    upper: int  # what a pixel gives to its 2 x 2 taps, left and right in turns: two rows long
    lower: int
    columns: int  # column and row of each pixel, counted from the strip's first
    lines: int


@jit.inline
def scratch_bytes(rule):
    """How much memory the rows of `row_addresses` take."""
    return 8 * (25 + 4 * rule.K) * ROW


@jit.inline
def row_addresses(rule, first):
    """Addresses of the scratch rows, in memory that begins at `first`."""
    family, row = rule.family, 8 * ROW
    moved = rule.fills == FILL_OUTSIDE or rule.x_axis[MODE] >= REFLECT or (rule.x_axis[MODE] == BORDER and family != POLYNOMIAL)
    moved = moved or family == NEAREST
    places = first + (2 * row if moved else 0)
    rest, taps = first + 8 * row, first + 25 * row
    return Rows(
        first, first + row, places, places + row, first + 4 * row, first + 5 * row, first + 6 * row, first + 7 * row,
        taps, taps + row, taps + 2 * row, taps + 3 * row,
        rest, rest + row, rest + 2 * row, rest + 3 * row, rest + 4 * row,
        rest + 5 * row, rest + 6 * row, rest + 7 * row, rest + 8 * row, rest + 9 * row, rest + 10 * row,
        rest + 11 * row, rest + 13 * row, rest + 15 * row, rest + 16 * row,
    )  # fmt: skip


@jit.inline
def number_pixels(w, together, rows):
    """Fill the rows of columns and lines, for strips of one row or of so many rows of w pixels."""
    width = min(w, STRIP)
    for line in range(together):
        for j in range(0, width, 8):
            put_positions(rows.columns, line * w + j, plus(counting(EIGHT), spread(np.float64(j), EIGHT)))
            put_positions(rows.lines, line * w + j, spread(np.float64(line), EIGHT))


@jit.inline
def to_next(axis, step):
    """Bytes from a pixel to its neighbour along an axis, 0 where there is none."""
    return np.int64(step) if axis[SIZE] > 1 else np.int64(0)
