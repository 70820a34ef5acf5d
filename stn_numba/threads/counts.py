"""Get, set and limit the number of threads."""

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
    """Return the maximum number of threads that a call uses, unless it is given ``num_threads=``.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If ``STN_NUMBA_NUM_THREADS`` is not a whole number of at least 1, or ``NUMBA_NUM_THREADS`` is below 1.

    Examples
    --------
    >>> get_num_threads() >= 1
    True
    """
    number, _ = _machine()
    return min(_block.get() or _program or number, limits.numba_ceiling())


def set_num_threads(num_threads: int | None) -> None:
    """Set the maximum number of threads for the whole program.

    Parameters
    ----------
    num_threads : int or None
        At least 1; values above Numba's ceiling (``NUMBA_NUM_THREADS``) count as the ceiling. None restores the default, from
        the environment and the machine.

    Raises
    ------
    TypeError, ValueError
        If it is not a whole number of at least 1.

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
    """Context manager: use at most `num_threads` threads in a block of code.

    Other Python threads and asyncio tasks are not affected.

    Parameters
    ----------
    num_threads : int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        If it is not a whole number of at least 1.

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
    """Return what determines the number of threads, such as ``"limit_threads"`` or ``"CPU affinity"``."""
    if _block.get():
        return "limit_threads"
    return "set_num_threads" if _program else _machine()[1]


@functools.cache
def _machine() -> tuple[int, str]:
    """Return (number, origin) from the environment and the machine, computed once per process."""
    asked = environment.num_threads()
    if asked is not None:
        return asked, f"{environment.NUM_THREADS}={asked}"
    found = {
        "CPU affinity": limits.affinity(),
        "cgroup quota": limits.cgroup_quota(),
        "Numba's ceiling (NUMBA_NUM_THREADS)": limits.numba_ceiling(),
        "OMP_NUM_THREADS": limits.omp_num_threads(),
    }
    return min((count, name) for name, count in found.items() if count is not None)


if hasattr(os, "register_at_fork"):  # a child may be in another control group
    os.register_at_fork(after_in_child=_machine.cache_clear)
