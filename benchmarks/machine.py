"""What the figures were measured on."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

LIBRARIES = ("stn-numba", "numba", "numpy", "torch", "opencv-python-headless", "kornia", "onnxruntime", "scipy", "scikit-image")


def describe(num_threads: int) -> dict[str, str | int]:
    return {
        "processor": _processor(),
        "threads": num_threads,
        "Python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    """The model's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
