"""Arrays between inaccessible pages: a read or a write beyond either end is a segmentation fault, whatever made it.

Kernels read images by address, so the bounds checks of Numba do not see all they do; the processor sees everything.
"""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np

PAGE = mmap.PAGESIZE
_LIBC = ctypes.CDLL(None, use_errno=True)
_NO_ACCESS = 0


def memory(nbytes, *, at_end=True):
    """`nbytes` of writable memory (uint8) that ends where an inaccessible page begins, or begins where one ends.

    At the other side there is an inaccessible page, too, after at most a page of bytes that are this array's own.
    """
    pages = -(-max(nbytes, 1) // PAGE)
    block = mmap.mmap(-1, (pages + 2) * PAGE)
    whole = np.frombuffer(block, np.uint8)  # keeps the mapping alive; it is unmapped with the last view of it
    whole[PAGE:-PAGE] = 0xFF  # NaN in every float: what is read from the array's own margin shows in the result
    for start in (whole.ctypes.data, whole.ctypes.data + (pages + 1) * PAGE):
        if _LIBC.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(PAGE), _NO_ACCESS):
            raise OSError(ctypes.get_errno(), "mprotect")
    start = PAGE + (pages * PAGE - nbytes if at_end else 0)
    return whole[start : start + nbytes]


def guarded(array, *, at_end=True, order=None, gaps=None, negative=()):
    """A copy of an array in guarded memory, of any strides: its outermost element touches the inaccessible page.

    Parameters
    ----------
    order
        The axes from the slowest to the fastest; by default as in C.
    gaps
        How many elements to leave free after each step of an axis.
    negative
        Axes that run backwards.
    """
    view, _ = laid_out(array.shape, array.dtype, at_end=at_end, order=order, gaps=gaps, negative=negative)
    view[...] = array
    return view


def laid_out(shape, dtype, *, at_end=True, order=None, gaps=None, negative=()):
    """(view, flat): an array as `guarded` makes it, filled with ones in every bit, and all its memory as bytes."""
    dtype, extent = np.dtype(dtype), 1
    steps, gaps = [0] * len(shape), gaps or [0] * len(shape)
    for axis in reversed(order or range(len(shape))):
        steps[axis] = extent + gaps[axis]
        extent += steps[axis] * (max(shape[axis], 1) - 1)
    flat = memory(extent * dtype.itemsize if 0 not in shape else 0, at_end=at_end)
    if 0 in shape:
        return np.empty(shape, dtype), flat
    first = sum(steps[axis] * (shape[axis] - 1) for axis in negative)
    strides = [step * dtype.itemsize * (-1 if axis in negative else 1) for axis, step in enumerate(steps)]
    return np.ndarray(shape, dtype, flat, first * dtype.itemsize, strides), flat


def untouched(flat, view):
    """Whether all of `flat` that `view` does not cover still has a one in every bit."""
    covered = np.zeros(flat.size, bool)
    if not view.size:
        return True
    marks = np.ndarray((*view.shape, view.itemsize), bool, covered, _offset(flat, view), (*view.strides, 1))
    marks[...] = True
    return bool((flat[~covered] == 0xFF).all())


def _offset(flat, view):
    return view.__array_interface__["data"][0] - flat.__array_interface__["data"][0]


class GuardedNumPy:
    """NumPy for a module whose own results and scratch are to be guarded, too: set it as the module's ``np``."""

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype=float):
        shape = tuple(np.atleast_1d(shape).tolist()) if not isinstance(shape, tuple) else tuple(map(int, shape))
        return laid_out(shape, dtype)[0] if 0 not in shape else np.empty(shape, dtype)

    def zeros(self, shape, dtype=float):
        array = self.empty(shape, dtype)
        array[...] = 0
        return array


def own_results_of(package):
    """Modules of a package, loaded so far, that name NumPy: each with a `GuardedNumPy` to be set as its ``np``."""
    modules = [module for name, module in sys.modules.items() if f"{name}.".startswith(f"{package}.") and hasattr(module, "np")]
    return [(module, GuardedNumPy()) for module in modules]
