"""What the first call of a process costs, from the start of the process to its end: with the library of kernels, and by JIT."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stn_numba.kernels.runtime import prebuilt

ROOT = Path(__file__).parent.parent
TURNS = 3  # with the library; by JIT one


@dataclass(frozen=True)
class FirstCall:
    """A name for people, one of `benchmarks.works`, and what is allowed: seconds with the library, CPU seconds by JIT."""

    name: str
    work: str
    at_most: float = 0.6
    jit_at_most: float = 8.0


FIRST_CALLS = [
    FirstCall("affine, float32", "affine float32"),
    FirstCall("affine, uint8", "affine uint8"),
    FirstCall("dense grid", "dense grid"),
    FirstCall("projective", "projective"),
    FirstCall("tps, 16 points", "tps"),
    FirstCall("affine bicubic, reflecting edges", "bicubic reflect101"),
    FirstCall("forward and both gradients", "sample_vjp", jit_at_most=16),
    FirstCall("a training step of `tutorial()`", "tutorial", at_most=3, jit_at_most=9),
    FirstCall("a training step of `st_cnn()`", "st_cnn", at_most=3, jit_at_most=9),
]


@dataclass
class Started:
    """One way of a first call. `seconds` is None without a library; `kernels` says how many came from where."""

    seconds: float | None
    at_most: float
    kernels: dict[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return "ok" if self.seconds is not None and self.seconds <= self.at_most else "missed"

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"verdict": self.verdict}


@dataclass
class Outcome:
    """A first call with the library, in seconds, and by JIT, in CPU seconds."""

    name: str
    library: Started
    jit: Started

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "library": self.library.as_json(), "jit": self.jit.as_json()}


def measure() -> list[Outcome]:
    """Play all first calls, one process after the other."""
    outcomes = []
    for call in FIRST_CALLS:
        outcomes.append(Outcome(call.name, _with_library(call), _by_jit(call)))
        print(_summary(outcomes[-1]), flush=True)
    return outcomes


def _with_library(call: FirstCall) -> Started:
    """Wall time; the first of the runs may also write byte code and read files that nobody has read yet."""
    if prebuilt.library() is None:
        return Started(None, call.at_most)
    runs = [_run(call.work) for _ in range(TURNS)]
    return Started(statistics.median(wall for wall, _, _ in runs), call.at_most, runs[-1][2])


def _by_jit(call: FirstCall) -> Started:
    _, cpu, kernels = _run(call.work, STN_NUMBA_PREBUILT="off")
    return Started(cpu, call.jit_at_most, kernels)


def _run(work: str, **settings: str) -> tuple[float, float, dict[str, int]]:
    """Wall seconds of a process, its CPU seconds (user and system), and the sources of its kernels."""
    variables = {**os.environ, "STN_NUMBA_CACHE_DIR": "off", **settings}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its byte code
    command = [sys.executable, "-m", "benchmarks.works", work]
    cpu, start = _cpu_of_children(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=variables, cwd=ROOT)
    wall, cpu = time.perf_counter() - start, _cpu_of_children() - cpu
    if done.returncode:
        raise RuntimeError(f"first call of {work!r} failed:\n{done.stderr}")
    return wall, cpu, json.loads(done.stdout)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _summary(outcome: Outcome) -> str:
    library, jit = outcome.library, outcome.jit
    wall = "no library" if library.seconds is None else f"{library.seconds:.2f} s"
    return f"first call, {outcome.name}: {wall} {library.verdict}; by JIT {jit.seconds:.1f} s of CPU {jit.verdict}"
