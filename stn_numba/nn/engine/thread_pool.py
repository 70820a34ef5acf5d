"""Work on parts of a batch in parallel, on Python threads.

NumPy and the kernels release the GIL. BLAS must not start threads of its own then, see `blas_threads`. Threads are started when
they are first needed, and stay; a forked child starts its own.
"""

from __future__ import annotations

import contextvars
import functools
import itertools
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from stn_numba.nn.arrays import Arrays, Floats
from stn_numba.nn.engine import buffers

__all__ = ["batch_parts", "chunks", "parallel_map", "parallel_map_with_buffer", "split", "summed", "thread_parts", "work_parts"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_WORTH_A_THREAD = 1 << 18  # numbers

# Samples that are worth a pass through a whole network on a thread, and the most such passes. Each costs up to a millisecond of
# Python, and gradients of its own.
_WORTH_A_PASS, _PASSES = 32, 2

# How many pieces of the surrounding work run at the same time: they share the threads.
_sharing: contextvars.ContextVar[int] = contextvars.ContextVar("stn_numba_sharing", default=1)


class _Job:
    """Items for whichever threads are free; each thread makes the function that it applies to them."""

    def __init__(self, make_work: Callable[[], Callable[[Any], Any]], items: Sequence[Any]) -> None:
        self.make_work, self.items = make_work, items
        self.results: list[Any] = [None] * len(items)
        self.error: BaseException | None = None
        self._next, self._done = itertools.count(), itertools.count(1)  # each step of a count is atomic
        self.finished = threading.Event()

    def run(self) -> None:
        """Do items until none is left."""
        token = _sharing.set(_sharing.get() * len(self.items))
        work = None
        try:
            while (place := next(self._next)) < len(self.items):
                if self.error is None:
                    try:
                        work = self.make_work() if work is None else work
                        self.results[place] = work(self.items[place])
                    except BaseException as error:
                        self.error = error
                if next(self._done) == len(self.items):
                    self.finished.set()
        finally:
            _sharing.reset(token)


# Not a ThreadPoolExecutor: it refuses work while Python exits (in atexit functions), its threads keep Python from exiting while
# they work, and each helper would cost a future with a lock. A fork would need a new one just the same.
class _Threads:
    """The threads of this process, which wait for jobs."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.jobs: queue.SimpleQueue[tuple[contextvars.Context, _Job]] = queue.SimpleQueue()

    def help(self, job: _Job, count: int) -> None:
        """Let `count` threads take part in a job."""
        with self.lock:
            for number in range(self.count, count):
                threading.Thread(target=_serve, args=(self.jobs,), name=f"stn_numba-{number}", daemon=True).start()
            self.count = max(self.count, count)
        for _ in range(count):
            self.jobs.put((contextvars.copy_context(), job))


def _serve(jobs: queue.SimpleQueue[tuple[contextvars.Context, _Job]]) -> None:
    while True:
        context, job = jobs.get()
        context.run(job.run)
        del context, job  # frees their arrays before the wait for the next job


_threads = _Threads()


def _after_fork_in_child() -> None:
    global _threads
    _threads = _Threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def parallel_map(work: Callable[[Item], Result], items: Sequence[Item], *, max_threads: int | None = None) -> list[Result]:
    """Return ``work(item)`` for each item, in order, on at most `max_threads` threads.

    Results do not depend on the number of threads, since the caller cuts the items. Calls may be nested: idle threads help
    with the inner ones. The first error is raised when all threads are done.
    """
    return _run(lambda: work, items, max_threads)


def parallel_map_with_buffer(
    work: Callable[..., Result], items: Sequence[Any], make_buffer: Callable[[], Floats]
) -> list[Result]:
    """As `parallel_map`, for ``work(item, *, buffer)``; each thread makes one buffer."""
    return _run(lambda: functools.partial(work, buffer=make_buffer()), items, None)


def _run(make_work: Callable[[], Callable[[Item], Result]], items: Sequence[Item], max_threads: int | None) -> list[Result]:
    from stn_numba.kernels.runtime import dispatch

    useful = len(items) if max_threads is None else min(len(items), max_threads)
    helpers = min(dispatch.count() // _sharing.get(), useful) - 1 if useful > 1 else 0
    if helpers < 1:
        return [*map(make_work(), items)]
    job = _Job(make_work, items)
    _threads.help(job, helpers)
    job.run()
    job.finished.wait()
    if job.error is not None:
        raise job.error
    return job.results


def summed(shares: Sequence[Arrays]) -> Arrays:
    """Return the sum of gradients of parts, added in order; the arrays themselves are not changed."""
    if len(shares) == 1:
        return shares[0]
    total: Arrays = {}
    for name, array in shares[0].items():
        total[name] = buffers.empty(array.shape, array.dtype)
        np.add(array, shares[1][name], out=total[name])
    for share in shares[2:]:
        for name, array in share.items():
            total[name] += array
    return total


def split(count: int, pieces: int) -> list[slice]:
    """Cut a batch of `count` into pieces of nearly equal size, at least one."""
    pieces = max(1, min(count, pieces))
    return [slice(k * count // pieces, (k + 1) * count // pieces) for k in range(pieces)]


def chunks(count: int, size: int) -> list[slice]:
    """Cut a batch of `count` into pieces of `size`; the last one may be smaller."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def work_parts(count: int, numbers: int) -> list[slice]:
    """Cut a batch into parts that are worth a thread, given how many numbers it touches in all."""
    return split(count, numbers // _WORTH_A_THREAD)


def batch_parts(count: int) -> list[slice]:
    """Cut a batch into parts that each pass through a whole network on one thread; they depend on `count` alone."""
    return split(count, min(_PASSES, count // _WORTH_A_PASS))


def thread_parts(count: int, most: int) -> list[slice]:
    """Cut a batch into as many parts as there are threads, at most `most`: for work whose result no cut can change."""
    from stn_numba.kernels.runtime import dispatch

    return split(count, min(most, dispatch.count() // _sharing.get()))
