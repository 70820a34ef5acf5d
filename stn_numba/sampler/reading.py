"""Forward pass of a checked call."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba import antialias as sub_samples
from stn_numba.sampler.call import Call, parts, tasks_of
from stn_numba.sampler.layout import items_of, memory
from stn_numba.sampler.source import source_of

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
            sub_samples.average(readings, run.readings, place, call.working.dtype)


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
    from stn_numba.kernels import forward, threads

    if not out.size:
        return
    if not call.differentiable:
        _copy(call, out)
        return
    image, rule = memory(call.image), call.rule
    for rows, part in parts(call):
        tasks = tasks_of(part)
        form = threads.choose(forward.sample_serial, forward.sample_parallel, tasks, part.num_threads)
        form(tasks, image, part.source, rule, part.steps, part.size, part.working, memory(out[:, rows]))


def _copy(call: Call, out: Array) -> None:
    """As `_forward`, by the nearest pixel."""
    from stn_numba.kernels import nearest, threads

    _, _, *axes, _, _, fill, _ = call.rule
    for rows, part in parts(call):
        source, target, count, channels = items_of(call.image, out[:, rows])
        size, tasks = (*part.size[:3], channels), tasks_of(part)
        form = threads.choose(nearest.nearest_serial, nearest.nearest_parallel, tasks, part.num_threads)
        form(tasks, source, part.source, tuple(axes), part.steps, size, count, fill.view(np.uint8), target)
