"""The machine of a run: threads, processor, kernels, versions."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import stn_numba as stn
from benchmarks import rivals
from stn_numba.deploy import doctor

THREADS = 2  # the marks were set for two threads


def limit_threads(number: int) -> None:
    """Set the number of threads for our calls; rivals use as many as `stn_numba.get_num_threads` says."""
    stn.set_num_threads(max(1, min(number, len(os.sched_getaffinity(0)))))


def describe(libraries: set[str]) -> dict[str, Any]:
    """Describe the machine, with the versions of stn-numba and of the given rivals. Call it last: it starts threads."""
    report = doctor(test=False)
    packages = ("numba", "numpy", *rivals.packages(libraries))
    return {
        "date": datetime.date.today().isoformat(),
        "processor": report["cpu"]["model"],
        "threads": stn.get_num_threads(),
        "kernels": _kernels(report["kernels"]),
        "versions": {
            "Python": platform.python_version(),
            "stn-numba": stn.__version__,
            **{package: importlib.metadata.version(package) for package in packages},
        },
    }


def _kernels(report: dict[str, Any]) -> str:
    """Say which library of kernels is in use, or why none is, and where the kernels called so far came from."""
    library = f"{Path(report['library']).name} (level {report['level']})" if report["library"] else None
    called = [f"{report[source]} {source}" for source in ("prebuilt", "cache", "compiled") if report[source]]
    return f"{library or 'no library, ' + report['why_not']}; called: {' + '.join(called) or 'none'}"
