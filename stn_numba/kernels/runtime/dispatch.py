"""Run the tasks of a kernel on one or several threads; any number of Python threads may ask at once.

On one thread a kernel is safe everywhere: it releases the GIL and shares nothing. Several are those of Numba's threading layer:

``tbb``
    safe in all threads, and in children forked by the thread that launched it.
``omp``
    safe in all threads; a child forked after the launch would be killed, so it runs kernels on one thread.
``workqueue``
    two loops at once would abort the process, so calls that find it busy run on one thread.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import Any

from stn_numba.kernels.runtime import threading_layer
from stn_numba.kernels.runtime.calls import Entry
from stn_numba.threads import forks, limits
from stn_numba.threads.counts import get_num_threads, limit_threads

__all__ = ["count", "limited", "run", "run_job"]

limited = limit_threads

_workqueue = threading.Lock()
_counting = threading.Lock()
_busy = 0  # threads that calls use at this moment

_Word = ctypes.c_size_t * 1
_ONE = _Word(1)


def count() -> int:
    """Threads that kernels of this Python thread may use."""
    wanted, masked = get_num_threads(), forks.masked_threads()
    return wanted if masked is None else min(wanted, masked)


def run(entry: Entry, tasks: int, num_threads: int | None, words: tuple[Any, ...]) -> None:
    """Run all tasks of a kernel, given its arguments as words."""
    run_job(entry, tasks, num_threads, entry.job(words))


def run_job(entry: Entry, tasks: int, num_threads: int | None, job: Any) -> None:
    """As `run`, for words in memory, the first of which is for an error.

    Raises
    ------
    MemoryError
        If a kernel could not allocate its workspace.
    """
    wanted = 1
    if tasks > 1:
        wanted = count() if num_threads is None else min(num_threads, limits.numba_ceiling())
    if wanted < 2:
        entry.function(_ONE, _Word(tasks), _ONE, job)
    else:
        _share(entry, tasks, wanted, num_threads is not None, job)
    if job[0]:
        raise MemoryError("no memory for the scratch rows of a kernel")


def _share(entry: Entry, tasks: int, wanted: int, explicit: bool, job: Any) -> None:
    """Run tasks on several threads, if that is possible."""
    reason = _acquire_layer()
    if reason:
        forks.warn_once(reason)
        entry.function(_ONE, _Word(tasks), _ONE, job)
        return
    taken = _take(wanted, explicit)
    try:
        if taken < 2:
            entry.function(_ONE, _Word(tasks), _ONE, job)
        else:
            # one operand, which begins at 1 and goes on by 1: so a thread knows the first of its tasks
            threading_layer.parallel_for()(entry.address, _ONE, _Word(tasks), _ONE, job, 1, 1, taken)
    finally:
        _give_back(taken)
        _release_layer()


def _take(wanted: int, explicit: bool) -> int:
    """Return how many threads a call gets: what other calls leave of the wanted number, unless it is explicit.

    So the callers in a pool of threads, of joblib, Dask or a server, do not each start that many threads.
    """
    global _busy
    with _counting:
        taken = wanted if explicit else max(1, wanted - _busy)
        _busy += taken
    return taken


def _give_back(taken: int) -> None:
    global _busy
    with _counting:
        _busy -= taken


def _acquire_layer() -> str | None:
    """Acquire the right to run on several threads; or return why that is not possible."""
    reason = forks.unsafe_reason() or threading_layer.launch()
    if reason:
        return reason
    if forks.launched_layer() == "workqueue" and not _workqueue.acquire(blocking=False):
        return (
            "Numba's threading layer workqueue takes one call at a time: calls beside it run on one thread each. For more, "
            "install the package tbb, or libgomp (libgomp1 on Debian)"
        )
    return None


def _release_layer() -> None:
    if forks.launched_layer() == "workqueue":
        _workqueue.release()


def _after_fork_in_child() -> None:
    """Renew the locks: threads that held them do not exist in the child."""
    global _workqueue, _counting, _busy
    _workqueue, _counting, _busy = threading.Lock(), threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
