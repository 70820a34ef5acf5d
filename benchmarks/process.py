"""What only a fresh process can show: imports, first calls, and memory beyond input and output."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

IMPORTED = {"stn-numba": "stn_numba", "NumPy": "numpy", "OpenCV": "cv2", "torch": "torch"}
TRANSFORMS = ("affine", "projective", "tps")
ROOT = Path(__file__).parent.parent
MEMORY_LIMIT = 4.0  # MB beyond input and output


def measure() -> dict[str, Any]:
    return {"import_seconds": imports(), "first_call_seconds": first_calls(), "memory": memory()}


def imports() -> dict[str, float]:
    """Median seconds of importing each library in a process of its own."""
    return {who: statistics.median(_probe("import", module) for _ in range(3)) for who, module in IMPORTED.items()}


def first_calls() -> dict[str, float]:
    """Seconds of the first affine warp of a process that uses no library of kernels, import not counted.

    Without machine code on disk, then with it.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = {"STN_NUMBA_PREBUILT": "off", "STN_NUMBA_CACHE_DIR": folder}
        cold, warm = (_probe("first", "affine", **settings) for _ in range(2))
    return {"cold": cold, "from a warm cache": warm}


def memory() -> dict[str, dict[str, Any]]:
    """For each transform the MB that one warp of a 1x1080x1920x3 image takes beyond input and output."""
    return {transform: _memory(transform) for transform in TRANSFORMS}


def _memory(transform: str) -> dict[str, Any]:
    """As NumPy's allocations and as resident memory, with memory given back to the system as soon as it is free."""
    allocated, resident = _probe("memory", transform, MALLOC_MMAP_THRESHOLD_="65536", MALLOC_TRIM_THRESHOLD_="65536")
    verdict = "ok" if max(allocated, resident) < MEMORY_LIMIT else "missed"
    return {"allocated_mb": allocated, "resident_mb": resident, "verdict": verdict}


def _probe(*arguments: str, **environment: str) -> Any:
    command = [sys.executable, "-m", "benchmarks.probe", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"probe {' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout)
