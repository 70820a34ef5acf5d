"""Calls of `sample` that differ in nothing but the numbers in their arrays: checked and worked out once, then only run.

What a plan is kept for, its key, holds all that a call is checked for: shapes, strides and dtypes, the kind of the grid, and
the options with their types. What is left to a call are the addresses of its arrays. Other calls, with `fill`, `out` or
antialiasing say, go the long way.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import BasisGrid, DenseGrid, MatrixGrid
from stn_numba.grid.pixel_matrix import BETWEEN_PIXELS, conversion
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.signature import lay_out
from stn_numba.sampler.checked_call import Call, tasks_of
from stn_numba.sampler.grid_source import is_streamed
from stn_numba.sampler.kernel_arguments import (
    COEFFICIENTS_WORD,
    IMAGE_WORD,
    KIND_WORD,
    MATRIX_WORD,
    OUT_WORD,
    POSITIONS_WORD,
    image_words,
    sample_entry,
)
from stn_numba.sampler.layout import caller_layout

__all__ = ["Plan", "find", "keep", "key_of", "numbers_of"]

Array = NDArray[Any]

_MOST_KEPT = 128
_MOST_NUMBERS = 1 << 18  # of an output: where there are more, they take so long that checks do not matter
_MOST_MATRICES = 16  # that a plan has room for

_plans: dict[Any, Plan] = {}


def key_of(image: Any, grid: Any, *options: Any) -> Any:
    """What calls have in common that share a plan; None for calls that have none."""
    if type(image) is not np.ndarray:
        return None
    kind = type(grid)
    if kind is np.ndarray:
        own: Any = grid.shape, grid.strides, grid.dtype
    elif kind is MatrixGrid:
        own = kind, grid.values.shape, grid.values.dtype, grid.shape, grid.align_corners
    elif kind is DenseGrid:
        own = kind, grid.values.shape, grid.values.strides, grid.values.dtype, grid.align_corners
    elif kind is BasisGrid:  # one basis may be followed by another of its size
        own = kind, grid.values.shape, grid.values.dtype, grid.shape, grid.align_corners, id(grid.basis)
    else:
        return None
    return image.shape, image.strides, image.dtype, own, options, tuple(map(type, options))


def find(key: Any) -> Plan | None:
    """Return the plan that is kept for a key."""
    try:
        return _plans.get(key)
    except TypeError:  # an option that has no hash, and is no option either
        return None


def keep(key: Any, call: Call, out: Array) -> Plan | None:
    """Make a plan of a call that has been checked, if there can be one, and of its first output; return it."""
    if key is None or not out.size or not call.differentiable or call.runs or is_streamed(call.grid):
        return None
    if out.size > _MOST_NUMBERS or (isinstance(call.grid, MatrixGrid) and len(call.grid) > _MOST_MATRICES):
        return None
    if isinstance(call.grid, BasisGrid) and call.grid.functions.size > _MOST_NUMBERS:  # which the plan would hold
        return None
    if len(_plans) >= _MOST_KEPT:
        _plans.clear()
    plan = _plans[key] = Plan(call, out)
    return plan


def numbers_of(grid: Any) -> Array:
    """The numbers of a grid, or of positions, that a plan reads."""
    return grid if type(grid) is np.ndarray else grid.values


class Plan:
    """A call of `sample` but for its arrays."""

    def __init__(self, call: Call, out: Array) -> None:
        self.shape, self.dtype = caller_layout(out, call.layout).shape, out.dtype
        self.entry = sample_entry(call.image.dtype, out.dtype, call.working)
        self.tasks, self.num_threads = tasks_of(call), call.num_threads
        self.held = call.rule.held, call.grid.basis if isinstance(call.grid, BasisGrid) else None
        arguments = self.tasks, *image_words(call.image), *call.source.words, *call.rule.words, *call.steps, *call.size
        job = self.entry.job((*arguments, *image_words(out)))
        self.source = source_in_jobs(call, len(job))
        self.template = bytes(job) + bytes(8 * self.source.room)
        self.memory = ctypes.c_int64 * (len(job) + self.source.room)
        self.gradients: dict[tuple[bool, bool], Any] = {}  # see `gradient_plans`

    def read(self, image: Any, numbers: Any) -> Array:
        """Read an image at the positions of a grid given by its numbers, both as they were when the plan was made."""
        out = np.empty(self.shape, self.dtype)
        self._read(image, numbers, out, True)
        return out

    def read_known(self, image: Any, numbers: Any, shape: tuple[int, ...]) -> Array | None:
        """As `read`, into an output of another shape; None, and nothing is read, if a number of a matrix is NaN."""
        out = np.empty(shape, self.dtype)
        return out if self._read(image, numbers, out, False) else None

    def _read(self, image: Array, numbers: Array, out: Array, nan: bool) -> bool:
        job = self.memory.from_buffer_copy(self.template)
        job[IMAGE_WORD], job[OUT_WORD] = address_of(image), address_of(out)
        held = self.source.place(job, numbers)
        if held is None and not nan:
            return False
        dispatch.run_job(self.entry, self.tasks, self.num_threads, job)
        return True


def source_in_jobs(call: Call, end: int, shift: int = 0) -> Any:
    """How the numbers of a grid get into jobs that end there, a grid's words being so many behind where `sample` has them."""
    if isinstance(call.grid, MatrixGrid):
        return _Matrices(call, end, shift)
    return _Coefficients(shift) if isinstance(call.grid, BasisGrid) else _Positions(shift)


class _Positions:
    """The numbers of a dense grid, in a job."""

    room = 0

    def __init__(self, shift: int) -> None:
        self.word = POSITIONS_WORD + shift

    def place(self, job: Any, positions: Array) -> Array:
        job[self.word] = address_of(positions)
        return positions


class _Coefficients:
    """Those of a grid over a basis, which is kept."""

    room = 0

    def __init__(self, shift: int) -> None:
        self.word = COEFFICIENTS_WORD + shift

    def place(self, job: Any, values: Array) -> Array:
        coefficients = np.ascontiguousarray(values, np.float64)
        job[self.word] = address_of(coefficients)
        return coefficients


class _Matrices:
    """Those of a grid of matrices, from which the matrices between pixels are worked out within the job, behind its `end`.

    The first word there says of what kind they are, the second whether there is a NaN.
    """

    def __init__(self, call: Call, end: int, shift: int) -> None:
        values, in_shape = call.grid.values, (call.image.shape[1], call.image.shape[2])
        self.end, self.room = end, 2 + 9 * len(values)
        self.kind, self.matrix = KIND_WORD + shift, MATRIX_WORD + shift
        centers, *sizes = conversion(in_shape, call.grid.shape, call.grid.align_corners)
        arguments: list[Any] = []
        self.entry = BETWEEN_PIXELS.entry(lay_out((0, values.itemsize, len(values), centers, *sizes, 0, 0), arguments))
        words = self.entry.job(arguments)
        self.template, self.memory = bytes(words), type(words)

    def place(self, job: Any, matrices: Array) -> Array | None:
        """Return the matrices, or None if one of their numbers is NaN."""
        matrices, start = np.ascontiguousarray(matrices), ctypes.addressof(job) + 8 * self.end
        words = self.memory.from_buffer_copy(self.template)
        words[1], words[-2], words[-1] = address_of(matrices), start + 16, start
        self.entry.run(words)
        job[self.kind], job[self.matrix] = job[self.end], start + 16
        return None if job[self.end + 1] else matrices
