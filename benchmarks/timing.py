"""Time calls in turn."""

from __future__ import annotations

import gc
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ROUNDS = 5
SHORTEST = 2e-4  # seconds between two readings of the clock; a reading takes 1e-7 seconds
PAUSE = 0.2  # seconds; idle threads of onnxruntime spin for some 60 ms before they sleep, those of others for a few


def alternate(calls: list[Callable[[], Any]], seconds: float) -> list[float]:
    """Return the median seconds of each call, measured in about `seconds` in all.

    The calls take turns, and each round starts with another one, so that a slow phase of the machine affects all alike. A
    pause before each turn lasts until no idle thread of the previous call spins. Short calls are timed several at a time,
    the same number for all: as many as the fastest call needs to last for `SHORTEST`.
    """
    times: list[list[float]] = [[] for _ in calls]
    repeats = max(map(_repeats, calls))
    turn = seconds / (ROUNDS * len(calls))
    gc.disable()
    try:
        for round_number in range(ROUNDS):
            for k in range(len(calls)):
                index = (round_number + k) % len(calls)
                time.sleep(PAUSE)
                times[index] += _turn(calls[index], turn, repeats)
    finally:
        gc.enable()
    return [statistics.median(each) for each in times]


def copy_seconds(count: int) -> float:
    """Return the seconds that one thread takes for a memcpy that moves `count` bytes: half are read, half are written."""
    source, target = np.ones(count // 2, np.uint8), np.ones(count // 2, np.uint8)

    def copy() -> None:
        np.copyto(target, source)

    return statistics.median(_turn(copy, 0.05, _repeats(copy)))


def _repeats(call: Callable[[], Any]) -> int:
    """Return how many calls last for `SHORTEST`, as a power of two."""
    repeats = 1
    while min(_seconds(call, repeats) for _ in range(2)) < SHORTEST:
        repeats *= 2
    return repeats


def _turn(call: Callable[[], Any], seconds: float, repeats: int) -> list[float]:
    """Measure a call as often as fits in `seconds`; the first measurement, which wakes the threads, counts only if alone."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        times.append(_seconds(call, repeats) / repeats)
    return times[1:] or times


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    """Return how long `repeats` calls take; the last answer is released after the clock is read."""
    iterations = itertools.repeat(None, repeats)
    start = time.perf_counter()
    for _ in iterations:
        answer = call()
    elapsed = time.perf_counter() - start
    del answer
    return elapsed
