"""A fresh process that measures itself and prints a number: see `benchmarks.process`. It imports as little as it can."""

from __future__ import annotations

import importlib
import json
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

SIZE = (1, 1080, 1920, 3)


def import_seconds(module: str) -> float:
    start = time.perf_counter()
    importlib.import_module(module)
    return time.perf_counter() - start


def first_call_seconds(transform: str) -> float:
    warp = _warp(transform)
    start = time.perf_counter()
    warp()
    return time.perf_counter() - start


def memory_mb(transform: str) -> tuple[float, float]:
    """MB beyond input and output: NumPy's allocations, and resident memory. Once before, to have code and threads there."""
    warp = _warp(transform)
    warp()
    tracemalloc.start()
    out = warp()
    allocated = tracemalloc.get_traced_memory()[1] - out.nbytes
    tracemalloc.stop()
    del out
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    before = _status("VmRSS")
    out = warp()  # held, so that the output counts in both sizes
    resident = _status("VmHWM") - before - out.nbytes
    return allocated / 1e6, resident / 1e6


def _warp(transform: str) -> Any:
    """A call that makes the grid and reads a large image there; the transform itself is made anew, as by a first user."""
    import numpy as np

    import stn_numba as stn

    image = np.random.default_rng(0).random(SIZE, np.float32)
    theta = np.float32(0.9) * stn.get_transform(transform).identity().astype(np.float32)[None]
    return lambda: stn.sample(image, stn.get_transform(transform).forward(theta, SIZE[1:3])[0])


def _status(name: str) -> int:
    """A size from the kernel's account of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


MEASURES = {"import": import_seconds, "first": first_call_seconds, "memory": memory_mb}

if __name__ == "__main__":
    print(json.dumps(MEASURES[sys.argv[1]](sys.argv[2])))
