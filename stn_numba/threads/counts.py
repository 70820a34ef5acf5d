"""The number of threads, and where it comes from."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import os
from collections.abc import Iterator

from stn_numba._util import environment
from stn_numba._util.arguments import as_int
from stn_numba.threads import limits

__all__ = ["get_num_threads", "limit_threads", "origin", "set_num_threads"]

_block: contextvars.ContextVar[int | None] = contextvars.ContextVar("stn_numba_num_threads", default=None)
_program: int | None = None


def get_num_threads() -> int:
    """Most threads that a call started here and now uses, unless it says ``num_threads=``.

    Raises
    ------
    ValueError
        If ``STN_NUMBA_NUM_THREADS`` is set to something else than a whole number of at least 1, or ``NUMBA_NUM_THREADS`` to a
        number below 1.

    Examples
    --------
    >>> get_num_threads() >= 1
    True
    """
    wanted = _block.get() or _program
    number, most = _machine()[0], limits.numba_ceiling()
    return min(wanted or number, most)


def set_num_threads(num_threads: int | None) -> None:
    """Set the number of threads for the whole program; None goes back to what environment and machine say.

    Parameters
    ----------
    num_threads
        At least 1. More than Numba's ceiling (``NUMBA_NUM_THREADS``) count as that many.

    Raises
    ------
    TypeError, ValueError
        If it is no whole number of at least 1.

    Examples
    --------
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(None)
    """
    global _program
    _program = None if num_threads is None else as_int(num_threads, "num_threads", least=1)


@contextlib.contextmanager
def limit_threads(num_threads: int) -> Iterator[None]:
    """Use at most so many threads in a block of code; other Python threads and tasks are not touched.

    Raises
    ------
    TypeError, ValueError
        If it is no whole number of at least 1.

    Examples
    --------
    >>> with limit_threads(1):
    ...     get_num_threads()
    1
    """
    token = _block.set(as_int(num_threads, "num_threads", least=1))
    try:
        yield
    finally:
        _block.reset(token)


def origin() -> str:
    """Say in words where the number of threads comes from."""
    if _block.get():
        return "limit_threads"
    return "set_num_threads" if _program else _machine()[1]


@functools.cache
def _machine() -> tuple[int, str]:
    """(number, where it comes from) by environment and machine; worked out once a process."""
    asked = environment.num_threads()
    if asked is not None:
        return asked, f"{environment.NUM_THREADS}={asked}"
    found = {
        "CPU affinity": limits.affinity(),
        "cgroup quota": limits.cgroup_quota(),
        "Numba's ceiling (NUMBA_NUM_THREADS)": limits.numba_ceiling(),
        "OMP_NUM_THREADS": limits.omp_num_threads(),
    }
    number, name = min((count, name) for name, count in found.items() if count is not None)
    return number, name


if hasattr(os, "register_at_fork"):  # a child may have been put into another control group
    os.register_at_fork(after_in_child=_machine.cache_clear)
