"""How many threads run the tasks of a kernel: any number of Python threads may ask at once.

On one thread a kernel is safe everywhere: it releases the GIL and shares nothing. Several are those of Numba's threading layer:

``tbb``
    safe in all threads, and in children that were forked by the thread that launched it.
``omp``
    safe in all threads; a child forked after the launch would be killed, so it runs kernels on one thread.
``workqueue``
    two loops at once would abort the process. A lock that nobody waits for: the others run on one thread.
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
    """Run all tasks of a kernel, which takes so many words."""
    run_job(entry, tasks, num_threads, entry.job(words))


def run_job(entry: Entry, tasks: int, num_threads: int | None, job: Any) -> None:
    """As `run`, for words in memory, the first of which says what went wrong.

    Raises
    ------
    MemoryError
        If there was none for the kernel's scratch rows.
    """
    wanted = 1 if tasks < 2 else min(num_threads or count(), limits.numba_ceiling())
    if wanted < 2:
        entry.function(_ONE, _Word(tasks), _ONE, job)
    else:
        _share(entry, tasks, wanted, num_threads is not None, job)
    if job[0]:
        raise MemoryError("no memory for the scratch rows of a kernel")


def _share(entry: Entry, tasks: int, wanted: int, asked: bool, job: Any) -> None:
    """Run tasks on several threads, if they can be had."""
    reason = _claim()
    if reason:
        forks.warn_once(reason)
        entry.function(_ONE, _Word(tasks), _ONE, job)
        return
    taken = _take(wanted, asked)
    try:
        if taken < 2:
            entry.function(_ONE, _Word(tasks), _ONE, job)
        else:
            # one operand, which begins at 1 and goes on by 1: whatever part of the tasks a thread gets, it knows its first
            threading_layer.parallel_for()(entry.address, _ONE, _Word(tasks), _ONE, job, 1, 1, taken)
    finally:
        _take_back(taken)
        _give_back()


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
    """Take leave to run on several threads, to be given back; or say why not."""
    reason = forks.unsafe_reason() or threading_layer.launch()
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
