"""How many threads a kernel runs on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numba

__all__ = ["choose", "count", "limited"]

Kernel = Callable[..., None]


def count() -> int:
    """Threads that kernels of this Python thread may use."""
    return int(numba.get_num_threads())


def choose(serial: Kernel, parallel: Kernel, tasks: int, num_threads: int | None) -> Kernel:
    """Pick the serial form for one task or one thread, else the parallel one under the wished number of threads."""
    wanted = min(num_threads or count(), numba.config.NUMBA_NUM_THREADS)
    if tasks < 2 or wanted < 2:
        return serial

    def launch(*arguments: Any) -> None:
        with limited(wanted):
            parallel(*arguments)

    return launch


@contextlib.contextmanager
def limited(num_threads: int) -> Iterator[None]:
    """Let this Python thread's parallel kernels use so many threads, and put the former number back."""
    before = count()
    numba.set_num_threads(num_threads)
    try:
        yield
    finally:
        numba.set_num_threads(before)
