"""Launch Numba's threads, once, at the first parallel kernel: never at import."""

from __future__ import annotations

import ctypes
import importlib.metadata
import logging
import multiprocessing
import os
import threading
from pathlib import Path

import numba
from numba.core.compiler_lock import global_compiler_lock

from stn_numba.threads import forks

__all__ = ["find_tbb", "launch", "load_tbb"]

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_failure: str | None = None


def launch() -> str | None:
    """Launch Numba's threads unless they run; return why it cannot be done, or None."""
    global _failure
    if forks.launched_layer() is not None or _failure:
        return _failure
    with _lock:
        if forks.launched_layer() is None and _failure is None:
            _failure = _launch()
    return _failure


def _launch() -> str | None:
    if numba.config.THREADING_LAYER not in ("omp", "workqueue"):
        load_tbb()
    free = multiprocessing.get_start_method(allow_none=True) is None
    try:
        forks.note_launch()
        numba.get_num_threads()
    except (ValueError, ImportError, OSError) as error:  # the layer that was asked for is not to be had
        return f"Numba's threads cannot be launched, kernels run on one thread: {' '.join(str(error).split())}"
    finally:
        if free:  # Numba looks the start method up, which would settle it for the whole program
            multiprocessing.set_start_method(None, force=True)  # type: ignore[arg-type]
    logger.info("threading layer %s, up to %d threads", forks.launched_layer(), numba.config.NUMBA_NUM_THREADS)
    return None


def find_tbb() -> Path | None:
    """The TBB library of an installed package ``tbb``, which lies where the loader does not look."""
    try:
        files = importlib.metadata.distribution("tbb").files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if file.name in ("libtbb.so.12", "libtbb.12.dylib", "tbb12.dll")]
    return next((path.resolve() for path in found if path.is_file()), None)


def load_tbb() -> None:
    """Load TBB by its path; Numba, which asks for it by name, then finds it loaded."""
    path = find_tbb()
    if path is not None:
        try:
            ctypes.CDLL(str(path))
        except OSError as error:
            logger.info("%s cannot be loaded: %s", path, error)


def _before_fork() -> None:
    """Wait until no other thread compiles or launches: the child would inherit their locks, held by nobody."""
    global_compiler_lock.acquire()
    _lock.acquire()


def _after_fork() -> None:
    _lock.release()
    global_compiler_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
