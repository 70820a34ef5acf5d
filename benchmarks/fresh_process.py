"""What only a fresh process shows: first calls, imports, memory and the cache of compiled kernels. Linux only."""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import child
from benchmarks.case import Result
from benchmarks.marks import Mark

ROOT = Path(__file__).parent.parent
TURNS = 3  # processes whose median is reported
EMPTY_CACHE = {"STN_NUMBA_CACHE_DIR": "off"}


@dataclass(frozen=True)
class ProcessCase:
    """Figures measured in fresh processes, without rivals.

    Attributes
    ----------
    name
        Unique name within its section.
    figures
        Measure, and return the figures by name.
    marks
        For the name of a figure, how it must relate to a limit, and the limit.
    """

    name: str
    figures: Callable[[], dict[str, Any]]
    marks: Mapping[str, tuple[str, float]] = field(default_factory=dict)

    def measure(self, seconds: float) -> Result:
        """Measure, however many `seconds` that takes."""
        figures = self.figures()
        return Result(
            self.name, figures, [Mark(f"{self.name}: {key}", figures[key], *mark) for key, mark in self.marks.items()]
        )


def _child(task: str, *arguments: str, **environment: str) -> Any:
    """Return the result of a task of `benchmarks.child`."""
    return python("-m", "benchmarks.child", task, *arguments, **environment)


def python(*arguments: str, **environment: str) -> Any:
    """Return the JSON that a fresh Python process prints."""
    variables = {**os.environ, **environment}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has byte code
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=variables, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"python {' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


@functools.cache
def _has_library() -> bool:
    return _child("installation", "kernels")["library"] is not None


def _first_call(name: str) -> dict[str, Any]:
    """Measure a first call with the library of kernels, in seconds of the whole process, and by JIT, in CPU seconds."""
    with_library: dict[str, Any] = {"seconds": None, "kernels": {}}
    if _has_library():
        with_library["kernels"] = _child("first_call_kernels", name, **EMPTY_CACHE)["kernels"]
        with_library["seconds"] = statistics.median(_seconds("first_call", name, **EMPTY_CACHE) for _ in range(TURNS))
    jit = _child("first_call_kernels", name, **EMPTY_CACHE, STN_NUMBA_PREBUILT="off")
    return {**with_library, "jit_cpu_seconds": jit["cpu_seconds"], "jit_kernels": jit["kernels"]}


def _seconds(task: str, *arguments: str, **environment: str) -> float:
    """Return the seconds from the start of a process to its end."""
    start = time.perf_counter()
    _child(task, *arguments, **environment)
    return time.perf_counter() - start


def _import(module: str) -> dict[str, float]:
    code = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    return {"seconds": statistics.median(python("-c", code) for _ in range(TURNS))}


def _first_warp() -> dict[str, float]:
    """Return the seconds of a first affine warp by JIT, with an empty and with a filled cache."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"STN_NUMBA_PREBUILT": "off", "STN_NUMBA_CACHE_DIR": folder}
        return {cache: _child("first_warp", "affine", **settings) for cache in ("empty cache", "filled cache")}


def _warp_memory(transform: str) -> dict[str, float]:
    """Return the MB beyond input and output; freed memory goes back to the system at once."""
    return _child("warp_memory", transform, MALLOC_MMAP_THRESHOLD_="65536", MALLOC_TRIM_THRESHOLD_="65536")


def _kernel_cache() -> dict[str, float]:
    """Return number and MB of all compiled kernels on disk, whatever compiled them: run the tests first to check the mark."""
    cache = _child("installation", "cache")
    return {"kernels": cache["kernels"], "mb": cache["bytes"] / 1e6}


def _first_calls() -> Iterator[ProcessCase]:
    for name, call in child.FIRST_CALLS.items():
        marks = {"seconds": ("<=", call.seconds), "jit_cpu_seconds": ("<=", call.jit_cpu_seconds)}
        yield ProcessCase(name, partial(_first_call, name), marks)


IMPORTED = {"stn-numba": "stn_numba", "NumPy": "numpy", "OpenCV": "cv2", "torch": "torch"}
MEMORY_MARKS = {"allocated_mb": ("<", 4.0), "resident_mb": ("<", 4.0)}

CASES = {
    "first calls": list(_first_calls()),
    "imports": [ProcessCase(name, partial(_import, module)) for name, module in IMPORTED.items()],
    "first warp by JIT": [ProcessCase("affine", _first_warp)],
    "memory": [ProcessCase(name, partial(_warp_memory, name), MEMORY_MARKS) for name in ("affine", "projective", "tps")],
    "kernel cache": [ProcessCase("compiled kernels", _kernel_cache, {"mb": ("<=", 100.0)})],
}
