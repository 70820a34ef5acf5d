"""Other libraries. Every module in this package is a rival, found by itself; it contains

- ``LIBRARY``, the name on the pages, and ``PACKAGE``, the name of its distribution;
- ``calls(problem)``, which returns the calls by which a user of the library solves a problem fastest, with
  ``stn_numba.get_num_threads()`` threads, or an empty list if the library does not compete. Problems are those of
  `benchmarks.warp_problem`, `benchmarks.volumes.problem`, `benchmarks.dask.problem`, `benchmarks.networks.problem` and
  `benchmarks.registration.case`.

The rival of a single page is beside its cases: `benchmarks.dask.dask_image`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys
from types import ModuleType
from typing import Any

from benchmarks.case import Call


def calls(problem: Any) -> list[Call]:
    """Return the calls of all rivals that solve a problem."""
    return [call for module in _modules() for call in module.calls(problem)]


def packages(libraries: set[str]) -> list[str]:
    """Return the distributions of libraries."""
    return sorted({module.PACKAGE for module in _modules() if module.LIBRARY in libraries}) if libraries else []


@functools.cache
def _modules() -> list[ModuleType]:
    """Import all rivals; those that are not installed are left out, and their marks are missed."""
    modules = []
    for name in [*(f"{__name__}.{info.name}" for info in pkgutil.iter_modules(__path__)), "benchmarks.dask.dask_image"]:
        try:
            modules.append(importlib.import_module(name))
        except ModuleNotFoundError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return modules
