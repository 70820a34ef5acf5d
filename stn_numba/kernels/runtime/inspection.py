"""Kernels in use, the CPU they are compiled for, and the threading layers that can be had, for `stn_numba.deploy`.

Numba is imported only to tell where its cache lies, llvmlite only to tell the CPU.
"""

from __future__ import annotations

import sys

from stn_numba.kernels.runtime import calls, threading_layer
from stn_numba.kernels.runtime.cache_folders import Places

__all__ = ["cpu", "failures", "layers", "loaded", "where"]


def loaded() -> set[calls.Loaded]:
    """Return the kernels in use so far, each with its signature and source."""
    return set(calls.loaded())


def where() -> Places:
    """Return the folders of compiled kernels, see `kernels.runtime.cache_folders`."""
    from stn_numba.kernels.runtime import disk_cache

    return disk_cache.where()


def failures() -> dict[str, str]:
    """Return the kernels that this process compiled but could not keep, and why."""
    disk_cache = sys.modules.get("stn_numba.kernels.runtime.disk_cache")  # without it nothing has been compiled
    return {} if disk_cache is None else dict(disk_cache.failures)


def cpu() -> tuple[str, list[str]]:
    """Return (name, features) of this CPU, as LLVM has them."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    return binding.get_host_cpu_name(), sorted(name for name, present in features.items() if present)


def layers() -> dict[str, str]:
    """Return for each threading layer why it cannot be loaded; empty if it can. None of them is launched."""
    return {name: _problem(name) for name in threading_layer.LAYERS}


def _problem(name: str) -> str:
    try:
        threading_layer.load(name)
    except Exception as error:  # ImportError, and warnings turned into errors
        return str(error) or type(error).__name__
    return ""
