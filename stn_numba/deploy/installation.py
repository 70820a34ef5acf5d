"""What this installation is made of: versions, CPU, kernels, threads, cache. Each part is plain data, fit for JSON."""

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
_TELLING = ("avx2", "avx512f", "bmi2", "f16c", "fma", "neon", "sse4.2", "sve")  # the features that make a difference here


def versions() -> Part:
    """Of Python and of the packages that matter; None for one that is not installed."""
    found: Part = {"python": sys.version.split()[0], "system": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def processor() -> Part:
    """Name, levels and features of the CPU; and which one Numba compiles for."""
    from stn_numba.kernels.runtime import cpu, inspection

    name, features = inspection.cpu()
    return {
        "model": _model_name(),
        "levels": list(cpu.levels()),
        "compiled_for": os.environ.get("NUMBA_CPU_NAME") or name,
        "features": [f for f in features if f in _TELLING],
    }


def kernels() -> Part:
    """Which library of kernels is in use, or why none is, and where the kernels that this process has used came from."""
    from stn_numba.kernels.runtime import inspection, prebuilt

    library = prebuilt.library()
    sources = collections.Counter(kernel.source for kernel in inspection.loaded())
    return {
        "level": library.level if library else None,
        "library": str(library.path) if library else None,
        "why_not": prebuilt.why_not(),
        "found": sorted(path.name for path in prebuilt.FOLDER.glob("kernels-*.so")),
        **{name: sources[name] for name in ("prebuilt", "cache", "compiled")},
    }


def threading() -> Part:
    """Numba's threading layer, why it is that one, and what else could be had. Launches Numba's threads."""
    from stn_numba.kernels.runtime import inspection, threading_layer

    problems = inspection.layers()
    failure = forks.unsafe_reason() or threading_layer.launch()
    asked = os.environ.get("NUMBA_THREADING_LAYER", "default")
    why = f"NUMBA_THREADING_LAYER={asked}" if asked != "default" else "the first of tbb, omp, workqueue that can be loaded"
    return {
        "layer": None if failure else forks.launched_layer(),
        "why": failure or why,
        "tbb": problems["tbb"] or "present",
        "libgomp": problems["omp"] or "present",
    }


def threads() -> Part:
    """How many threads a call uses, and where that number comes from."""
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
    """Where compiled kernels are kept, and how many there are."""
    from stn_numba.kernels.runtime import inspection

    places = inspection.where()
    files = [file for folder in places.read for file in folder.glob("*.kernel")]
    return {
        "write": str(places.write) if places.write else None,
        "read": [str(folder) for folder in places.read],
        "why": places.why,
        "failures": inspection.failures(),
        "kernels": len(files),
        "bytes": sum(file.stat().st_size for file in files),
    }


def setting_values() -> Part:
    """The settings by environment variables, None where not set."""
    names = (environment.NUM_THREADS, environment.CACHE_DIR, environment.PREBUILT, environment.PLUGINS)
    numba_s = ("NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_CACHE_DIR", "NUMBA_CPU_NAME", "NUMBA_DISABLE_JIT")
    return {name: os.environ.get(name) for name in (*names, *numba_s)}


def _model_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
