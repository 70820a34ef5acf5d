"""Turns of repeated calls: how long each contestant takes while the others rest."""

from __future__ import annotations

import gc
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ROUNDS = 5
SHORTEST = 2e-4  # seconds between two readings of the clock, which itself takes a ten-millionth
PAUSE = 0.2  # seconds; idle threads of onnxruntime spin for some 60 ms before they sleep, others for a few


def alternate(calls: list[Callable[[], Any]], seconds: float) -> list[float]:
    """Median seconds of one call of each, all together for about `seconds`.

    The contestants take turns over blocks of calls, each round starting with another one, so that a slow phase of the machine
    hits all alike. Before each block everybody rests, until no idle thread of the one before is spinning. Short calls are
    timed several in a row, as many for each contestant: so many as the fastest needs for the clock not to matter.
    """
    times: list[list[float]] = [[] for _ in calls]
    repeats = max(map(_repeats, calls))
    turn = seconds / (ROUNDS * len(calls))
    gc.disable()
    try:
        for lap in range(ROUNDS):
            for k in range(len(calls)):
                who = (lap + k) % len(calls)
                time.sleep(PAUSE)
                times[who] += _block(calls[who], turn, repeats)
    finally:
        gc.enable()
    return [statistics.median(each) for each in times]


def copy_seconds(count: int) -> float:
    """How long one thread takes for a memcpy that moves `count` bytes: half of them read, half written."""
    source, target = np.ones(count // 2, np.uint8), np.ones(count // 2, np.uint8)

    def copy() -> None:
        np.copyto(target, source)

    return statistics.median(_block(copy, 0.05, _repeats(copy)))


def _repeats(call: Callable[[], Any]) -> int:
    """How many calls in a row last as long as `SHORTEST`, as a power of two."""
    repeats = 1
    while min(_seconds(call, repeats) for _ in range(2)) < SHORTEST:
        repeats *= 2
    return repeats


def _block(call: Callable[[], Any], seconds: float, repeats: int) -> list[float]:
    """Times of a call, measured as often as fits in `seconds`; the first wakes the threads, and counts only if alone."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        times.append(_seconds(call, repeats) / repeats)
    return times[1:] or times


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    """How long `repeats` calls take; the last answer is released after the clock was read."""
    turns = itertools.repeat(None, repeats)
    start = time.perf_counter()
    for _ in turns:
        answer = call()
    took = time.perf_counter() - start
    del answer
    return took
