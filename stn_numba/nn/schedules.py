"""Learning-rate schedules: functions of progress in [0, 1] that return a multiplier of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable

from stn_numba._util.arguments import as_int, as_real

__all__ = ["Schedule", "constant", "cosine", "one_cycle", "scaled", "step_decay"]

Schedule = Callable[[float], float]

_WARM_UP = 0.25


def constant(progress: float) -> float:
    """Return 1.

    Examples
    --------
    >>> constant(0.7)
    1.0
    """
    _checked(progress)
    return 1.0


def cosine(progress: float) -> float:
    """Return a multiplier that falls from 1 to 0 along half a cosine (Loshchilov and Hutter, arXiv 1608.03983).

    Examples
    --------
    >>> cosine(0.0), cosine(1.0)
    (1.0, 0.0)
    """
    return 0.5 * (1 + math.cos(math.pi * _checked(progress)))


def one_cycle(progress: float) -> float:
    """Return a multiplier that rises from 0.04 to 1 in a quarter, then falls to 1e-5 (Smith and Topin, arXiv 1708.07120).

    Examples
    --------
    >>> one_cycle(0.0), one_cycle(0.25), round(one_cycle(1.0), 6)
    (0.04, 1.0, 1e-05)
    """
    progress = _checked(progress)
    if progress < _WARM_UP:
        return 0.04 + 0.96 * (1 - cosine(progress / _WARM_UP))
    return 1e-5 + (1 - 1e-5) * cosine((progress - _WARM_UP) / (1 - _WARM_UP))


def step_decay(factor: float = 0.1, *, steps: int = 3) -> Schedule:
    """Return a schedule that multiplies by `factor` at even intervals; the defaults are those of arXiv 1506.02025.

    Parameters
    ----------
    factor : float, default 0.1
        In (0, 1].
    steps : int, default 3
        Number of intervals, at least 1.

    Raises
    ------
    TypeError, ValueError
        If an option has the wrong type or is out of its range.

    Examples
    --------
    >>> [round(step_decay()(p), 3) for p in (0.0, 0.5, 0.9)]
    [1.0, 0.1, 0.01]
    """
    factor, steps = as_real(factor, "factor", "(0, 1]"), as_int(steps, "steps", least=1)
    return lambda progress: factor ** min(int(_checked(progress) * steps), steps - 1)


def _checked(progress: float) -> float:
    return as_real(progress, "progress", "[0, 1]")


def scaled(schedule: Schedule, peak: float) -> Schedule:
    """Return a schedule times a number; a TypeError or ValueError says if it returns no number.

    Examples
    --------
    >>> scaled(constant, 0.5)(0.0)
    0.5
    """
    return lambda progress: peak * as_real(schedule(progress), "schedule's value")
