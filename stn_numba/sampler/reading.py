"""Forward pass of a checked call."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from stn_numba import antialias as sub_samples
from stn_numba.sampler.call import Call, parts, tasks_of
from stn_numba.sampler.layout import memory
from stn_numba.sampler.source import source_of

__all__ = ["outputs", "read", "sub_calls"]

Array = NDArray[Any]


def read(call: Call, out: Array) -> None:
    """Fill `out` (N, h, w, C)."""
    if not call.runs:
        _forward(call, out)
    for run in call.runs:
        readings = (functools.partial(_forward, part) for _, part in sub_calls(call, run))
        sub_samples.average(readings, run.readings, out[outputs(call, run)], call.working.dtype)


def sub_calls(call: Call, run: sub_samples.Run) -> Iterator[tuple[sub_samples.Offset, Call]]:
    """The calls that read one sub-sample each of the output pixels of a run."""
    image = call.image[run.grids] if all(call.steps) else call.image
    for offset, grid in sub_samples.grids(call.grid, run):
        source = source_of(grid, image.shape[1:3], sub_samples.shifted_scale(call.scale, offset))
        batch = len(grid) if call.steps[1] else call.batch
        yield offset, call._replace(image=image, grid=grid, source=source, batch=batch, runs=[])


def outputs(call: Call, run: sub_samples.Run) -> slice:
    """Which outputs a run writes: one grid may serve them all."""
    return run.grids if call.steps[1] else slice(None)


def _forward(call: Call, out: Array) -> None:
    from stn_numba.kernels import forward, threads

    if not out.size:
        return
    image, rule = memory(call.image), call.rule
    for rows, part in parts(call):
        tasks = tasks_of(part)
        form = threads.choose(forward.sample_serial, forward.sample_parallel, tasks, part.num_threads)
        form(tasks, image, part.source, rule, part.steps, part.size, part.working, memory(out[:, rows]))
