"""Forward pass of a validated call."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from stn_numba.grid.between_pixels import Offset
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.calls import Entry
from stn_numba.sampler.antialias import Group, average, most_frequent, shifted_scale
from stn_numba.sampler.call import Call, row_blocks, tasks_of
from stn_numba.sampler.kernel_arguments import image_words, nearest_entry, sample_entry
from stn_numba.sampler.layout import items_of

__all__ = ["kernel_call", "outputs", "read", "sub_calls"]

Array = NDArray[Any]


def read(call: Call, out: Array) -> None:
    """Fill `out` (N, h, w, C)."""
    if not call.groups:
        _forward(call, out)
    for group in call.groups:
        samples = (functools.partial(_forward, part) for _, part in sub_calls(call, group))
        target = out[outputs(call, group)]
        if call.differentiable:
            average(samples, group.samples, target, call.working)
        else:
            most_frequent(samples, group.samples, target)


def sub_calls(call: Call, group: Group) -> Iterator[tuple[Offset, Call]]:
    """Each sub-sample of the output pixels of a group: its offset, and the call that reads it."""
    image = call.image[group.grids] if all(call.batch_steps) else call.image
    for offset, grid in group.shifted(call.grid):
        scale = shifted_scale(call.scale, offset)
        batch = len(grid) if call.batch_steps[1] else call.batch
        source = grid.kernel_source(call.in_shape, scale)
        yield offset, call._replace(image=image, grid=grid, source=source, scale=scale, batch=batch, groups=[])


def outputs(call: Call, group: Group) -> slice:
    """Which outputs a group writes: all of them if they share one grid."""
    return group.grids if call.batch_steps[1] else slice(None)


def kernel_call(call: Call, out: Array) -> tuple[Entry, tuple[Any, ...]]:
    """The kernel that fills `out` (N, h, w, C), and its words: see `kernel_arguments`; those of `out` are the last."""
    head = tasks_of(call), *image_words(call.image), *call.source.words
    if call.differentiable:
        entry = sample_entry(call.image.dtype, out.dtype, call.working, call.grid.ndim)
        return entry, (*head, *call.rule.words, *call.batch_steps, *call.out_shape, *image_words(out))
    unit, count, channels = items_of(call.image, out)
    axes, (fill, _, gathers) = call.rule.words[2:-11], call.rule.words[-3:]
    shape = *call.out_shape[:-1], channels
    words = *head, *axes, *call.batch_steps, *shape, count, fill, gathers, *image_words(out)
    return nearest_entry(unit, call.grid.ndim), words


def _forward(call: Call, out: Array) -> None:
    if out.size:
        for rows, part in row_blocks(call):
            entry, words = kernel_call(part, out[:, rows])
            dispatch.run(entry, words[0], part.num_threads, words)
