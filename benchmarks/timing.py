"""Turns of repeated calls: how long each contestant takes while the others rest."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ROUNDS = 5
PAUSE = 0.02  # seconds; idle threads of OpenMP and onnxruntime spin for a few milliseconds before they sleep


def alternate(calls: list[Callable[[], Any]], seconds: float) -> list[float]:
    """Median seconds of one call of each, all together for about `seconds`.

    The contestants take turns over blocks of calls, each round starting with another one, so that a slow phase of the machine
    hits all alike. Before each block everybody rests, until no idle thread of the one before is spinning.
    """
    times: list[list[float]] = [[] for _ in calls]
    turn = seconds / (ROUNDS * len(calls))
    gc.disable()
    try:
        for lap in range(ROUNDS):
            for k in range(len(calls)):
                who = (lap + k) % len(calls)
                time.sleep(PAUSE)
                times[who] += _block(calls[who], turn)
    finally:
        gc.enable()
    return [statistics.median(each) for each in times]


def copy_seconds(count: int) -> float:
    """How long one thread takes for a memcpy that moves `count` bytes: half of them read, half written."""
    source, target = np.ones(count // 2, np.uint8), np.ones(count // 2, np.uint8)
    return statistics.median(_block(lambda: np.copyto(target, source), 0.05))


def _block(call: Callable[[], Any], seconds: float) -> list[float]:
    """Times of the calls that fit in `seconds`, at least one; the first wakes the threads, and counts only if alone."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - start)
        del answer
    return times[1:] or times
