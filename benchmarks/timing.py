"""Times of several contestants on one problem, taken in turn, after their answers were compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.contestant import Contestant

ROUNDS = 5  # each contestant has so many turns


def disagreement(ours: Contestant, other: Contestant) -> float:
    """Mean difference of two answers, as a part of the greatest value; single pixels differ at the image's edge."""
    pairs = zip(ours.read(ours.run()), other.read(other.run()), strict=False)
    return max(float(np.abs(a.astype(float) - b).mean() / max(np.abs(a).max(), 1e-9)) for a, b in pairs)


def medians(contestants: list[Contestant], seconds: float) -> dict[str, float]:
    """Median seconds of a call by each contestant's name.

    They take turns of many calls, not single calls: threads of one library that idle after a call would slow the next one.
    """
    times: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for _ in range(ROUNDS):
        for contestant in contestants:
            contestant.run()
            times[contestant.name] += _turn(contestant.run, seconds / ROUNDS)
    return {name: statistics.median(values) for name, values in times.items()}


def _turn(run: Callable[[], Any], seconds: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def copy_seconds(size: int) -> float:
    """Median time of a memcpy that reads and writes `size` bytes in all."""
    source = np.ones(size // 2, np.uint8)
    target = source.copy()
    return statistics.median(_turn(lambda: np.copyto(target, source), 0.05))
