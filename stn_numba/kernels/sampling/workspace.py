"""What a kernel keeps while it works on a strip of output pixels: the options of the sampler, and scratch rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr_generic, models, register_model

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.intrinsics import intrinsic
from stn_numba.kernels.constants import BORDER, FILL_OUTSIDE, MODE, NEAREST, POLYNOMIAL, REFLECT, SIZE, STRIP
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import put_position
from stn_numba.kernels.simd.vectors import EIGHT, arange, full

INTERLEAVED = 24  # far-apart pixels of a strip that add to the image in turn: a sum is in memory before it is added to again
LEAST_SOLVED = 64  # columns; where there are fewer, it is faster to test each pixel than to solve which are inside
ROW = STRIP + 16  # numbers of 8 bytes in a scratch row; whole vectors may be read behind a strip
NEXT_TAP = 4 * 8 * ROW  # bytes from a row of weights or slopes to that of the next tap


class Sampler(NamedTuple):
    """An interpolation kernel, a padding and a fill value, arrays by address."""

    family: int  # NEAREST, BILINEAR or POLYNOMIAL
    K: int  # taps an axis
    x_axis: tuple[float, ...]  # see `constants`
    y_axis: tuple[float, ...]
    table: tuple[int, int, int, int]  # of the kernel and its derivative, see `polynomial`; else zeros
    slope_table: tuple[int, int, int, int]
    fill: int  # (C,), of the dtype that is computed in: what is read outside
    fill_mode: int  # NO_FILL, FILL_OUTSIDE or FILL_TAPS
    gathers: int  # see `load_store.gather`


# Scratch rows, one behind the other in memory. Those for the taps of all pixels alternate at the end: K times u, v, du, dv.
_ROWS = (
    "x",  # positions in pixels
    "y",
    "x_moved",  # positions after padding, if it changes any; see `x_padded`
    "y_moved",
    "x_factor",  # derivative of the padded position by the position
    "y_factor",
    "offsets",  # bytes from the first element of the image to each pixel's first tap
    "d_offsets",  # the same for d_image, where its strides are others
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
    "upper",  # what a pixel adds to its 2 x 2 taps, left and right alternating: two rows long
    "_",
    "lower",
    "_",
    "columns",  # column and line of each pixel, counted from the strip's first
    "lines",
    "u",  # weights along x
    "v",  # weights along y
    "du",  # derivatives of the weights
    "dv",
)
_BYTES = {name: 8 * ROW * place for place, name in enumerate(_ROWS) if name != "_"}


class WorkspaceType(types.Type):
    """The scratch rows of a strip: an attribute is the address of the row of that name.

    `x_padded` and `y_padded` are the positions after padding: the rows `x` and `y` themselves where it changes nothing.

    A tuple of all addresses would be taken apart and put together again in each of a hundred helpers. So a workspace is two
    numbers: the address of the first row, and that of `x_padded`.
    """

    def __init__(self) -> None:
        super().__init__("Workspace")


@register_model(WorkspaceType)
class _WorkspaceModel(models.StructModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, [("first", types.int64), ("padded", types.int64)])


@infer_getattr
class _WorkspaceAttributes(AttributeTemplate):
    key = WorkspaceType

    def generic_resolve(self, kind, name):
        return types.int64 if name in _BYTES or name in ("x_padded", "y_padded") else None


@lower_getattr_generic(WorkspaceType)
def _row(context, builder, kind, value, name):
    first, padded = (builder.extract_value(value, k) for k in range(2))
    if name == "x_padded":
        return padded
    address, size = (padded, 8 * ROW) if name == "y_padded" else (first, _BYTES[name])
    return builder.add(address, context.get_constant(types.int64, size))


@intrinsic(lambda first, padded: WorkspaceType()(types.int64, types.int64))
def _workspace_at(code, first, padded):
    value = ir.Constant(code.llvm(code.result), ir.Undefined)
    return code.builder.insert_value(code.builder.insert_value(value, first, 0), padded, 1)


@jit.inline
def workspace_bytes(sampler):
    """How much memory a workspace takes."""
    return 8 * (25 + 4 * sampler.K) * ROW


@jit.inline
def workspace(sampler, memory):
    """The workspace in memory that begins at an address."""
    moved = sampler.fill_mode == FILL_OUTSIDE or sampler.x_axis[MODE] >= REFLECT or sampler.family == NEAREST
    moved = moved or (sampler.x_axis[MODE] == BORDER and sampler.family != POLYNOMIAL)
    return _workspace_at(memory, memory + 16 * ROW if moved else memory)


@jit.inline
def number_pixels(w, together, work):
    """Fill the rows `columns` and `lines`, for strips of one output row, or of `together` rows of w pixels."""
    width = least(w, STRIP)
    for line in range(together):
        for j in range(0, width, 8):
            put_position(work.columns, line * w + j, arange(EIGHT) + j)
            put_position(work.lines, line * w + j, full(EIGHT, np.float64(line)))


@jit.inline
def to_next(axis, step):
    """Bytes from a pixel to its neighbor along an axis, 0 where there is none."""
    return np.int64(step) if axis[SIZE] > 1 else np.int64(0)
