"""Arrays between inaccessible pages: any read or write beyond either end is a segmentation fault.

Kernels read images by address, so Numba's bounds checks do not see every access; the processor does.
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

    On the other side there is an inaccessible page too, after at most a page of bytes that belong to the array.
    """
    pages = -(-max(nbytes, 1) // PAGE)
    block = mmap.mmap(-1, (pages + 2) * PAGE)
    whole = np.frombuffer(block, np.uint8)  # keeps the mapping alive; it is unmapped with the last view of it
    whole[PAGE:-PAGE] = 0xFF  # NaN in every float: a read from the margin shows in the result
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
    """(view, flat): an array as `guarded` makes it, with every bit set, and all its memory as bytes."""
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
    """Whether every bit of `flat` that `view` does not cover is still set."""
    covered = np.zeros(flat.size, bool)
    if not view.size:
        return True
    marks = np.ndarray((*view.shape, view.itemsize), bool, covered, _offset(flat, view), (*view.strides, 1))
    marks[...] = True
    return bool((flat[~covered] == 0xFF).all())


def _offset(flat, view):
    return view.__array_interface__["data"][0] - flat.__array_interface__["data"][0]


class GuardedNumPy:
    """Stands in for NumPy in a module, as its ``np``, so that the results and scratch it allocates are guarded too."""

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
    """(module, `GuardedNumPy` to set as its ``np``) for each loaded module of a package that imports NumPy."""
    modules = [module for name, module in sys.modules.items() if f"{name}.".startswith(f"{package}.") and hasattr(module, "np")]
    assert modules, f"no module of {package} is loaded"
    return [(module, GuardedNumPy()) for module in modules]
