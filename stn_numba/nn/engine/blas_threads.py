"""Limit BLAS to one thread while layers use threads of their own.

Idle threads of BLAS spin, and take the cores from those of `thread_pool` (measured: training becomes ten times slower). A limit
needs threadpoolctl (extra ``train``); without it everything works, only slower.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["one_blas_thread"]

logger = logging.getLogger(__name__)


class _Limit:
    """The limit counts for the whole process, so all callers share it: the first sets it, the last restores the old numbers."""

    def __init__(self) -> None:
        self.lock, self.callers = threading.Lock(), 0
        self.own = threading.local()  # the calls of each Python thread
        self.before: list[tuple[Any, int]] = []  # libraries that are limited, and their numbers before

    def acquire(self) -> None:
        with self.lock:
            known = {library.filepath for library, _ in self.before}
            libraries = _libraries("scipy.linalg" in sys.modules)  # that of SciPy exists only after it was loaded
            self.before += _limited([library for library in libraries if library.filepath not in known])
            self.callers += 1
        self.own.count = getattr(self.own, "count", 0) + 1

    def release(self) -> None:
        self.own.count -= 1
        with self.lock:
            self.callers -= 1
            if not self.callers:
                for library, number in self.before:
                    _set(library, number)
                self.before = []

    def before_fork(self) -> None:
        """Wait until no thread sets a number: a child would inherit the lock of OpenBLAS, with no thread to release it."""
        self.lock.acquire()

    def after_fork_in_child(self) -> None:
        """Forget the calls of other threads, which are not in the child.

        If nobody is left to release the limit, it ends with the child's next call.
        """
        self.lock, self.callers = threading.Lock(), getattr(self.own, "count", 0)


_limit = _Limit()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_limit.before_fork,
        after_in_parent=lambda: _limit.lock.release(),
        after_in_child=_limit.after_fork_in_child,
    )


@contextlib.contextmanager
def one_blas_thread(*, of_scipy: bool = False) -> Iterator[None]:
    """Limit BLAS to one thread, until the last of all threads that need this limit leaves the block.

    Limits set elsewhere by threadpoolctl, around this or in another thread, are preserved. `of_scipy` loads SciPy's BLAS, which
    takes a tenth of a second, so that it is limited as well.
    """
    if of_scipy:
        import scipy.linalg  # noqa: F401
    _limit.acquire()
    try:
        yield
    finally:
        _limit.release()


def _limited(libraries: list[Any]) -> list[tuple[Any, int]]:
    """Limit libraries to one thread; return those that obey, with their numbers before."""
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
