"""Gradients of planned calls, see `stn_numba.sampler.plans`, that take a single run of the kernel."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import DenseGrid, Grid, MatrixGrid
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.sampler.backward import (
    NO_TOTAL,
    ImageGradient,
    Run,
    gradient_of_partials,
    partials_dtype,
    partials_shape,
    run_words,
    runs_of,
    sum_after,
)
from stn_numba.sampler.checked_call import Call
from stn_numba.sampler.kernel_arguments import IMAGE_WORD, OUT_WORD, gradient_entry
from stn_numba.sampler.layout import channels_last, laid_out
from stn_numba.sampler.plans import numbers_of, source_in_jobs

__all__ = ["GradientPlan", "find", "keep"]

Array = NDArray[Any]

_SHIFT = 4  # words of a job that come before the image, more than of the forward pass
_D_IMAGE_WORD, _DENSE_WORD, _PARTIALS_WORD = 73, 84, 85


class GradientPlan:
    """Gradients of a planned call of `sample_vjp`, but for its arrays."""

    def __init__(self, call: Call, run: Run) -> None:
        self.run, self.num_threads = run, call.num_threads
        self.grid, self.held = _without_positions(call.grid), call.rule.held
        self.in_shape = call.image.shape[1], call.image.shape[2]
        self.entry, self.dtype = gradient_entry(call.image.dtype), call.image.dtype
        self.shape = laid_out(call.image.shape, call.layout)
        self.partials = partials_shape(call, run), partials_dtype(call.grid)
        d_out, d_image = (np.empty(laid_out(size, call.layout), self.dtype) for size in (call.size, call.image.shape))
        self.of_output = self.dtype, d_out.shape, d_out.strides
        block = ImageGradient(channels_last(d_image, call.layout), NO_TOTAL, 0)
        partials = np.empty(*self.partials)
        job = self.entry.job(run_words(call, run, channels_last(d_out, call.layout), block, partials))
        self.source = source_in_jobs(call, len(job), _SHIFT)
        self.template = bytes(job) + bytes(8 * self.source.room)
        self.memory = ctypes.c_int64 * (len(job) + self.source.room)

    def fits(self, d_out: Any) -> bool:
        """Whether a gradient by the output is of the dtype and shape of the output, and without gaps."""
        return type(d_out) is np.ndarray and (d_out.dtype, d_out.shape, d_out.strides) == self.of_output

    def give(self, image: Any, grid: Any, d_out: Any) -> tuple[Array | None, Array | None]:
        """Return the gradients by image and grid."""
        d_image = np.zeros(self.shape, self.dtype) if self.run.by_image else None
        partials = np.zeros(*self.partials)
        job = self.memory.from_buffer_copy(self.template)
        job[IMAGE_WORD + _SHIFT], job[OUT_WORD + _SHIFT] = address_of(image), address_of(d_out)
        job[_D_IMAGE_WORD] = address_of(image if d_image is None else d_image)
        job[_DENSE_WORD] = job[_PARTIALS_WORD] = address_of(partials)
        held = self.source.place(job, numbers_of(grid))
        dispatch.run_job(self.entry, self.run.tasks, self.num_threads, job)
        del held
        return d_image, gradient_of_partials(self.grid, partials, self.in_shape) if self.run.by_grid else None


def _without_positions(grid: Grid) -> Grid:
    """A grid of the same kind and size; a dense one without its positions, which plans must not hold."""
    if type(grid) is not DenseGrid:
        return grid
    nowhere = np.broadcast_to(np.zeros((), grid.values.dtype), grid.values.shape)
    return DenseGrid(nowhere, align_corners=grid.align_corners)


def find(plan: Any, d_out: Any, by_image: bool, by_grid: bool) -> GradientPlan | None:
    """Return the plan for gradients of a planned call, if one has been made and `d_out` fits it."""
    found = None if plan is None else plan.gradients.get((by_image, by_grid))
    return found if found is not None and found.fits(d_out) else None


def keep(plan: Any, call: Call, by_image: bool, by_grid: bool) -> None:
    """Make a plan for such gradients, if they take a single run."""
    if plan is not None and (by_image, by_grid) not in plan.gradients:
        runs = runs_of(call, by_image, by_grid)
        banded = runs[0].by_image and runs[0].pieces > 1 and not isinstance(call.grid, MatrixGrid)  # tiles are looked at first
        fits = len(runs) == 1 and not sum_after(call) and not banded
        plan.gradients[by_image, by_grid] = GradientPlan(call, runs[0]) if fits else None
