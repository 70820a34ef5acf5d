"""What the figures were measured on."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

from stn_numba.deploy import installation

LIBRARIES = ("stn-numba", "numba", "numpy", "torch", "opencv-python-headless", "kornia", "onnxruntime", "scipy", "scikit-image")


def describe(num_threads: int) -> dict[str, str | int]:
    return {
        "processor": _processor(),
        "threads": num_threads,
        "kernels": kernels(),
        "Python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def kernels() -> str:
    """Which library of kernels is in use, or why none is, and where the kernels that were called so far came from."""
    part = installation.kernels()
    name = f"{Path(part['library']).name} (level {part['level']})" if part["library"] else f"no library ({part['why_not']})"
    called = [f"{part[source]} {source}" for source in ("prebuilt", "cache", "compiled") if part[source]]
    return f"{name}; called: {' + '.join(called) or 'none'}"


def _processor() -> str:
    """The model's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
