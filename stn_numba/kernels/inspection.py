"""What the compiler and its threading layer say of themselves, and all kernels compiled so far, for `stn_numba.server`."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numba
from llvmlite import binding
from numba.core.dispatcher import Dispatcher

from stn_numba.kernels import cache, layer
from stn_numba.threads import forks

__all__ = ["Compiled", "compile_parallel", "compiled", "cpu", "failures", "layers", "where"]

_PACKAGES = ("stn_numba.kernels", "stn_numba.nn.kernels")

where = cache.where


def failures() -> dict[str, str]:
    """Kernels that this process compiled but could not keep, and why."""
    return dict(cache.failures)


@dataclass(frozen=True)
class Compiled:
    """A kernel compiled in this process for one signature; `from_cache` if its machine code came from disk."""

    kernel: str
    signature: str
    from_cache: bool


def compiled() -> set[Compiled]:
    """All kernels compiled, or loaded from disk, so far."""
    found = set()
    for name, kernel in _kernels():
        for signature in kernel.signatures:
            # Numba counts hits by types or by whole signatures, as the kernel was asked for
            hit = any(tuple(getattr(known, "args", known)) == tuple(signature) for known in kernel.stats.cache_hits)
            found.add(Compiled(name, str(signature), hit))
    return found


def compile_parallel() -> Iterator[tuple[str, float]]:
    """Compile the parallel form of all kernels whose serial form has been compiled; yields (name, seconds).

    None where Numba's threads cannot be launched: only serial kernels run there.
    """
    if layer.launch():
        return
    kernels = dict(_kernels())
    for name, serial in kernels.items():
        twin = name.removesuffix("_serial") + "_parallel"
        if name.endswith("_serial") and twin in kernels:
            for signature in serial.signatures:
                if signature not in kernels[twin].signatures:
                    start = time.perf_counter()
                    kernels[twin].compile(signature)
                    yield twin, time.perf_counter() - start


def _kernels() -> Iterator[tuple[str, Any]]:
    for module in _modules():
        for name, value in vars(importlib.import_module(module)).items():
            is_kernel = isinstance(value, Dispatcher) and not value.targetoptions.get("forceinline")
            if is_kernel and value.py_func.__module__ == module:
                yield name, value


@functools.cache
def _modules() -> tuple[str, ...]:
    """Names of all modules that may hold kernels."""
    found = [pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}.") for name in _PACKAGES]
    return tuple(module.name for modules in found for module in modules)


def cpu() -> tuple[str, list[str]]:
    """(name, features) of the CPU that kernels are compiled for."""
    features = binding.get_host_cpu_features()
    return binding.get_host_cpu_name(), sorted(name for name, present in features.items() if present)


def layers() -> dict[str, str]:
    """Threading layers of Numba, each with why it cannot be loaded; empty if it can. None of them is launched."""
    if forks.launched_layer() is None and numba.config.THREADING_LAYER not in ("omp", "workqueue"):
        layer.load_tbb()
    return {"tbb": _problem("tbbpool"), "omp": _problem("omppool"), "workqueue": _problem("workqueue")}


def _problem(module: str) -> str:
    try:
        if module == "tbbpool":
            from numba.np.ufunc import parallel

            parallel._check_tbb_version_compatible()
        importlib.import_module(f"numba.np.ufunc.{module}")
    except Exception as error:  # ImportError, and warnings turned into errors
        return str(error) or type(error).__name__
    return ""
