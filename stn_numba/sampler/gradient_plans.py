"""Plans of gradients, see `stn_numba.sampler.plans`: for planned calls whose gradients take a single pass of the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.sampler.backward import NO_TOTAL, ImageGradient, Pass, pass_words, passes_of, sum_after
from stn_numba.sampler.call import Call
from stn_numba.sampler.kernel_arguments import IMAGE_WORD, OUT_WORD, SOURCE_WORD, gradient_entry
from stn_numba.sampler.layout import caller_shape, channels_last
from stn_numba.sampler.plans import Plan, PreparedJob

__all__ = ["GradientPlan", "add", "find"]

Array = NDArray[Any]

_SHIFT = 4  # words that a job has before the image, in addition to those of the forward pass
_D_IMAGE_WORD = OUT_WORD + _SHIFT + 5
_DENSE_WORD, _PARTIALS_WORD = _D_IMAGE_WORD + 11, _D_IMAGE_WORD + 12


class GradientPlan(PreparedJob):
    """Gradients of a planned call of `sample_vjp`, without its arrays."""

    def __init__(self, call: Call, kernel_pass: Pass) -> None:
        self.kernel_pass, self.in_shape, self.grid = kernel_pass, call.in_shape, call.grid.without_positions()
        self.dtype, self.shape = call.image.dtype, caller_shape(call.image.shape, call.layout)
        self.partials = kernel_pass.partial_sums(call)
        d_out, d_image = (
            np.empty(caller_shape(shape, call.layout), self.dtype) for shape in (call.out_shape, call.image.shape)
        )
        self.output = self.dtype, d_out.shape, d_out.strides
        block = ImageGradient(channels_last(d_image, call.layout), NO_TOTAL, 0)
        words = pass_words(call, kernel_pass, channels_last(d_out, call.layout), block, np.empty(*self.partials))
        super().__init__(call, gradient_entry(self.dtype), words, SOURCE_WORD + _SHIFT)

    def fits(self, d_out: Any) -> bool:
        """Whether a gradient has the dtype, shape and strides of the output."""
        return type(d_out) is np.ndarray and (d_out.dtype, d_out.shape, d_out.strides) == self.output

    def gradients(self, image: Any, grid: Any, d_out: Any) -> tuple[Array | None, Array | None]:
        """Return the gradients with respect to image and grid; None for one that the plan does not compute."""
        d_image = np.zeros(self.shape, self.dtype) if self.kernel_pass.by_image else None
        partials = np.zeros(*self.partials)
        job = self.memory.from_buffer_copy(self.template)
        job[IMAGE_WORD + _SHIFT], job[OUT_WORD + _SHIFT] = address_of(image), address_of(d_out)
        job[_D_IMAGE_WORD] = address_of(image if d_image is None else d_image)
        job[_DENSE_WORD] = job[_PARTIALS_WORD] = address_of(partials)
        held = self.writer.write(job, grid if type(grid) is np.ndarray else grid.values)
        dispatch.run_job(self.entry, self.kernel_pass.tasks, self.num_threads, job)
        del held
        return d_image, self.grid.sum_partials(partials, self.in_shape) if self.kernel_pass.by_grid else None


def find(plan: Plan | None, d_out: Any, by_image: bool, by_grid: bool) -> GradientPlan | None:
    """Return the plan for gradients of a planned call, if there is one and `d_out` fits it."""
    found = None if plan is None else plan.gradients.get((by_image, by_grid))
    return found if found is not None and found.fits(d_out) else None


def add(plan: Plan | None, call: Call, by_image: bool, by_grid: bool) -> None:
    """Store a plan for such gradients if they take a single pass and no `reach_of_tiles`."""
    if plan is not None and (by_image, by_grid) not in plan.gradients:
        first, *others = passes_of(call, by_image, by_grid)
        needs_reach = first.by_image and first.pieces > 1 and not call.grid.closed_form
        fits = call.differentiable and not others and not sum_after(call) and not needs_reach
        plan.gradients[by_image, by_grid] = GradientPlan(call, first) if fits else None
