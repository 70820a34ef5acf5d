"""Every Numba option of the project, each with its reason; kernels use these four decorators only.

``inline``
    a helper that kernels call; compiled with its caller, never cached on its own.
``aside``
    the same for rare cases, and called instead of inlined: its code stays out of the loops, which LLVM then optimizes better.
``serial``
    a kernel for one thread. It releases the GIL, so callers on several Python threads run side by side.
``parallel``
    the same loop with ``prange``. Give it a name of its own: two kernels with one name share cache files.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numba

from stn_numba.kernels.cache import KernelCache

__all__ = ["aside", "inline", "parallel", "serial"]

logger = logging.getLogger(__name__)

Function = Callable[..., Any]

# No fast-math at all. LLVM optimises the serial and the parallel form of a loop each on its own; with leave to contract or
# reorder it rounds them differently, and the number of threads would show in the last bits. The kernels also rely on
# comparisons with NaN to keep every index inside the image.
_OPTIONS: dict[str, Any] = {
    "fastmath": False,
    "error_model": "numpy",  # a division by zero gives inf, without a branch in the loop
    "nogil": True,
}


try:
    from stn_numba.kernels.helpers import HelperPipeline

    _HELPER: dict[str, Any] = {"pipeline_class": HelperPipeline}
except ImportError as error:  # a Numba whose inner parts have changed
    logger.info("helpers are compiled one by one, which takes longer: %s", error)
    _HELPER = {}


def inline(function: Function) -> Function:
    """Compile a helper that is called from kernels."""
    return numba.njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_HELPER, **_OPTIONS)(function)


def aside(function: Function) -> Function:
    """Compile a helper for rare cases, which kernels call."""
    return numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_HELPER, **_OPTIONS)(function)


def serial(function: Function) -> Function:
    """Compile a kernel for one thread, and keep the machine code on disk."""
    return _cached(numba.njit(**_OPTIONS)(function), "serial")


def parallel(function: Function) -> Function:
    """Compile a kernel whose ``prange`` loop runs on all threads, and keep the machine code on disk."""
    return _cached(numba.njit(parallel=True, **_OPTIONS)(function), "parallel")


def _cached(dispatcher: Any, form: str) -> Any:
    """Attach the disk cache of `kernels.cache`; without it, kernels are compiled anew in each process."""
    try:
        dispatcher._cache = KernelCache(dispatcher.py_func, form)
    except (AttributeError, TypeError, OSError) as error:  # a Numba whose inner parts have changed, or no source files
        logger.info("kernels are not cached on disk: %s", error)
    return dispatcher
