"""Validate a call of the sampler and convert it to the form that kernels take."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool, as_int, as_option
from stn_numba.grid import DenseGrid, Grid, KernelGrid, Shape
from stn_numba.grid.kernel_words import KernelWords
from stn_numba.sampler.antialias import Group, find_groups
from stn_numba.sampler.interpolation import PiecewisePolynomial, is_nearest, kernel_rule, sums_to_one
from stn_numba.sampler.kernel_arguments import rule_words, working_dtype
from stn_numba.sampler.layout import channels_last
from stn_numba.sampler.padding import chosen_padding, fill_rule
from stn_numba.sampler.shape_hints import as_positions, axes_advice

__all__ = ["IMAGE_DTYPES", "MAX_TASKS", "PIXELS_PER_TASK", "Call", "Options", "check_call", "row_blocks", "tasks_of"]

Array = NDArray[Any]

IMAGE_DTYPES = ("float32", "float64", "uint8", "int8", "uint16", "int16", "int32")
PIXELS_PER_TASK = 8192  # a smaller task takes longer to hand to a thread than to run
MAX_TASKS = 64
_SPACES = {2: "two dimensions", 3: "three dimensions"}


class Options(NamedTuple):
    """The options of `sample`, not validated."""

    kernel: str | PiecewisePolynomial
    padding: str | None
    align_corners: bool | None
    units: str
    displacement: bool
    antialias: bool
    layout: str
    num_threads: int | None


class Call(NamedTuple):
    """A validated call; image, out and their gradients are (N, H, W, C) or (N, D, H, W, C) views with any strides."""

    image: Array
    grid: KernelGrid
    source: KernelWords  # the grid, as `kernels.sampling.positions.GridSource` describes it
    scale: NDArray[np.float64]  # see `KernelGrid.pixel_scale`
    rule: KernelWords  # kernel and padding for an image with these strides, see `kernels.sampling.workspace.Sampler`
    kernel: str | PiecewisePolynomial
    working: np.dtype[Any]  # the float dtype in which kernels compute with the image
    layout: str
    batch_steps: tuple[int, int]  # of image and grid: 1 if each output has its own, 0 if all outputs share one
    batch: int
    num_threads: int | None
    groups: list[Group]  # empty without antialiasing, or if one sample per output pixel is enough

    @property
    def differentiable(self) -> bool:
        """Whether the output changes smoothly with the grid."""
        return not is_nearest(self.kernel)

    @property
    def in_shape(self) -> Shape:
        """(H, W) of the image, (D, H, W) of a volume."""
        return self.image.shape[1:-1]

    @property
    def out_shape(self) -> tuple[int, ...]:
        """(N, h, w, C) of the output, (N, d, h, w, C) of a volume."""
        return (self.batch, *self.grid.shape, self.image.shape[-1])


def check_call(image: Array, grid: Grid | ArrayLike, options: Options, fill: Array | None) -> Call:
    """Validate the arguments of `sample` before any work is done.

    Parameters
    ----------
    image : ndarray
        Of a dtype that kernels know, or any dtype with the kernel ``"nearest"``.
    grid, options
        As passed to `sample`.
    fill : ndarray or None
        What `as_fill` returned.
    """
    nearest = is_nearest(options.kernel)
    _expect_dtype(image.dtype, nearest)
    padding = chosen_padding(options.padding, fill)
    layout = layout_of(image, options.layout)
    as_option(options.units, "units", ("normalized", "pixels"))
    as_bool(options.antialias, "antialias")
    as_bool(options.displacement, "displacement")
    kernel = kernel_rule(options.kernel)
    image = _check_image(image, layout)
    if options.num_threads is not None:
        as_int(options.num_threads, "num_threads", least=1)
    grid = _check_grid(grid, options)
    images, grids, in_shape = len(image), len(grid), image.shape[1:-1]
    _expect_fitting(image, grid)
    working = working_dtype(image.dtype)
    if nearest and fill is not None:  # no pixel is blended with another, so the padding would have no effect
        padding = "constant"
    filling = fill_rule(fill, padding, image.shape[-1], image.dtype if nearest else working)
    if padding == "constant":
        _expect_blendable(options.kernel, filling[0])
    scale = grid.pixel_scale(in_shape, options.units, options.displacement)
    everywhere = fill is None and padding not in ("zeros", "constant")
    return Call(
        image,
        grid,
        grid.kernel_source(in_shape, scale),
        scale,
        rule_words(image, kernel, padding, grid.align_corners, filling),
        options.kernel,
        working,
        layout,
        (int(images != 1), int(grids != 1)),
        grids if images == 1 else images,
        options.num_threads,
        find_groups(grid, in_shape, scale, everywhere) if options.antialias else [],
    )


def layout_of(image: Array, layout: str) -> str:
    """Return the layout of an image, or of a volume: ``"NHWC"``, the default, stands for ``"NDHWC"`` there."""
    as_option(layout, "layout", ("NHWC", "NCHW", "NDHWC", "NCDHW"))
    if image.ndim == 5 and layout == "NHWC":
        return "NDHWC"
    if image.ndim == 5 and layout == "NCHW":
        raise ValueError("layout: expected 'NDHWC' or 'NCDHW' for a volume, got 'NCHW'")
    return layout


def _check_image(image: Array, layout: str) -> Array:
    """Return the image as (N, H, W, C), or (N, D, H, W, C), of native byte order."""
    if image.ndim == len(layout):
        view = channels_last(image.astype(image.dtype.newbyteorder("="), copy=False), layout)
        if 0 not in view.shape[1:-1]:
            return view
    sizes = "D, H, W" if "D" in layout else "H, W"
    raise ValueError(
        f"image: expected ({', '.join(layout)}) with {sizes} >= 1, got {image.shape}{axes_advice(image.shape, layout)}"
    )


def _check_grid(grid: Grid | ArrayLike, options: Options) -> KernelGrid:
    """Return a grid that kernels can read."""
    align_corners = options.align_corners
    if isinstance(grid, tuple) and any(isinstance(part, Grid) for part in grid):
        raise TypeError("grid: expected a Grid or positions, got a tuple with a Grid; `forward` returns (grid, backprop)")
    if not isinstance(grid, Grid):
        return DenseGrid(as_positions(grid), align_corners=True if align_corners is None else align_corners)
    if align_corners is not None and align_corners != grid.align_corners:
        raise ValueError(f"align_corners: the grid was made for {grid.align_corners}, got {align_corners}")
    if options.units != "normalized" or options.displacement:
        raise ValueError("units, displacement: these are for plain positions; a Grid is normalized and absolute")
    return grid if isinstance(grid, KernelGrid) else DenseGrid(grid.dense(), align_corners=grid.align_corners)


def _expect_fitting(image: Array, grid: KernelGrid) -> None:
    """Reject an image and a grid that do not belong together."""
    images, grids, in_shape = len(image), len(grid), image.shape[1:-1]
    if grid.ndim != len(in_shape):
        raise ValueError(f"grid: expected positions in {_SPACES[len(in_shape)]}, as the image has, got {_SPACES[grid.ndim]}")
    if images != grids and 1 not in (images, grids):
        raise ValueError(f"grid: expected N = {images} as the image has (or 1), got N = {grids}")
    if grid.in_shape not in (None, in_shape):
        axes = "(D, H, W)" if grid.ndim == 3 else "(H, W)"
        raise ValueError(f"image: expected {axes} = {grid.in_shape}, for which the grid was made, got {in_shape}")


def _expect_blendable(kernel: str | PiecewisePolynomial, fill: Array) -> None:
    """Reject a constant beyond the edge for a kernel whose weights would change it."""
    if not sums_to_one(kernel) and fill.any():
        raise ValueError(
            "padding: expected another than 'constant' for a kernel whose weights do not sum to 1 everywhere; "
            "with padding='zeros' `fill` is what outputs beyond the edges are set to"
        )


def _expect_dtype(dtype: np.dtype[Any], nearest: bool) -> None:
    """Reject an image of a dtype that kernels cannot read."""
    if nearest:  # copies items of any kind, except references to objects, which are counted
        if dtype.hasobject or not dtype.itemsize:
            raise TypeError(f"image: expected numbers, got dtype {dtype}")
    elif not _is_known(dtype):
        raise TypeError(
            f"image: expected {', '.join(IMAGE_DTYPES)}, float16, bool or complex, got {dtype}; "
            'kernel="nearest" reads every dtype'
        )


@functools.lru_cache(64)
def _is_known(dtype: np.dtype[Any]) -> bool:
    """Whether kernels compute with a dtype, in any byte order."""
    return dtype.newbyteorder("=").name in IMAGE_DTYPES


def row_blocks(call: Call) -> Iterator[tuple[slice, Call]]:
    """Blocks of output rows, each with the call that reads it: several if the grid is streamed.

    Those run on one thread: threads that spin while they wait for the next block would slow down its evaluation.
    """
    if not call.grid.is_streamed:
        yield slice(0, call.grid.shape[0]), call
        return
    for rows, grid in call.grid.row_blocks():
        source = grid.kernel_source(call.in_shape, call.scale)
        yield rows, call._replace(grid=grid, source=source, num_threads=1)


def tasks_of(call: Call) -> int:
    """How many tasks the output rows are divided into; depends on the shape alone."""
    rows, pixels = math.prod(call.out_shape[:-2]), math.prod(call.out_shape)
    return max(1, min(rows, pixels // PIXELS_PER_TASK, MAX_TASKS))
