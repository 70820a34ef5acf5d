"""Describe an installation: versions, CPU, kernels, threads, cache. Every function returns plain data for JSON."""

from __future__ import annotations

import collections
import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

from stn_numba._util import environment
from stn_numba.threads import counts, forks, limits

__all__ = ["cache", "kernels", "processor", "setting_values", "threading", "threads", "versions"]

Part = dict[str, Any]

_PACKAGES = ("stn-numba", "numba", "llvmlite", "numpy", "scipy", "entrypoints", "safetensors", "threadpoolctl", "click", "tbb")
_CPU_FEATURES = ("avx2", "avx512f", "bmi2", "f16c", "fma", "neon", "sse4.2", "sve")  # those that affect the kernels


def versions() -> Part:
    """Return the versions of Python and of relevant packages; None for those not installed."""
    found: Part = {"python": sys.version.split()[0], "system": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def processor() -> Part:
    """Return the CPU's model, levels and features, and the CPU that Numba compiles for."""
    from stn_numba.kernels.runtime import cpu

    name, features = cpu.host()
    return {
        "model": _model_name(),
        "levels": list(cpu.levels()),
        "compiled_for": os.environ.get("NUMBA_CPU_NAME") or name,
        "features": [f for f in features if f in _CPU_FEATURES],
    }


def kernels() -> Part:
    """Return the library of prebuilt kernels in use, or why there is none, and where this process got its kernels from."""
    from stn_numba.kernels.runtime import calls, prebuilt

    library = prebuilt.library()
    sources = collections.Counter(kernel.source for kernel in calls.loaded())
    return {
        "level": library.level if library else None,
        "library": str(library.path) if library else None,
        "why_not": prebuilt.why_not(),
        "found": sorted(path.name for path in prebuilt.FOLDER.glob("kernels-*.so")),
        **{name: sources[name] for name in ("prebuilt", "cache", "compiled")},
    }


def threading() -> Part:
    """Return Numba's threading layer, why it was chosen, and which others are available. Launches Numba's threads."""
    from stn_numba.kernels.runtime import threading_layer

    problems = threading_layer.problems()
    failure = forks.unsafe_reason() or threading_layer.launch()
    asked = os.environ.get("NUMBA_THREADING_LAYER", "default")
    why = f"NUMBA_THREADING_LAYER={asked}" if asked != "default" else "the first available of tbb, omp, workqueue"
    return {
        "layer": None if failure else forks.launched_layer(),
        "why": failure or why,
        "tbb": problems["tbb"] or "present",
        "libgomp": problems["omp"] or "present",
    }


def threads() -> Part:
    """Return the number of threads that a call uses, what determines it, and all limits."""
    try:
        number, origin = counts.get_num_threads(), counts.origin()
    except ValueError as error:
        number, origin = 0, str(error)
    return {
        "num_threads": number,
        "origin": origin,
        "cpus": os.cpu_count(),
        "affinity": limits.affinity(),
        "cgroup_quota": limits.cgroup_quota(),
        "numba_ceiling": limits.numba_ceiling(),
    }


def cache() -> Part:
    """Return the cache folders, the number and size of the kernels in them, and failures to write."""
    from stn_numba.kernels.runtime import disk_cache

    folders = disk_cache.folders()
    files = [file for folder in folders.read for file in folder.glob("*.kernel")]
    return {
        "write": str(folders.write) if folders.write else None,
        "read": [str(folder) for folder in folders.read],
        "why": folders.why,
        "failures": dict(disk_cache.failures),
        "kernels": len(files),
        "bytes": sum(file.stat().st_size for file in files),
    }


def setting_values() -> Part:
    """Return the environment variables that affect this library; None if not set."""
    names = (environment.NUM_THREADS, environment.CACHE_DIR, environment.PREBUILT, environment.PLUGINS)
    of_numba = ("NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_CACHE_DIR", "NUMBA_CPU_NAME", "NUMBA_DISABLE_JIT")
    return {name: os.environ.get(name) for name in (*names, *of_numba)}


def _model_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
