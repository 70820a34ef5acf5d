"""Plans: calls of `sample` that differ only in the numbers in their arrays are validated and prepared once.

A plan is stored under a key that contains everything a call is validated for: shapes, strides and dtypes, the kind of the
grid, and the options with their types. A planned call then only inserts the addresses of its arrays. Calls with `fill` or
antialiasing have no plan.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import KernelGrid
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry
from stn_numba.sampler.call import Call
from stn_numba.sampler.forward import kernel_call
from stn_numba.sampler.kernel_arguments import IMAGE_WORD, SOURCE_WORD, image_words
from stn_numba.sampler.layout import caller_layout
from stn_numba.sampler.output import check_out

__all__ = ["Plan", "PreparedJob", "add", "find", "key_of"]

Array = NDArray[Any]

_MAX_PLANS = 128
_MAX_NUMBERS = 1 << 22  # of an output: larger ones take so long that the time for validation does not matter

_plans: dict[Any, Plan] = {}


def key_of(image: Any, grid: Any, *options: Any) -> Any:
    """What calls have in common that can share a plan; None for calls that have no plan."""
    if type(image) is not np.ndarray or image.ndim == 5:
        return None
    if type(grid) is np.ndarray:
        own: Any = grid.shape, grid.strides, grid.dtype
    else:
        own = grid.plan_key() if isinstance(grid, KernelGrid) else None
        if own is None:
            return None
    return image.shape, image.strides, image.dtype, own, options, tuple(map(type, options))


def find(key: Any) -> Plan | None:
    """Return the plan that is stored under a key."""
    try:
        return _plans.get(key)
    except TypeError:  # an option without a hash, which is not a valid option
        return None


def add(key: Any, call: Call) -> Plan | None:
    """Store a plan of a validated call, if there can be one, and return it."""
    if key is None or not 0 < math.prod(call.out_shape) <= _MAX_NUMBERS:
        return None
    if call.groups or not call.grid.can_be_planned():
        return None
    if len(_plans) >= _MAX_PLANS:
        _plans.clear()
    plan = _plans[key] = Plan(call)
    return plan


class PreparedJob:
    """A kernel call without the addresses of its arrays.

    To run it, copy `template` into `memory`, insert the addresses, and let `writer` insert the values of the grid.
    """

    def __init__(self, call: Call, entry: Entry, words: tuple[Any, ...], source_word: int) -> None:
        job = entry.job(words)
        self.entry, self.num_threads, self.arrays = entry, call.num_threads, call.rule.arrays
        self.writer = call.grid.job_writer(source_word, len(job), call.in_shape)
        self.template = bytes(job) + bytes(8 * self.writer.extra_words)
        self.memory = ctypes.c_int64 * (len(job) + self.writer.extra_words)


class Plan(PreparedJob):
    """A call of `sample` without its arrays."""

    def __init__(self, call: Call) -> None:
        out = check_out(None, call, call.image)
        self.shape, self.dtype = caller_layout(out, call.layout).shape, out.dtype
        entry, words = kernel_call(call, out)
        self.tasks, self.out_word = words[0], 1 + len(words) - len(image_words(out))
        super().__init__(call, entry, words, SOURCE_WORD)
        self.gradients: dict[tuple[bool, bool], Any] = {}  # see `gradient_plans`

    def accepts(self, out: Array | None, image: Any, grid: Any) -> bool:
        """Whether `read` can write to an array without further validation; image and grid have the key of this plan."""
        return out is None or self._fits(out, self.shape, image, values_of(grid))

    def read(self, image: Any, grid: Any, out: Array | None = None) -> Array:
        """Read an image at the positions of a grid, into `out` unless it is None."""
        out = np.empty(self.shape, self.dtype) if out is None else out
        self._read(image, values_of(grid), out)
        return out

    def read_values(self, image: Array, values: Array, shape: tuple[int, ...], out: Array | None) -> Array | None:
        """As `read`, for the values of a grid and an output of another shape.

        Return None, and write nothing, if `out` needs validation or a matrix contains NaN.
        """
        if out is None:
            out = np.empty(shape, self.dtype)
        elif not self._fits(out, shape, image, values):
            return None
        return out if self._read(image, values, out, nan=False) else None

    def _fits(self, out: Any, shape: tuple[int, ...], image: Array, values: Array) -> bool:
        """Whether an array is laid out as a new output would be, and is apart from the arrays that are read."""
        if type(out) is not np.ndarray or out.shape != shape or out.dtype != self.dtype:
            return False
        flags, apart = out.flags, not (np.may_share_memory(out, image) or np.may_share_memory(out, values))
        return bool(flags.c_contiguous and flags.writeable and apart)

    def _read(self, image: Array, values: Array, out: Array, nan: bool = True) -> bool:
        """Fill an output, but if `nan` is False not from matrices that contain NaN; return whether it was filled."""
        job = self.memory.from_buffer_copy(self.template)
        job[IMAGE_WORD], job[self.out_word] = address_of(image), address_of(out)
        held = self.writer.write(job, values)
        if held is None and not nan:
            return False
        dispatch.run_job(self.entry, self.tasks, self.num_threads, job)
        return True


def values_of(grid: Any) -> Array:
    """The numbers of a grid, or of positions in an array."""
    return grid if type(grid) is np.ndarray else grid.values
