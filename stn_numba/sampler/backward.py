"""Gradients of a checked call, by image and grid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import BasisGrid, Grid, MatrixGrid
from stn_numba.kernels.constants import AFFINE, STRIP, TILE_ROWS
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.sampler import antialias as sub_samples
from stn_numba.sampler.checked_call import MOST_TASKS, PIXELS_A_TASK, Call, parts, tasks_of
from stn_numba.sampler.forward import outputs, sub_calls
from stn_numba.sampler.kernel_arguments import gradient_entry, image_words, reach_entry
from stn_numba.sampler.layout import channels_last, laid_out

__all__ = [
    "NO_TOTAL",
    "ImageGradient",
    "Run",
    "gradient_of_partials",
    "gradients",
    "partials_dtype",
    "partials_shape",
    "run_words",
    "runs_of",
    "sum_after",
]

Array = NDArray[Any]

_BANDS = 8  # into how many bands the images of a small batch are cut together, for the gradient by them
_LEAST_SUMMED = 1 << 12  # outputs between two sums, and 8 for each pixel: so seldom that it costs little


def _backward(call: Call, d_out: Array) -> Iterator[tuple[sub_samples.Run, sub_samples.Offset, Call, Array]]:
    """Run, offset and call of each sub-sample, with its share of the gradient by the output."""
    for run in call.runs:
        share = d_out[outputs(call, run)] / run.readings
        for offset, part in sub_calls(call, run):
            yield run, offset, part, share


NO_TOTAL = np.zeros((0, 0, 0, 0))


class ImageGradient(NamedTuple):
    """Where the gradient by the image is summed: in its own dtype, or block by block in float64.

    Attributes
    ----------
    block
        (N, H, W, C): the sum since the last one was taken, of the image's dtype.
    total
        Of the same size in float64, or of size 0 where the block alone will do.
    sum_after
        Outputs after which the block is added to the total; 0 for never.
    """

    block: Array
    total: Array
    sum_after: int

    def of(self, images: slice) -> ImageGradient:
        """The gradient by some of the images."""
        return ImageGradient(self.block[images], self.total[images], self.sum_after)

    def sum(self) -> Array:
        """The gradient, in the dtype of the image."""
        if self.sum_after:
            self.block[...] = self.total
        return self.block


def gradients(call: Call, d_out: Array, by_image: bool, by_grid: bool) -> tuple[Array | None, Array | None]:
    """The gradients by image and grid, as asked for."""
    d_image = _empty_gradient(call) if by_image else None
    d_grid = _all_gradients(call, d_out, d_image, by_grid)
    return None if d_image is None else d_image.sum(), d_grid


def _all_gradients(call: Call, d_out: Array, d_image: ImageGradient | None, by_grid: bool) -> Array | None:
    """Add to the gradient by the image, sub-sample by sub-sample; return the gradient by the grid, if asked for."""
    if not call.runs:
        return _add_gradients(call, d_out, d_image, by_grid)
    grid, values, in_shape = call.grid, call.grid.values, (call.image.shape[1], call.image.shape[2])
    d_grid = np.zeros(_grid_gradient_shape(grid), values.dtype if _is_dense(grid) else np.float64) if by_grid else None
    for run, offset, part, share in _backward(call, d_out):
        view = d_image.of(run.grids) if d_image is not None and all(call.steps) else d_image
        d_part = _add_gradients(part, share, view, by_grid)
        if d_grid is not None and d_part is not None:
            d_grid[run.grids] += sub_samples.pull_back(grid, run, offset, d_part, in_shape)
    return None if d_grid is None else d_grid.astype(values.dtype, copy=False)


def _empty_gradient(call: Call) -> ImageGradient:
    """Zeros for the gradient by the image, as channels-last views."""
    block = channels_last(np.zeros(laid_out(call.image.shape, call.layout), call.image.dtype), call.layout)
    after = sum_after(call)
    return ImageGradient(block, np.zeros(block.shape if after else (len(block), 0, 0, 0)), after)


def sum_after(call: Call) -> int:
    """After how many outputs the gradient by the image is added to a total in float64; 0 for never."""
    batch, h, w, _ = call.size
    readings = max((run.readings for run in call.runs), default=1)
    outputs = h * w * readings * (1 if call.steps[0] else batch)  # that read one image
    _, H, W, _ = call.image.shape
    summed = max(_LEAST_SUMMED, 8 * H * W)
    return 0 if call.image.dtype == np.float64 or outputs <= summed else summed


def _is_dense(grid: Grid) -> bool:
    return not isinstance(grid, MatrixGrid | BasisGrid)


def _grid_gradient_shape(grid: Grid) -> tuple[int, ...]:
    return (len(grid), *grid.shape, 2) if _is_dense(grid) else grid.values.shape


def _add_gradients(call: Call, d_out: Array, d_image: ImageGradient | None, by_grid: bool) -> Array | None:
    """Add to the gradient by the image, if there is one, and return the gradient by the grid, if asked for."""
    shares = [_part_gradients(part, d_out[:, rows], d_image, by_grid) for rows, part in parts(call)]
    if not by_grid:
        return None
    total = np.zeros(_grid_gradient_shape(call.grid), call.grid.values.dtype)
    return shares[0] if len(shares) == 1 else sum((share for share in shares if share is not None), total)


class Run(NamedTuple):
    """One run of the kernel: `groups` images (or outputs, for the grid alone), each cut into so many pieces."""

    by_image: bool
    by_grid: bool
    groups: int
    pieces: int
    tasks: int


def runs_of(call: Call, by_image: bool, by_grid: bool) -> list[Run]:
    """The runs that gradients take: one for both, unless an image serves several grids, or bands work out a basis."""
    size = math.prod(call.size)
    images, most = len(call.image), 1 if size < 4 * PIXELS_A_TASK else MOST_TASKS
    found = []
    bands = 1 if most == 1 or not images else min(-(-_BANDS // images), call.image.shape[1])
    one_pass = bands == 1 or not isinstance(call.grid, BasisGrid)  # each band works out a basis' positions
    together = by_image and by_grid and one_pass and (call.steps[0] == 1 or call.batch == 1)
    if by_image:
        found.append(Run(True, together, images, bands, min(images * bands, most)))
    if by_grid and not together:
        blocks = max(1, min(call.size[1], tasks_of(call) // max(call.batch, 1)))
        found.append(Run(False, True, call.batch, blocks, min(call.batch * blocks, most)))
    return found


def _part_gradients(call: Call, d_out: Array, d_image: ImageGradient | None, by_grid: bool) -> Array | None:
    d_grid = None
    for run in runs_of(call, d_image is not None, by_grid):
        partials = np.zeros(partials_shape(call, run), partials_dtype(call.grid))
        if d_out.size and (run.by_image or call.differentiable):
            target = d_image if d_image is not None and run.by_image else ImageGradient(call.image, NO_TOTAL, 0)
            reach = reach_of_tiles(call) if run.by_image and run.pieces > 1 else None
            words = run_words(call, run, d_out, target, partials, reach)
            dispatch.run(gradient_entry(call.image.dtype), run.tasks, call.num_threads, words)
        if run.by_grid:
            d_grid = gradient_of_partials(call.grid, partials, (call.image.shape[1], call.image.shape[2]))
    return d_grid


def reach_of_tiles(call: Call) -> Array | None:
    """How far up and down the image each tile of the outputs reads, for bands to pass over the others.

    Affine maps tell by themselves, and images that go on for ever are read from anywhere.
    """
    if call.source.words[0] == AFFINE:
        return None
    (h, w), grids = call.grid.shape, len(call.grid)
    tiles = np.empty((grids, -(-h // TILE_ROWS), -(-w // STRIP), 2))
    tasks = max(1, min(grids * tiles.shape[1], grids * h * w // PIXELS_A_TASK, MOST_TASKS))
    dispatch.run(reach_entry(), tasks, call.num_threads, (tasks, *call.source.words, grids, h, w, address_of(tiles)))
    return tiles


def run_words(
    call: Call, run: Run, d_out: Array, d_image: ImageGradient, partials: Array, reach: Array | None = None
) -> tuple[Any, ...]:
    """The words of one run. A run without the gradient by the image writes nothing to `d_image`."""
    dense = address_of(partials) if _is_dense(call.grid) else 0
    return (
        run.tasks, run.groups * run.pieces, run.pieces, run.by_image, run.by_grid and call.differentiable,
        *image_words(call.image), *call.source.words, *call.rule.words, *call.steps, *call.size, *image_words(d_out),
        *image_words(d_image.block), *image_words(d_image.total), d_image.sum_after, dense, address_of(partials),
        math.prod(partials.shape[2:]), 0 if reach is None else address_of(reach),
    )  # fmt: skip


def partials_shape(call: Call, run: Run) -> tuple[int, ...]:
    """Shape of what a run writes of the gradient by the grid: by each position, or each piece's by a grid's own numbers."""
    if not run.by_grid:
        return (0, 1, 0)
    if _is_dense(call.grid):
        return (call.batch, *call.grid.shape, 2)
    return (call.batch, run.pieces, *_numbers(call.grid))


def partials_dtype(grid: Grid) -> np.dtype[Any]:
    """The floats in which the gradient by a grid is summed."""
    return grid.values.dtype if _is_dense(grid) else _SUMS


_SUMS = np.dtype(np.float64)


def _numbers(grid: Grid) -> tuple[int, ...]:
    """Shape of the numbers of one grid that a kernel knows: a homography is known whole."""
    return (3, 3) if isinstance(grid, MatrixGrid) else grid.values.shape[1:]


def gradient_of_partials(grid: Grid, partials: Array, in_shape: tuple[int, int]) -> Array:
    """The gradient by a grid's own numbers."""
    rows = partials if _is_dense(grid) else partials[:, 0] if partials.shape[1] == 1 else partials.sum(axis=1)
    d_grid = rows if len(grid.values) == len(rows) else rows.sum(axis=0, keepdims=True, dtype=np.float64)
    if isinstance(grid, MatrixGrid):
        return grid.pixel_matrix_vjp(d_grid, in_shape)
    return d_grid.astype(grid.values.dtype, copy=False)
