"""Gradients of a checked call, by image and grid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba import antialias as sub_samples
from stn_numba.grid import BasisGrid, Grid, MatrixGrid
from stn_numba.kernels import threads
from stn_numba.sampler.call import MOST_TASKS, PIXELS_A_TASK, Call, parts, tasks_of
from stn_numba.sampler.jobs import address_of, gradient_entry, image_words
from stn_numba.sampler.layout import channels_last, laid_out
from stn_numba.sampler.reading import outputs, sub_calls

__all__ = ["gradients"]

Array = NDArray[Any]

_BANDS = 8  # into how many bands the images of a small batch are cut together, for the gradient by them
_LEAST_SUMMED = 1 << 12  # outputs between two sums, and 8 for each pixel: so seldom that it costs little


def _backward(call: Call, d_out: Array) -> Iterator[tuple[sub_samples.Run, sub_samples.Offset, Call, Array]]:
    """Run, offset and call of each sub-sample, with its share of the gradient by the output."""
    for run in call.runs:
        share = d_out[outputs(call, run)] / run.readings
        for offset, part in sub_calls(call, run):
            yield run, offset, part, share


_NO_TOTAL = np.zeros((0, 0, 0, 0))


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
    batch, h, w, _ = call.size
    readings = max((run.readings for run in call.runs), default=1)
    outputs = h * w * readings * (1 if call.steps[0] else batch)  # that read one image
    _, H, W, _ = call.image.shape
    summed = max(_LEAST_SUMMED, 8 * H * W)
    if call.image.dtype == np.float64 or outputs <= summed:
        return ImageGradient(block, np.zeros((len(block), 0, 0, 0)), 0)
    return ImageGradient(block, np.zeros(block.shape), summed)


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


def _part_gradients(call: Call, d_out: Array, d_image: ImageGradient | None, by_grid: bool) -> Array | None:
    images = 0 if d_image is None else len(d_image.block)
    small = d_out.size < 4 * PIXELS_A_TASK
    bands = 1 if small or not images else min(-(-_BANDS // images), call.image.shape[1])
    one_pass = bands == 1 or isinstance(call.grid, MatrixGrid)  # of the others each band works out all positions
    together = d_image is not None and by_grid and one_pass and (call.steps[0] == 1 or call.batch == 1)
    d_grid = None
    if d_image is not None:
        d_grid = _run_gradient(call, d_out, d_image, together, images, bands)
    if by_grid and not together:
        blocks = max(1, min(call.size[1], tasks_of(call) // max(call.batch, 1)))
        d_grid = _run_gradient(call, d_out, None, True, call.batch, blocks)
    return d_grid


def _run_gradient(
    call: Call, d_out: Array, d_image: ImageGradient | None, by_grid: bool, groups: int, pieces: int
) -> Array | None:
    """One run of the kernel: `groups` images (or outputs, for the grid alone), each cut into so many pieces."""
    batch, h, w, _ = call.size
    dense, values = _is_dense(call.grid), call.grid.values
    numbers = (3, 3) if isinstance(call.grid, MatrixGrid) else values.shape[1:]  # which a partial sum has
    d_dense = np.zeros((batch * h, w, 2) if dense and by_grid else (0, 0, 2), values.dtype if dense else np.float32)
    partials = np.zeros((batch * pieces, 0 if dense else math.prod(numbers)))
    block, total, sum_after = (call.image, _NO_TOTAL, 0) if d_image is None else d_image
    if d_out.size and (d_image is not None or call.differentiable):
        items = groups * pieces
        tasks = 1 if d_out.size < 4 * PIXELS_A_TASK else min(items, MOST_TASKS)
        words = (
            tasks, items, pieces, d_image is not None, by_grid and call.differentiable, *image_words(call.image),
            *call.source.words, *call.rule.words, *call.steps, *call.size, *image_words(d_out), *image_words(block),
            *image_words(total), sum_after, address_of(d_dense), address_of(partials), partials.shape[1],
        )  # fmt: skip
        threads.run(gradient_entry(call.image.dtype), tasks, call.num_threads, words)
    if not by_grid:
        return None
    rows = d_dense.reshape(batch, h, w, 2) if dense else partials.reshape(batch, pieces, *numbers).sum(axis=1)
    d_grid = rows if len(values) == batch else rows.sum(axis=0, keepdims=True, dtype=np.float64)
    if isinstance(call.grid, MatrixGrid):
        return call.grid.pixel_matrix_vjp(d_grid, (call.image.shape[1], call.image.shape[2]))
    return d_grid.astype(values.dtype, copy=False)
