"""What a strip of output pixels is worked on with: a rule, and scratch rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, models, register_model

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BORDER, FILL_OUTSIDE, MODE, NEAREST, POLYNOMIAL, REFLECT, SIZE, STRIP
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import put_positions
from stn_numba.kernels.simd.vectors import EIGHT, counting, plus, spread

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


# Scratch rows in memory, one behind the other. Those of the taps of all pixels take turns at the end: K times u, v, du, dv.
_ROWS = (
    "xs",  # positions in pixels
    "ys",
    "x_moved",  # where the padding lets them read, if it changes anything
    "y_moved",
    "x_signs",  # derivative of the places by the positions
    "y_signs",
    "offsets",  # bytes from the first element of the image to each pixel's first tap
    "d_offsets",  # the same for d_image, where its steps are others
    "gx",  # gradients by the positions
    "gy",
    "dx",  # terms of the gradient by a homography; dx is also scratch for eight numbers
    "dy",
    "dz",
    "x_taps",  # the K taps of a single pixel at an edge
    "x_weights",
    "y_taps",
    "y_weights",
    "x_slopes",
    "y_slopes",
    "upper",  # what a pixel gives to its 2 x 2 taps, left and right in turns: two rows long
    "_",
    "lower",
    "_",
    "columns",  # column and row of each pixel, counted from the strip's first
    "lines",
    "u",  # weights along x
    "v",  # weights along y
    "du",  # derivatives of the weights
    "dv",
)
_BYTES = {name: 8 * ROW * place for place, name in enumerate(_ROWS) if name != "_"}


class RowsType(types.Type):
    """The scratch rows of a strip: an attribute is the address of the row of that name.

    A tuple of so many addresses would have to be taken apart and put together in each of a hundred helpers. So the rows are two
    numbers: where they begin, and where `x_places` does, which is `xs` where the padding changes nothing.
    """

    def __init__(self) -> None:
        super().__init__("Rows")


@register_model(RowsType)
class _RowsModel(models.StructModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, [("first", types.int64), ("places", types.int64)])


@infer_getattr
class _RowsAttributes(AttributeTemplate):
    key = RowsType

    def generic_resolve(self, kind, name):
        return types.int64 if name in _BYTES or name in ("x_places", "y_places") else None


@lower_getattr_generic(RowsType)
def _row(context, builder, kind, value, name):
    first, places = (builder.extract_value(value, k) for k in range(2))
    if name == "x_places":
        return places
    place = (places, 8 * ROW) if name == "y_places" else (first, _BYTES[name])
    return builder.add(place[0], context.get_constant(types.int64, place[1]))


@intrinsic
def rows_at(typingctx, first, places):
    """Rows that begin at an address, and where `x_places` does."""
    kind = RowsType()

    def codegen(context, builder, signature, arguments):
        value = ir.Constant(context.get_value_type(kind), ir.Undefined)
        return builder.insert_value(builder.insert_value(value, arguments[0], 0), arguments[1], 1)

    return kind(types.int64, types.int64), codegen


@jit.inline
def scratch_bytes(rule):
    """How much memory the rows of `row_addresses` take."""
    return 8 * (25 + 4 * rule.K) * ROW


@jit.inline
def row_addresses(rule, first):
    """The scratch rows, in memory that begins at `first`."""
    moved = rule.fills == FILL_OUTSIDE or rule.x_axis[MODE] >= REFLECT or rule.family == NEAREST
    moved = moved or (rule.x_axis[MODE] == BORDER and rule.family != POLYNOMIAL)
    return rows_at(first, first + 16 * ROW if moved else first)


@jit.inline
def number_pixels(w, together, rows):
    """Fill the rows of columns and lines, for strips of one row or of so many rows of w pixels."""
    width = least(w, STRIP)
    for line in range(together):
        for j in range(0, width, 8):
            put_positions(rows.columns, line * w + j, plus(counting(EIGHT), spread(np.float64(j), EIGHT)))
            put_positions(rows.lines, line * w + j, spread(np.float64(line), EIGHT))


@jit.inline
def to_next(axis, step):
    """Bytes from a pixel to its neighbor along an axis, 0 where there is none."""
    return np.int64(step) if axis[SIZE] > 1 else np.int64(0)
