"""Gradients of a checked call, by image and grid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba import antialias as sub_samples
from stn_numba.grid import BasisGrid, Grid, MatrixGrid
from stn_numba.pixel_matrix import pixel_matrix_vjp
from stn_numba.sampler.call import MOST_TASKS, PIXELS_A_TASK, Call, parts, tasks_of
from stn_numba.sampler.layout import channels_last, laid_out, memory
from stn_numba.sampler.reading import outputs, sub_calls

__all__ = ["gradients"]

Array = NDArray[Any]

_BANDS = 8  # into how many bands the images of a small batch are cut together, for the gradient by them


def _backward(call: Call, d_out: Array) -> Iterator[tuple[sub_samples.Run, sub_samples.Offset, Call, Array]]:
    """Run, offset and call of each sub-sample, with its share of the gradient by the output."""
    for run in call.runs:
        share = d_out[outputs(call, run)] / run.readings
        for offset, part in sub_calls(call, run):
            yield run, offset, part, share


def gradients(call: Call, d_out: Array, by_image: bool, by_grid: bool) -> tuple[Array | None, Array | None]:
    """The gradients by image and grid, as asked for."""
    d_image = _empty_gradient(call) if by_image else None
    if not call.runs:
        return d_image, _add_gradients(call, d_out, d_image, by_grid)
    grid, values = call.grid, call.grid.values
    d_grid = np.zeros(_grid_gradient_shape(grid), values.dtype if _is_dense(grid) else np.float64) if by_grid else None
    for run, offset, part, share in _backward(call, d_out):
        view = None if d_image is None else d_image[run.grids] if all(call.steps) else d_image
        d_part = _add_gradients(part, share, view, by_grid)
        if d_grid is not None and d_part is not None:
            d_grid[run.grids] += sub_samples.pull_back(grid, run, offset, d_part)
    return d_image, None if d_grid is None else d_grid.astype(values.dtype, copy=False)


def _empty_gradient(call: Call) -> Array:
    """Zeros for the gradient by the image, as a channels-last view."""
    return channels_last(np.zeros(laid_out(call.image.shape, call.layout), call.image.dtype), call.layout)


def _is_dense(grid: Grid) -> bool:
    return not isinstance(grid, MatrixGrid | BasisGrid)


def _grid_gradient_shape(grid: Grid) -> tuple[int, ...]:
    return (len(grid), *grid.shape, 2) if _is_dense(grid) else grid.values.shape


def _add_gradients(call: Call, d_out: Array, d_image: Array | None, by_grid: bool) -> Array | None:
    """Add to the gradient by the image, if there is one, and return the gradient by the grid, if asked for."""
    shares = [_part_gradients(part, d_out[:, rows], d_image, by_grid) for rows, part in parts(call)]
    if not by_grid:
        return None
    total = np.zeros(_grid_gradient_shape(call.grid), call.grid.values.dtype)
    return shares[0] if len(shares) == 1 else sum((share for share in shares if share is not None), total)


def _part_gradients(call: Call, d_out: Array, d_image: Array | None, by_grid: bool) -> Array | None:
    images = 0 if d_image is None else len(d_image)
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


def _run_gradient(call: Call, d_out: Array, d_image: Array | None, by_grid: bool, groups: int, pieces: int) -> Array | None:
    """One run of the kernel: `groups` images (or outputs, for the grid alone), each cut into so many pieces."""
    from stn_numba.kernels import gradient, threads

    batch, h, w, _ = call.size
    dense, values = _is_dense(call.grid), call.grid.values
    d_dense = np.zeros((batch * h, w, 2) if dense and by_grid else (0, 0, 2), values.dtype if dense else np.float32)
    partials = np.zeros((batch * pieces, 0 if dense or not len(values) else values[0].size))
    if d_out.size and (d_image is not None or call.differentiable):
        items = groups * pieces
        tasks = 1 if d_out.size < 4 * PIXELS_A_TASK else min(items, MOST_TASKS)
        form = threads.choose(gradient.gradient_serial, gradient.gradient_parallel, tasks, call.num_threads)
        form(
            tasks,
            items,
            pieces,
            d_image is not None,
            by_grid and call.differentiable,
            memory(call.image),
            call.source,
            call.rule,
            call.steps,
            call.size,
            call.working,
            memory(d_out),
            memory(call.image if d_image is None else d_image),
            d_dense,
            partials,
        )
    if not by_grid:
        return None
    rows = d_dense.reshape(batch, h, w, 2) if dense else partials.reshape(batch, pieces, *values.shape[1:]).sum(axis=1)
    d_grid = rows if len(values) == batch else rows.sum(axis=0, keepdims=True)
    if isinstance(call.grid, MatrixGrid):
        d_grid = pixel_matrix_vjp(d_grid, call.image.shape[1:3], call.grid.shape, call.grid.align_corners)
    return d_grid.astype(values.dtype, copy=False)
