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
_counting = threading.Lock()
_busy = 0  # threads that calls use at this moment


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
        taken = _take(wanted, num_threads is not None)
        try:
            if taken < 2:
                serial(*arguments)
            else:
                _run(parallel, taken, arguments)
        finally:
            _take_back(taken)
            _give_back()

    return run


def _run(parallel: Kernel, num_threads: int, arguments: tuple[Any, ...]) -> None:
    before = numba.get_num_threads()
    if before == num_threads:
        parallel(*arguments)
        return
    numba.set_num_threads(num_threads)  # of this Python thread only
    try:
        parallel(*arguments)
    finally:
        numba.set_num_threads(before)


def _take(wanted: int, asked: bool) -> int:
    """How many threads a call gets: what calls at the same moment leave of the wished number, unless it was asked for.

    So the callers of a pool of threads, of joblib, Dask or a server, do not start as many threads each.
    """
    global _busy
    with _counting:
        taken = wanted if asked else max(1, wanted - _busy)
        _busy += taken
    return taken


def _take_back(taken: int) -> None:
    global _busy
    with _counting:
        _busy -= taken


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
    """Make the locks anew: whoever held them is not in the child."""
    global _workqueue, _counting, _busy
    _workqueue, _counting, _busy = threading.Lock(), threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
