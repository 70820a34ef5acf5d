"""Work on parts of a batch, side by side on Python threads.

NumPy and the kernels release the GIL. BLAS must not start threads of its own then: see `blas`.

The threads are started when first needed and stay; a forked child, which has none of them, starts its own.
"""

from __future__ import annotations

import contextvars
import itertools
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from stn_numba.nn.arrays import Arrays, Floats
from stn_numba.nn.engine import buffers

__all__ = ["batch_parts", "each_number", "each_part", "even_parts", "summed", "thread_parts"]

Result = TypeVar("Result")

_WORTH_A_THREAD = 1 << 18

# Samples that are worth a pass of their own through a whole network, and the most such passes: each costs up to a millisecond
# of Python, and gradients of its own.
_WORTH_A_PASS, _PASSES = 32, 2

# Parts of the work around this one that are done at the same time: they share the threads.
_sharing: contextvars.ContextVar[int] = contextvars.ContextVar("stn_numba_sharing", default=1)


class _Job:
    """Parts that are still to be done, by whichever threads come."""

    def __init__(self, work: Callable[[slice, Floats], Any], parts: list[slice], make_buffer: Callable[[], Floats]) -> None:
        self.work, self.parts, self.make_buffer = work, parts, make_buffer
        self.results: list[Any] = [None] * len(parts)
        self.error: BaseException | None = None
        self._next, self._done = itertools.count(), itertools.count(1)  # each step of a count is atomic
        self.finished = threading.Event()

    def take_part(self) -> None:
        """Do parts until none is left."""
        token = _sharing.set(_sharing.get() * len(self.parts))
        buffer = None
        try:
            while (place := next(self._next)) < len(self.parts):
                if self.error is None:
                    try:
                        buffer = self.make_buffer() if buffer is None else buffer
                        self.results[place] = self.work(self.parts[place], buffer)
                    except BaseException as error:
                        self.error = error
                if next(self._done) == len(self.parts):
                    self.finished.set()
        finally:
            _sharing.reset(token)


class _Threads:
    """Those of this process, which wait for jobs."""

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
        context.run(job.take_part)
        del context, job  # what they hold is not to wait for the next job


_threads = _Threads()


def _after_fork_in_child() -> None:
    global _threads
    _threads = _Threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def each_part(
    work: Callable[[slice, Floats], Result],
    parts: list[slice],
    make_buffer: Callable[[], Floats] = lambda: np.empty(0),
    *,
    most: int | None = None,
) -> list[Result]:
    """Return ``work(part, buffer)`` for each part, in order; every thread has one buffer, by default an empty one.

    `most` threads at most take part, where the work is not worth more.

    The parts are the caller's, so results do not depend on the number of threads. Parts may be cut into parts: threads that
    have nothing else to do help with those.
    """
    from stn_numba.kernels.runtime import dispatch

    useful = len(parts) if most is None else min(len(parts), most)
    helpers = min(dispatch.count() // _sharing.get(), useful) - 1 if useful > 1 else 0
    if helpers < 1:
        buffer = make_buffer()
        return [work(part, buffer) for part in parts]
    job = _Job(work, parts, make_buffer)
    _threads.help(job, helpers)
    job.take_part()
    job.finished.wait()
    if job.error is not None:
        raise job.error
    return job.results


def each_number(work: Callable[[int], Result], count: int, *, most: int | None = None) -> list[Result]:
    """Return ``work(number)`` for the numbers 0 to count - 1, in order; `most` as for `each_part`."""
    return each_part(lambda one, _: work(one.start), [slice(number, number + 1) for number in range(count)], most=most)


def summed(shares: list[Arrays]) -> Arrays:
    """Sum of the parts' gradients, added in order; the arrays themselves may be a layer's own and are left as they are."""
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


def even_parts(count: int, work: int) -> list[slice]:
    """Cut a batch into parts that are worth a thread's while, given the numbers `work` that it touches in all."""
    pieces = max(1, min(count, work // _WORTH_A_THREAD))
    return [slice(k * count // pieces, (k + 1) * count // pieces) for k in range(pieces)]


def batch_parts(count: int) -> list[slice]:
    """Cut a batch into parts that each pass through a whole network on a thread of their own; `count` alone decides."""
    pieces = max(1, min(_PASSES, count // _WORTH_A_PASS))
    return [slice(k * count // pieces, (k + 1) * count // pieces) for k in range(pieces)]


def thread_parts(count: int, most: int) -> list[slice]:
    """Cut a batch into as many parts as there are threads, `most` at most: for work whose result no cut can change."""
    from stn_numba.kernels.runtime import dispatch

    pieces = max(1, min(count, most, dispatch.count() // _sharing.get()))
    return [slice(k * count // pieces, (k + 1) * count // pieces) for k in range(pieces)]
