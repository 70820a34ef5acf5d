"""Which form of a kernel runs, and on how many threads: any number of Python threads may ask at once.

A serial kernel is safe everywhere: it releases the GIL and shares nothing. A parallel one depends on Numba's threading layer:

``tbb``
    safe in all threads, and in children that were forked by the thread that launched it.
``omp``
    safe in all threads; a child forked after the launch would be killed, so it runs serial kernels.
``workqueue``
    two parallel kernels at once would abort the process. A lock that nobody waits for: the others run serial ones.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numba

from stn_numba.kernels import layer
from stn_numba.threads import forks
from stn_numba.threads.counts import get_num_threads, limit_threads

__all__ = ["choose", "count", "limited"]

Kernel = Callable[..., None]

limited = limit_threads

_workqueue = threading.Lock()


def count() -> int:
    """Threads that kernels of this Python thread may use."""
    wanted = get_num_threads()
    # who has masked Numba's threads by hand is heard; asked only after the launch, since asking launches
    return min(wanted, int(numba.get_num_threads())) if forks.launched_layer() and not forks.unsafe() else wanted


def choose(serial: Kernel, parallel: Kernel, tasks: int, num_threads: int | None) -> Kernel:
    """Pick the serial form for one task or one thread, else the parallel one under the wished number of threads."""
    if tasks < 2:
        return serial
    wanted = min(num_threads or count(), numba.config.NUMBA_NUM_THREADS)
    if wanted < 2:
        return serial

    def run(*arguments: Any) -> None:
        reason = _claim()
        if reason:
            forks.warn_once(reason)
            serial(*arguments)
            return
        try:
            before = numba.get_num_threads()
            numba.set_num_threads(wanted)  # of this Python thread only
            try:
                parallel(*arguments)
            finally:
                numba.set_num_threads(before)
        finally:
            _give_back()

    return run


def _claim() -> str | None:
    """Take leave to run a parallel kernel, to be given back; or say why not."""
    reason = forks.unsafe() or layer.launch()
    if reason:
        return reason
    if forks.launched_layer() == "workqueue" and not _workqueue.acquire(blocking=False):
        return (
            "Numba's threading layer workqueue takes one call at a time: calls beside it run on one thread each. For more, "
            "install the package tbb, or libgomp (libgomp1 on Debian)"
        )
    return None


def _give_back() -> None:
    if forks.launched_layer() == "workqueue":
        _workqueue.release()


def _after_fork_in_child() -> None:
    """Make the lock anew: whoever held it is not in the child."""
    global _workqueue
    _workqueue = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
