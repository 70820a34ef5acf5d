"""Gradients of a validated call on volumes, with respect to volume and grid."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.constants import STEP
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.sampler.call import MAX_TASKS, PIXELS_PER_TASK, Call, row_blocks
from stn_numba.sampler.kernel_arguments import grid_gradient_entry, image_gradient_entry, image_words
from stn_numba.sampler.layout import caller_shape, channels_last

__all__ = ["VolumeGradient", "add_volume_gradients"]

Array = NDArray[Any]

_PIECES = 16  # that a few volumes are divided into, so that threads have work
_FLOAT32_SUMS = 1 << 24  # a sum of float32 stops growing there


class VolumeGradient(NamedTuple):
    """Where the gradient with respect to the volume is summed: in its own dtype, or in float64 if very many outputs read it.

    Attributes
    ----------
    total : ndarray, (N, D, H, W, C)
        The sum.
    dtype : dtype
        That of the volume.
    """

    total: Array
    dtype: np.dtype[Any]

    @classmethod
    def zeros(cls, call: Call) -> VolumeGradient:
        """Zeros for the gradient of a call, in the caller's layout as a channels-last view."""
        samples = max((group.samples for group in call.groups), default=1)
        reads = math.prod(call.grid.shape) * samples * (1 if call.batch_steps[0] else call.batch)  # of one volume
        total = np.dtype(np.float64) if reads > _FLOAT32_SUMS else call.image.dtype
        return cls(channels_last(np.zeros(caller_shape(call.image.shape, call.layout), total), call.layout), call.image.dtype)

    def of(self, volumes: slice) -> VolumeGradient:
        """The gradient with respect to some of the volumes."""
        return VolumeGradient(self.total[volumes], self.dtype)

    def sum(self) -> Array:
        """The gradient, in the dtype of the volume."""
        return self.total.astype(self.dtype, copy=False)


def add_volume_gradients(call: Call, d_out: Array, d_image: VolumeGradient | None, by_grid: bool) -> Array | None:
    """Add to the gradient with respect to the volume, if there is one; return the gradient with respect to the grid."""
    if d_image is not None:
        _add_image_gradient(call, d_out, d_image.total)
    return _grid_gradient(call, d_out) if by_grid else None


def _add_image_gradient(call: Call, d_out: Array, d_image: Array) -> None:
    volumes = len(call.image)
    bands = max(1, min(-(-_PIECES // max(volumes, 1)), call.in_shape[0])) if d_out.size > 4 * PIXELS_PER_TASK else 1
    tasks = max(1, min(volumes * bands, MAX_TASKS))
    for rows, part in row_blocks(call):
        d_rows = d_out[:, rows].astype(d_image.dtype, copy=False)
        if d_rows.size:
            words = (
                tasks, volumes, bands, *part.source.words, *_rule(call, d_image), *part.batch_steps, *part.out_shape,
                *image_words(d_rows), *image_words(d_image),
            )  # fmt: skip
            dispatch.run(image_gradient_entry(d_image.dtype), tasks, part.num_threads, words)


def _rule(call: Call, d_image: Array) -> tuple[Any, ...]:
    """The words of kernel and padding, with the strides of the gradient in the place of those of the volume."""
    words = list(call.rule.words)
    for axis in range(3):  # x, y, z
        words[2 + 9 * axis + STEP] = float(d_image.strides[3 - axis])
    return tuple(words)


def _grid_gradient(call: Call, d_out: Array) -> Array:
    """The gradient with respect to the grid's `values`."""
    shares = [_grid_share(part, d_out[:, rows]) for rows, part in row_blocks(call)]
    return shares[0] if len(shares) == 1 else sum(shares, np.zeros(call.grid.values.shape, call.grid.values.dtype))


def _grid_share(call: Call, d_out: Array) -> Array:
    """As `_grid_gradient`, for a grid that is not streamed."""
    lines = math.prod(call.grid.shape[:-1])
    pieces = max(1, min(lines, -(-_PIECES // max(call.batch, 1)))) if d_out.size > 4 * PIXELS_PER_TASK else 1
    shape, dtype = call.grid.partial_sums(call.batch, pieces)
    partials = np.zeros(shape, dtype)
    if d_out.size and call.differentiable:
        tasks = max(1, min(call.batch * pieces, MAX_TASKS))
        words = (
            tasks, pieces, *image_words(call.image), *call.source.words, *call.rule.words, *call.batch_steps, *call.out_shape,
            *image_words(d_out), address_of(partials), math.prod(shape[2:]),
        )  # fmt: skip
        dispatch.run(grid_gradient_entry(call.image.dtype), tasks, call.num_threads, words)
    return call.grid.sum_partials(partials, call.in_shape)
