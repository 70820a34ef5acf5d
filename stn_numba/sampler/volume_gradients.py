"""Gradients of a validated call on volumes, with respect to volume and grid."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.sampler.call import MAX_TASKS, PIXELS_PER_TASK, Call, row_blocks
from stn_numba.sampler.kernel_arguments import image_words, volume_gradient_entry
from stn_numba.sampler.layout import caller_shape, channels_last

__all__ = ["VolumeGradient", "add_volume_gradients"]

Array = NDArray[Any]

_PIECES = 16  # of rows, that a few outputs are divided into, so that threads have work
_BANDS = 8  # that the planes of a few volumes are divided into: output voxels near the edge of a band are done twice
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
    total = None if d_image is None else d_image.total
    shares = [_add_block(part, d_out[:, rows], total, by_grid) for rows, part in row_blocks(call)]
    if not by_grid:
        return None
    zeros = np.zeros(call.grid.values.shape, call.grid.values.dtype)
    return shares[0] if len(shares) == 1 else sum((share for share in shares if share is not None), zeros)


def _add_block(call: Call, d_out: Array, d_image: Array | None, by_grid: bool) -> Array | None:
    """As `add_volume_gradients`, for a grid that is not streamed."""
    together = d_image is not None and by_grid and _take_one_pass(call, d_out, d_image)
    if d_image is not None and not together:
        _run(call, d_out, d_image, None, _bands(call, d_out))
    if not by_grid:
        return None
    lines = math.prod(call.grid.shape[:-1])
    pieces = _bands(call, d_out) if together else _share(d_out, _PIECES, call.batch, lines)
    partials = np.zeros(*call.grid.partial_sums(call.batch, pieces))
    if together or call.differentiable:
        _run(call, d_out, d_image if together else None, partials, pieces)
    return call.grid.sum_partials(partials, call.in_shape)


def _take_one_pass(call: Call, d_out: Array, d_image: Array) -> bool:
    """Whether one pass gives both gradients: each band computes the positions, and each output has its own volume."""
    cheap = not call.grid.repeats_are_expensive or _bands(call, d_out) == 1
    apart = call.batch_steps[0] == 1 or call.batch == 1
    return call.differentiable and cheap and d_image.dtype == call.image.dtype and apart


def _bands(call: Call, d_out: Array) -> int:
    """How many bands of planes each volume is divided into."""
    return _share(d_out, _BANDS, len(call.image), call.in_shape[0])


def _share(d_out: Array, pieces: int, items: int, most: int) -> int:
    """How many pieces each of some items is divided into, at most `most`: depends on the shapes alone."""
    return max(1, min(-(-pieces // max(items, 1)), most)) if d_out.size > 4 * PIXELS_PER_TASK else 1


def _run(call: Call, d_out: Array, d_image: Array | None, partials: Array | None, pieces: int) -> None:
    """Add to the gradient with respect to the volume, if there is one, and to the `partials` of that by the grid."""
    if not d_out.size:
        return
    by_image, by_grid = d_image is not None, partials is not None
    dtype = call.image.dtype if d_image is None else d_image.dtype
    volume = call.image if by_grid or d_image is None else d_image  # of the dtype of the sum; only the grid needs the volume
    items = (len(call.image) if by_image else call.batch) * pieces
    tasks = max(1, min(items, MAX_TASKS))
    d_rows = d_out.astype(dtype, copy=False)
    target, numbers = (0, 0) if partials is None else (address_of(partials), math.prod(partials.shape[2:]))
    words = (
        tasks, items, pieces, by_image, by_grid, *image_words(volume), *call.source.words, *call.rule.words, *call.batch_steps,
        *call.out_shape, *image_words(d_rows), *image_words(volume if d_image is None else d_image),
        target, numbers,
    )  # fmt: skip
    dispatch.run(volume_gradient_entry(dtype), tasks, call.num_threads, words)
