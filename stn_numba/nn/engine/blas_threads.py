"""BLAS, held to one thread while layers work on threads of their own.

Idle threads of BLAS spin, and take the cores from those of `workers` (measured: training becomes ten times slower). Holding
them needs threadpoolctl (extra ``train``); without it everything works, slower.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["addresses", "one_blas_thread"]

logger = logging.getLogger(__name__)


class _Hold:
    """BLAS counts for the whole process, so all callers share one hold: the first takes it, the last gives it back."""

    def __init__(self) -> None:
        self.lock, self.callers = threading.Lock(), 0
        self.own = threading.local()  # how often each Python thread holds
        self.before: list[tuple[Any, int]] = []  # libraries that are held, and their numbers before

    def take(self) -> None:
        with self.lock:
            known = {library.filepath for library, _ in self.before}
            libraries = _libraries("scipy.linalg" in sys.modules)  # SciPy's own is there only after it was loaded
            self.before += _held([library for library in libraries if library.filepath not in known])
            self.callers += 1
        self.own.count = getattr(self.own, "count", 0) + 1

    def give_back(self) -> None:
        self.own.count -= 1
        with self.lock:
            self.callers -= 1
            if not self.callers:
                for library, number in self.before:
                    _set(library, number)
                self.before = []

    def before_fork(self) -> None:
        """Wait until no thread is setting a number: OpenBLAS would hand its lock down to the child, held by nobody."""
        self.lock.acquire()

    def after_fork_in_child(self) -> None:
        """Forget the other threads' holds: only the thread that forked is in the child.

        A hold that nobody is left to give back ends with the child's next one.
        """
        self.lock, self.callers = threading.Lock(), getattr(self.own, "count", 0)


_hold = _Hold()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_hold.before_fork,
        after_in_parent=lambda: _hold.lock.release(),
        after_in_child=_hold.after_fork_in_child,
    )


@contextlib.contextmanager
def one_blas_thread(*, of_scipy: bool = False) -> Iterator[None]:
    """Hold BLAS to one thread, and give it back its number when the last of all threads that hold it leaves.

    Who has set a number by threadpoolctl, around this or in another thread, is left his.

    Parameters
    ----------
    of_scipy
        Whether kernels will call the BLAS of SciPy, too: it is loaded, which takes a tenth of a second, so that it can be held.
    """
    if of_scipy:
        import scipy.linalg  # noqa: F401
    _hold.take()
    try:
        yield
    finally:
        _hold.give_back()


@functools.cache
def addresses(dtype: np.dtype[Any]) -> tuple[int, int, int]:
    """Where gemm, gemv and dot of SciPy's BLAS begin, for float32 or float64: kernels call them."""
    from scipy.linalg import cython_blas

    letter, capsules = {4: "s", 8: "d"}[dtype.itemsize], dict[str, Any](cython_blas.__pyx_capi__)
    gemm, gemv, dot = (_function(capsules[letter + name]) for name in ("gemm", "gemv", "dot"))
    return gemm, gemv, dot


def _function(capsule: Any) -> int:
    """Address of the function in a capsule."""
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address: int = pointer_of(capsule, name_of(capsule))
    return address


def _held(libraries: list[Any]) -> list[tuple[Any, int]]:
    before = [(library, library.get_num_threads()) for library in libraries]
    before = [(library, number) for library, number in before if number != 1]
    for library, _ in before:
        _set(library, 1)
    return [(library, number) for library, number in before if library.get_num_threads() == 1]


def _set(library: Any, number: int) -> None:
    """Set a number that another Python thread may change: threadpoolctl 3.8 leaves that to the thread that was first."""
    library.set_num_threads(number)
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread()


@functools.cache
def _libraries(_with_scipy: bool) -> list[Any]:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        logger.info("BLAS keeps its threads, which slows training down: pip install stn-numba[train]")
        return []
    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
