"""Forward pass of a checked call."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from stn_numba.kernels.runtime import dispatch
from stn_numba.sampler import antialias as sub_samples
from stn_numba.sampler.checked_call import Call, parts, tasks_of
from stn_numba.sampler.grid_source import source_of
from stn_numba.sampler.kernel_arguments import image_words, nearest_entry, sample_entry
from stn_numba.sampler.layout import items_of

__all__ = ["outputs", "read", "sub_calls"]

Array = NDArray[Any]


def read(call: Call, out: Array) -> None:
    """Fill `out` (N, h, w, C)."""
    if not call.runs:
        _forward(call, out)
    for run in call.runs:
        readings = (functools.partial(_forward, part) for _, part in sub_calls(call, run))
        place = out[outputs(call, run)]
        if not call.differentiable:
            sub_samples.most_frequent(readings, run.readings, place)
        else:
            sub_samples.average(readings, run.readings, place, call.working)


def sub_calls(call: Call, run: sub_samples.Run) -> Iterator[tuple[sub_samples.Offset, Call]]:
    """The calls that read one sub-sample each of the output pixels of a run."""
    image = call.image[run.grids] if all(call.steps) else call.image
    in_shape = image.shape[1], image.shape[2]
    for offset, grid in sub_samples.grids(call.grid, run, in_shape):
        source = source_of(grid, in_shape, sub_samples.shifted_scale(call.scale, offset))
        batch = len(grid) if call.steps[1] else call.batch
        yield offset, call._replace(image=image, grid=grid, source=source, batch=batch, runs=[])


def outputs(call: Call, run: sub_samples.Run) -> slice:
    """Which outputs a run writes: one grid may serve them all."""
    return run.grids if call.steps[1] else slice(None)


def _forward(call: Call, out: Array) -> None:
    if not out.size:
        return
    if not call.differentiable:
        _copy(call, out)
        return
    image, entry = image_words(call.image), sample_entry(call.image.dtype, out.dtype, call.working)
    for rows, part in parts(call):
        tasks, target = tasks_of(part), image_words(out[:, rows])
        words = tasks, *image, *part.source.words, *part.rule.words, *part.steps, *part.size, *target
        dispatch.run(entry, tasks, part.num_threads, words)


def _copy(call: Call, out: Array) -> None:
    """As `_forward`, by the nearest pixel."""
    axes, outside = call.rule.words[2:20], call.rule.words[-2]
    for rows, part in parts(call):
        unit, count, channels = items_of(call.image, out[:, rows])
        tasks, size, target = tasks_of(part), (*part.size[:3], channels), image_words(out[:, rows])
        words = tasks, *image_words(call.image), *part.source.words, *axes, *part.steps, *size, count, outside, *target
        dispatch.run(nearest_entry(unit), tasks, part.num_threads, words)
