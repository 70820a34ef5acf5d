"""Detect forked processes in which parallel kernels are unsafe, depending on the threading layer that the parent had launched.

``import stn_numba`` registers the fork handlers, so that forks before the first call are seen too. Numba is not imported.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from typing import Any

__all__ = ["SerialWarning", "launched_layer", "masked_threads", "note_launch", "unsafe_reason", "warn_once"]


class SerialWarning(RuntimeWarning):
    """A call ran on one thread, because more were not safe."""


class _State:
    """What this process knows about its threads."""

    reason: str | None = None  # why parallel kernels are unsafe here
    warned = False
    layer: str | None = None  # the threading layer, if this library launched it without Numba
    launcher: int | None = None  # the Python thread that launched Numba's threads
    forker: int | None = None  # the Python thread that called fork


def unsafe_reason() -> str | None:
    """Return why this process must not run parallel kernels, or None if it may."""
    return _State.reason


def launched_layer() -> str | None:
    """Return the name of Numba's threading layer, or None if no threads have been launched yet."""
    if _State.layer is not None:
        return _State.layer
    parallel = _numba_parallel()
    return None if parallel is None else str(getattr(parallel, "_threading_layer", ""))


def masked_threads() -> int | None:
    """Return the number set by `numba.set_num_threads`, or None unless Numba itself has launched its threads."""
    parallel = None if unsafe_reason() else _numba_parallel()
    return None if parallel is None else int(parallel.get_num_threads())


def _numba_parallel() -> Any:
    """Return ``numba.np.ufunc.parallel`` if it has launched its threads, else None."""
    parallel = sys.modules.get("numba.np.ufunc.parallel")
    return parallel if getattr(parallel, "_is_initialized", False) else None


def note_launch(layer: str | None) -> None:
    """Record that this Python thread launched Numba's threads; `layer` is None if Numba knows it."""
    _State.launcher, _State.layer = threading.get_ident(), layer


def warn_once(message: str) -> None:
    """Issue a `SerialWarning`, once per process."""
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
