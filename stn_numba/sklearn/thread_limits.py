"""The option `n_jobs`: how many threads an estimator may use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from stn_numba._util.arguments import as_int
from stn_numba.threads import get_num_threads, limit_threads

__all__ = ["at_most"]


@contextlib.contextmanager
def at_most(n_jobs: Any) -> Iterator[None]:
    """Use at most `n_jobs` threads in a block of code, and never more than `get_num_threads`.

    None means no further limit, and negative numbers count down from the limit, as -1 for all of its threads.

    Examples
    --------
    >>> with at_most(1):
    ...     get_num_threads()
    1
    """
    if n_jobs is None:
        yield
        return
    number, available = as_int(n_jobs, "n_jobs"), get_num_threads()
    if number == 0:
        raise ValueError("n_jobs: expected None, a number of threads, or a negative number as -1 for all, got 0")
    with limit_threads(max(1, min(number if number > 0 else available + 1 + number, available))):
        yield
