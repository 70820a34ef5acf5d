"""Forked children, in which parallel kernels may be unsafe: what the parent had launched decides.

Registered by ``import stn_numba``, so that forks before the first call are seen too. Numba itself is not imported.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from typing import Any

__all__ = ["SerialWarning", "launched_layer", "masked_threads", "note_launch", "unsafe", "warn_once"]


class SerialWarning(RuntimeWarning):
    """A call ran on one thread, because more were not safe."""


class _State:
    """What this process knows of itself."""

    reason: str | None = None  # why parallel kernels are unsafe here
    warned = False
    layer: str | None = None  # the threading layer, if the library launched it without Numba's help
    launcher: int | None = None  # the Python thread that launched Numba's threads
    forker: int | None = None  # the Python thread that forks


def unsafe() -> str | None:
    """Why this process must not run parallel kernels; None if it may."""
    return _State.reason


def launched_layer() -> str | None:
    """Numba's threading layer, if its threads have been launched, by whomever."""
    if _State.layer is not None:
        return _State.layer
    parallel = _numba_parallel()
    return None if parallel is None else str(getattr(parallel, "_threading_layer", ""))


def masked_threads() -> int | None:
    """The number of threads set by `numba.set_num_threads`; None unless Numba has launched its threads itself."""
    parallel = None if unsafe() else _numba_parallel()
    return None if parallel is None else int(parallel.get_num_threads())


def _numba_parallel() -> Any:
    """Numba's module of threads, if it has launched them."""
    parallel = sys.modules.get("numba.np.ufunc.parallel")
    return parallel if getattr(parallel, "_is_initialized", False) else None


def note_launch(layer: str | None) -> None:
    """Remember that this Python thread launched Numba's threads, and their layer unless Numba knows it."""
    _State.launcher, _State.layer = threading.get_ident(), layer


def warn_once(message: str) -> None:
    """Give the one warning of this process."""
    if not _State.warned:
        _State.warned = True
        warnings.warn(f"{message}. Results are the same.", SerialWarning, stacklevel=2)


def _before() -> None:
    _State.forker = threading.get_ident()


def _in_child() -> None:
    layer = launched_layer()
    if layer == "omp":
        _State.reason = (
            "the parent of this forked process had launched OpenMP threads, which do not survive a fork: kernels run on one "
            "thread here. For more, install the package tbb, fork before the first call, or start processes by spawn"
        )
    elif layer == "tbb" and _State.forker != (_State.launcher or threading.main_thread().ident):
        _State.reason = (
            "this process was forked by another thread than the one that had launched TBB, which may not survive that: kernels "
            "run on one thread here. For more, fork from the thread that makes the first call, or start processes by spawn"
        )
    _State.warned = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
