"""Gradients of a validated call with respect to image and grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.kernel_grid import PartialSums
from stn_numba.kernels.constants import AFFINE, STRIP, TILE_ROWS
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.sampler.call import MAX_TASKS, PIXELS_PER_TASK, Call, row_blocks, tasks_of
from stn_numba.sampler.forward import outputs, sub_calls
from stn_numba.sampler.kernel_arguments import gradient_entry, image_words, reach_entry
from stn_numba.sampler.layout import caller_shape, channels_last
from stn_numba.sampler.volume_gradients import VolumeGradient, add_volume_gradients

__all__ = ["NO_TOTAL", "ImageGradient", "Pass", "gradients", "pass_words", "passes_of", "sum_after"]

Array = NDArray[Any]

Add = Callable[..., Array | None]  # adds to a gradient with respect to the image, returns the one with respect to the grid

NO_TOTAL = np.zeros((0, 0, 0, 0))

_BANDS = 8  # that the images of a small batch are divided into, for the gradient with respect to them
_MIN_SUMMED = 1 << 12  # outputs between two sums, and 8 for each pixel: so few sums that their cost is negligible


class ImageGradient(NamedTuple):
    """Where the gradient with respect to the image is summed: in its own dtype, or block by block in float64.

    Attributes
    ----------
    block : ndarray, (N, H, W, C)
        The gradient since the last sum was taken, of the image's dtype.
    total : ndarray, (N, H, W, C) or empty
        The sum in float64; of size 0 if `block` is precise enough.
    sum_after : int
        Outputs after which `block` is added to `total`; 0 for never.
    """

    block: Array
    total: Array
    sum_after: int

    @classmethod
    def zeros(cls, call: Call) -> ImageGradient:
        """Zeros for the gradient of a call, as channels-last views."""
        block = channels_last(np.zeros(caller_shape(call.image.shape, call.layout), call.image.dtype), call.layout)
        after = sum_after(call)
        return cls(block, np.zeros(block.shape if after else (len(block), 0, 0, 0)), after)

    def of(self, images: slice) -> ImageGradient:
        """The gradient with respect to some of the images."""
        return ImageGradient(self.block[images], self.total[images], self.sum_after)

    def sum(self) -> Array:
        """The gradient, in the dtype of the image."""
        if self.sum_after:
            self.block[...] = self.total
        return self.block


def sum_after(call: Call) -> int:
    """After how many outputs the gradient with respect to the image is added to a total in float64; 0 for never."""
    batch, h, w, _ = call.out_shape
    samples = max((group.samples for group in call.groups), default=1)
    outputs = h * w * samples * (1 if call.batch_steps[0] else batch)  # that read one image
    summed = max(_MIN_SUMMED, 8 * math.prod(call.in_shape))
    return 0 if call.image.dtype == np.float64 or outputs <= summed else summed


def gradients(call: Call, d_out: Array, by_image: bool, by_grid: bool) -> tuple[Array | None, Array | None]:
    """The gradients with respect to image and grid; None for one that is not wanted."""
    in_volume = call.grid.ndim == 3
    d_image = (VolumeGradient if in_volume else ImageGradient).zeros(call) if by_image else None
    add: Add = add_volume_gradients if in_volume else _add_gradients
    d_grid = _add_sub_samples(add, call, d_out, d_image, by_grid) if call.groups else add(call, d_out, d_image, by_grid)
    return None if d_image is None else d_image.sum(), d_grid


def _add_sub_samples(add: Add, call: Call, d_out: Array, d_image: Any, by_grid: bool) -> Array | None:
    """As `add`, with antialiasing: each sub-sample contributes an equal share."""
    values = call.grid.values
    d_grid = np.zeros(values.shape, call.grid.partial_sums(1, 1)[1]) if by_grid else None
    for group in call.groups:
        share = d_out[outputs(call, group)] / group.samples
        view = d_image.of(group.grids) if d_image is not None and all(call.batch_steps) else d_image
        for offset, part in sub_calls(call, group):
            d_part = add(part, share, view, by_grid)
            if d_grid is not None and d_part is not None:
                d_grid[group.grids] += group.shifted_vjp(call.grid, offset, d_part)
    return None if d_grid is None else d_grid.astype(values.dtype, copy=False)


def _add_gradients(call: Call, d_out: Array, d_image: ImageGradient | None, by_grid: bool) -> Array | None:
    """Add to the gradient with respect to the image, if there is one; return the gradient with respect to the grid."""
    shares = [_add_block(part, d_out[:, rows], d_image, by_grid) for rows, part in row_blocks(call)]
    if not by_grid:
        return None
    total = np.zeros(call.grid.values.shape, call.grid.values.dtype)
    return shares[0] if len(shares) == 1 else sum((share for share in shares if share is not None), total)


class Pass(NamedTuple):
    """One pass of the kernel over `groups` images (or outputs, for the grid alone), each divided into `pieces`."""

    by_image: bool
    by_grid: bool
    groups: int
    pieces: int
    tasks: int

    def partial_sums(self, call: Call) -> PartialSums:
        """Shape and dtype of the array in which the pass sums the gradient with respect to the grid."""
        shape, dtype = call.grid.partial_sums(call.batch, self.pieces)
        return shape if self.by_grid else (0, 1, 0), dtype


def passes_of(call: Call, by_image: bool, by_grid: bool) -> list[Pass]:
    """The passes that gradients take: one for both, unless several grids share an image or positions are expensive."""
    size = math.prod(call.out_shape)
    images, most = len(call.image), 1 if size < 4 * PIXELS_PER_TASK else MAX_TASKS
    found = []
    bands = 1 if most == 1 or not images else min(-(-_BANDS // images), call.image.shape[1])
    one_pass = bands == 1 or not call.grid.repeats_are_expensive  # each band computes the positions
    together = by_image and by_grid and one_pass and (call.batch_steps[0] == 1 or call.batch == 1)
    if by_image:
        found.append(Pass(True, together, images, bands, min(images * bands, most)))
    if by_grid and not together:
        blocks = max(1, min(call.out_shape[1], tasks_of(call) // max(call.batch, 1)))
        found.append(Pass(False, True, call.batch, blocks, min(call.batch * blocks, most)))
    return found


def _add_block(call: Call, d_out: Array, d_image: ImageGradient | None, by_grid: bool) -> Array | None:
    """As `_add_gradients`, for a grid that is not streamed."""
    d_grid = None
    for kernel_pass in passes_of(call, d_image is not None, by_grid):
        partials = np.zeros(*kernel_pass.partial_sums(call))
        if d_out.size and (kernel_pass.by_image or call.differentiable):
            target = d_image if d_image is not None and kernel_pass.by_image else ImageGradient(call.image, NO_TOTAL, 0)
            reach = _reach_of_tiles(call) if kernel_pass.by_image and kernel_pass.pieces > 1 else None
            words = pass_words(call, kernel_pass, d_out, target, partials, reach)
            dispatch.run(gradient_entry(call.image.dtype), kernel_pass.tasks, call.num_threads, words)
        if kernel_pass.by_grid:
            d_grid = call.grid.sum_partials(partials, call.in_shape)
    return d_grid


def _reach_of_tiles(call: Call) -> Array | None:
    """First and last image row that each tile of the output reads, so that bands can skip tiles; None for affine maps."""
    if call.source.words[0] == AFFINE:  # whose bands need no table
        return None
    (h, w), grids = call.grid.shape, len(call.grid)
    tiles = np.empty((grids, -(-h // TILE_ROWS), -(-w // STRIP), 2))
    tasks = max(1, min(grids * tiles.shape[1], grids * h * w // PIXELS_PER_TASK, MAX_TASKS))
    dispatch.run(reach_entry(), tasks, call.num_threads, (tasks, *call.source.words, grids, h, w, address_of(tiles)))
    return tiles


def pass_words(
    call: Call, kernel_pass: Pass, d_out: Array, d_image: ImageGradient, partials: Array, reach: Array | None = None
) -> tuple[Any, ...]:
    """The words of one pass. A pass that is not `by_image` writes nothing to `d_image`."""
    by_image, by_grid, groups, pieces, tasks = kernel_pass
    sums = address_of(partials)  # for the positions of a dense grid, or for pieces of the others
    return (
        tasks, groups * pieces, pieces, by_image, by_grid and call.differentiable,
        *image_words(call.image), *call.source.words, *call.rule.words, *call.batch_steps, *call.out_shape,
        *image_words(d_out), *image_words(d_image.block), *image_words(d_image.total), d_image.sum_after, sums, sums,
        math.prod(partials.shape[2:]), 0 if reach is None else address_of(reach),
    )  # fmt: skip
