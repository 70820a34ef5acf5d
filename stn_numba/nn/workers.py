"""Work on parts of a batch, side by side on Python threads, with BLAS held to one thread each.

NumPy and the kernels release the GIL. BLAS must not start threads of its own then: its idle threads spin, and take the cores
from Numba's (measured: training becomes ten times slower). `one_blas_thread` needs threadpoolctl (extra ``train``); without
it everything works, slower.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from stn_numba.nn.layer import Floats

__all__ = ["each_part", "even_parts", "one_blas_thread"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_WORTH_A_THREAD = 1 << 18


def each_part(
    work: Callable[[slice, Floats], Result],
    parts: list[slice],
    make_buffer: Callable[[], Floats] = lambda: np.empty(0),
) -> list[Result]:
    """Return ``work(part, buffer)`` for each part, in order; every thread has one buffer, by default an empty one.

    The parts are the caller's, so results do not depend on the number of threads. Threads are made anew for each call: a
    pool that outlives it would be dead in a forked child.
    """
    from stn_numba.kernels import threads

    count = min(threads.count(), len(parts))

    def several(first: int) -> list[Result]:
        buffer = make_buffer()
        return [work(part, buffer) for part in parts[first::count]]

    if count < 2:
        return several(0) if parts else []
    with ThreadPoolExecutor(count - 1) as pool:
        others = [pool.submit(contextvars.copy_context().run, several, first) for first in range(1, count)]
        columns = [several(0), *(other.result() for other in others)]
    return [columns[place % count][place // count] for place in range(len(parts))]


def even_parts(count: int, work: int) -> list[slice]:
    """Cut a batch into parts that are worth a thread's while, given the numbers `work` that it touches in all."""
    pieces = max(1, min(count, work // _WORTH_A_THREAD))
    return [slice(k * count // pieces, (k + 1) * count // pieces) for k in range(pieces)]


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread, and give it back its number."""
    controller = _controller()
    if controller is None:
        yield
        return
    with controller.limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _controller() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        logger.info("BLAS keeps its threads, which slows training down: pip install stn-numba[train]")
        return None
    import scipy.linalg  # noqa: F401  (brings its own BLAS, which the controller must see)

    return ThreadpoolController()
