"""A call of the sampler, checked, in the form that kernels take."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool, as_int, as_option
from stn_numba.grid import BasisGrid, DenseGrid, Grid, MatrixGrid
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.sampler import antialias as sub_samples
from stn_numba.sampler.grid_source import is_streamed, scale_of, source_of
from stn_numba.sampler.interpolation import PiecewisePolynomial, is_nearest, kernel_rule, sums_to_one
from stn_numba.sampler.kernel_arguments import Words, working_dtype
from stn_numba.sampler.layout import channels_last, expect_shape, laid_out
from stn_numba.sampler.padding import axis_rule, chosen_padding, fill_rule
from stn_numba.sampler.shape_hints import as_positions, axes_advice

__all__ = ["IMAGE_DTYPES", "MOST_TASKS", "PIXELS_A_TASK", "Call", "check_call", "check_out", "parts", "tasks_of"]

Array = NDArray[Any]

IMAGE_DTYPES = ("float32", "float64", "uint8", "int8", "uint16", "int16", "int32")
PIXELS_A_TASK = 8192  # below this a task costs more to hand to a thread than to do
MOST_TASKS = 64
_MOST_WORK = 10_000  # in search of an element that two arrays share; slices of one array take a few steps


class Call(NamedTuple):
    """A checked call, in the form the kernels take; image, d_image and d_out are (N, H, W, C) views of any strides."""

    image: Array
    grid: Grid
    source: Words  # as `kernels.sampling.positions` describes it
    scale: NDArray[np.float64]
    rule: Words  # kernel and padding for an image of these strides, as `kernels.sampling.workspace` describes them
    kernel: str | PiecewisePolynomial
    working: np.dtype[Any]  # of the floats in which the image's numbers are computed
    layout: str
    steps: tuple[int, int]
    batch: int
    num_threads: int | None
    runs: list[sub_samples.Run]  # empty without antialiasing, or where it has nothing to do

    @property
    def differentiable(self) -> bool:
        """Whether the output changes smoothly with the grid."""
        return not is_nearest(self.kernel)

    @property
    def size(self) -> tuple[int, int, int, int]:
        """(N, h, w, C) of the output."""
        return (self.batch, *self.grid.shape, self.image.shape[3])


def check_call(
    image: Array,
    grid: Grid | ArrayLike,
    kernel: str | PiecewisePolynomial,
    padding: str | None,
    fill: Array | None,
    align_corners: bool | None,
    units: str,
    displacement: bool,
    antialias: bool,
    layout: str,
    num_threads: int | None,
) -> Call:
    """Check the arguments of `sample`, for an image of a dtype that kernels know, before any work is done.

    `fill` is what `as_fill` made of the caller's.
    """
    nearest = is_nearest(kernel)
    _expect_dtype(image.dtype, nearest)
    padding = chosen_padding(padding, fill)
    as_option(layout, "layout", ("NHWC", "NCHW"))
    as_option(units, "units", ("normalized", "pixels"))
    for name, value in (("antialias", antialias), ("displacement", displacement)):
        as_bool(value, name)
    kernel_numbers = kernel_rule(kernel)
    if image.ndim != 4 or 0 in channels_last(image, layout).shape[1:3]:
        raise ValueError(
            f"image: expected ({', '.join(layout)}) with H, W >= 1, got {image.shape}{axes_advice(image.shape, layout)}"
        )
    if num_threads is not None:
        as_int(num_threads, "num_threads", least=1)
    grid = _check_grid(grid, align_corners, units, displacement)
    images, grids = len(image), len(grid)
    if images != grids and 1 not in (images, grids):
        raise ValueError(f"grid: expected N = {images} as the image has (or 1), got N = {grids}")
    image = channels_last(image.astype(image.dtype.newbyteorder("="), copy=False), layout)
    if isinstance(grid, MatrixGrid) and grid.in_shape not in (None, image.shape[1:3]):
        raise ValueError(f"image: expected (H, W) = {grid.in_shape}, for which the grid was made, got {image.shape[1:3]}")
    working = working_dtype(image.dtype)
    if nearest and fill is not None:  # a pixel is read or it is not: nothing is left for the padding to do
        padding = "constant"
    filling = fill_rule(fill, padding, image.shape[3], image.dtype if nearest else working)
    if padding == "constant" and not sums_to_one(kernel) and filling[0].any():
        raise ValueError(
            "padding: expected another than 'constant' for a kernel whose weights do not sum to 1 everywhere; "
            "with padding='zeros' `fill` is what outputs beyond the edges are set to"
        )
    scale = scale_of(grid, image.shape[1:3], units, displacement)
    everywhere = fill is None and padding not in ("zeros", "constant")
    return Call(
        image,
        grid,
        source_of(grid, image.shape[1:3], scale),
        scale,
        _rule(image, kernel_numbers, padding, grid.align_corners, *filling),
        kernel,
        working,
        layout,
        (int(images != 1), int(grids != 1)),
        grids if images == 1 else images,
        num_threads,
        sub_samples.plan(grid, image.shape[1:3], scale, everywhere) if antialias else [],
    )


def _check_grid(grid: Grid | ArrayLike, align_corners: bool | None, units: str, displacement: bool) -> Grid:
    """The grid of one of the kinds that kernels know."""
    if isinstance(grid, tuple) and any(isinstance(part, Grid) for part in grid):
        raise TypeError("grid: expected a Grid or positions, got a tuple with a Grid; `forward` returns (grid, backprop)")
    if not isinstance(grid, Grid):
        grid = DenseGrid(as_positions(grid), align_corners=True if align_corners is None else align_corners)
    elif align_corners is not None and align_corners != grid.align_corners:
        raise ValueError(f"align_corners: the grid was made for {grid.align_corners}, got {align_corners}")
    elif units != "normalized" or displacement:
        raise ValueError("units, displacement: these are for plain positions; a Grid is normalized and absolute")
    if not isinstance(grid, DenseGrid | MatrixGrid | BasisGrid):  # a stranger's: hold its positions while kernels read them
        grid = DenseGrid(grid.dense(), align_corners=grid.align_corners)
    return grid


def _rule(image: Array, kernel: tuple[Any, ...], padding: str, align_corners: bool, fill: Array, fills: int) -> Words:
    """An interpolation kernel and a padding for an image, as `kernels.sampling.workspace` describes them."""
    family, K, table, slope_table, even = kernel
    x, y = (axis_rule(image.shape[k], image.strides[k], padding, align_corners, family, K, even) for k in (2, 1))
    words = family, K, *x, *y, *_table(table), *_table(slope_table), address_of(fill), fills
    return Words(words, (table, slope_table, fill))


def _table(table: Array) -> tuple[int, int, int, int]:
    """A table of polynomial pieces as `kernels.sampling.polynomial` reads it."""
    pieces, columns, terms = table.shape
    return (address_of(table), pieces, columns - 1, terms) if table.size else (0, 0, 0, 0)


def _expect_dtype(dtype: np.dtype[Any], nearest: bool) -> None:
    """Refuse an image of a dtype that a kernel cannot read."""
    if nearest:  # copies whatever an item holds, but for references to objects, which are counted
        if dtype.hasobject or not dtype.itemsize:
            raise TypeError(f"image: expected numbers, got dtype {dtype}")
    elif not _is_known(dtype):
        raise TypeError(
            f"image: expected {', '.join(IMAGE_DTYPES)}, float16, bool or complex, got {dtype}; "
            'kernel="nearest" reads every dtype'
        )


@functools.lru_cache(64)
def _is_known(dtype: np.dtype[Any]) -> bool:
    """Whether kernels compute with a dtype, in any order of bytes."""
    return dtype.newbyteorder("=").name in IMAGE_DTYPES


def check_out(out: Array | None, call: Call, image: Array) -> Array:
    """The output as a channels-last view, made if not given."""
    expected, dtype = laid_out(call.size, call.layout), image.dtype.newbyteorder("=")
    if out is None:
        return channels_last(np.empty(expected, dtype), call.layout)
    expect_shape(out, expected)
    if out.dtype != dtype:
        raise TypeError(f"out: expected {dtype}, as the image, got {out.dtype}")
    if not out.flags.writeable:
        raise ValueError("out: the array is read-only")
    # the stubs of NumPy know fewer numbers than it takes
    if any(np.may_share_memory(out, array, max_work=_MOST_WORK) for array in (image, call.grid.values)):  # type: ignore[arg-type]
        raise ValueError("out: the array overlaps the image or the grid")
    if _overlaps_itself(out):
        raise ValueError("out: several elements share one place in memory")
    return channels_last(out, call.layout)


def _overlaps_itself(array: Array) -> bool:
    """Whether two elements may share memory (as np.broadcast_to makes them)."""
    axes = sorted((abs(step), size) for step, size in zip(array.strides, array.shape, strict=True) if size > 1)
    reach = array.itemsize
    for step, size in axes:
        if step < reach:
            return bool(array.size)
        reach = step * (size - 1) + reach
    return False


def parts(call: Call) -> Iterator[tuple[slice, Call]]:
    """Blocks of output rows, each with the call that reads it: several where a basis is worked out block by block.

    Those run on one thread: threads that wait for work between blocks take more from the evaluation than they give.
    """
    if not is_streamed(call.grid):
        yield slice(0, call.grid.shape[0]), call
        return
    for rows, grid in cast(BasisGrid, call.grid).parts():
        yield rows, call._replace(grid=grid, source=source_of(grid, call.image.shape[1:3], call.scale), num_threads=1)


def tasks_of(call: Call) -> int:
    """Into how many tasks the output rows are cut; set by the shape alone."""
    batch, h, w, channels = call.size
    return max(1, min(batch * h, batch * h * w * channels // PIXELS_A_TASK, MOST_TASKS))
