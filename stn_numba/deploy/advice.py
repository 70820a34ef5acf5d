"""What to do about what `doctor` found, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["advice"]

Report = dict[str, Any]


def advice(report: Report) -> list[str]:
    """Return one sentence or two for each thing that could be better; an empty list is a clean bill."""
    parts: tuple[Callable[[Report], Iterator[str]], ...] = (_tests, _threads, _blas, _layer, _kernels, _cache, _plugins)
    return [text for part in parts for text in part(report)]


def _tests(report: Report) -> Iterator[str]:
    failed = [test["name"] for test in report["self_test"] if test["problem"]]
    if failed:
        yield (
            f"Results are wrong or cannot be had ({', '.join(failed)}). Set STN_NUMBA_CACHE_DIR=off and run this again, then "
            "STN_NUMBA_PREBUILT=off as well. If all is well with the first, remove the cache folder; if only with both, leave "
            "STN_NUMBA_PREBUILT=off set. In either case report the output of stn-numba doctor --json."
        )
    if report["settings"]["NUMBA_DISABLE_JIT"] not in (None, "", "0"):
        yield "NUMBA_DISABLE_JIT is set: nothing is compiled. Unset it."


def _threads(report: Report) -> Iterator[str]:
    threads = report["threads"]
    if not threads["num_threads"]:
        yield f"{threads['origin']}. Correct or unset it: every call fails until then."
    quota, ceiling = threads["cgroup_quota"], threads["numba_ceiling"]
    if quota and quota < ceiling and not report["settings"]["NUMBA_NUM_THREADS"]:
        yield f"The container may use {quota} CPUs, but Numba starts {ceiling} threads. Set NUMBA_NUM_THREADS={quota} as well."


def _blas(report: Report) -> Iterator[str]:
    if report["versions"]["threadpoolctl"] is None:
        yield "BLAS and Numba threads get in each other's way in training and prediction. pip install threadpoolctl."


def _layer(report: Report) -> Iterator[str]:
    layer = report["threading"]["layer"]
    if layer is None:
        why = report["threading"]["why"].rstrip(".")
        yield f"{why}." if "one thread" in why else f"Kernels run on one thread: {why}."
    elif layer == "workqueue":
        yield (
            "The threading layer is workqueue: of calls at the same time, only one uses several threads. "
            "pip install tbb, or install libgomp (Debian: apt-get install libgomp1)."
        )
    elif layer == "omp":
        yield (
            "The threading layer is omp: processes forked after the first call run on one thread each. "
            "If yours fork then, pip install tbb, or make no call before the fork."
        )


def _kernels(report: Report) -> Iterator[str]:
    """Where there is no library of kernels, though this CPU could have one."""
    kernels, levels, settings = report["kernels"], report["cpu"]["levels"], report["settings"]
    asked = (settings["STN_NUMBA_PREBUILT"] or "").strip()
    if kernels["library"] or not levels:
        return
    if asked and asked.lower() not in levels:
        yield (
            f"STN_NUMBA_PREBUILT={asked} keeps the kernels of the wheel from being used, so they are compiled at first calls. "
            f"Unset it, or set a level of this CPU ({', '.join(levels)})."
        )
    elif kernels["why_not"].endswith(" is set"):
        yield f"{kernels['why_not']}, so the kernels of the wheel are not used but compiled at first calls. Unset it."
    elif kernels["found"]:
        yield (
            f"The libraries of kernels here ({', '.join(kernels['found'])}) cannot be used: they are damaged, or of other "
            "sources or CPUs than these. Kernels are compiled at first calls. Install the package anew."
        )
    else:
        yield (
            "This installation brings no kernels, as editable installs and pure wheels do not: they are compiled at first "
            "calls, for seconds each. For first calls without a compiler, build a wheel where there is a C compiler "
            "(pip wheel --no-deps .) and install it."
        )


def _cache(report: Report) -> Iterator[str]:
    cache, kernels = report["cache"], report["kernels"]
    if cache["write"] is None and not cache["kernels"] and (kernels["compiled"] or not kernels["library"]):
        yield (
            f"Compiled kernels are not kept: {cache['why']}. Every process compiles anew, for seconds. Set STN_NUMBA_CACHE_DIR "
            "to a folder that can be written to, or install a wheel that brings kernels."
        )


def _plugins(report: Report) -> Iterator[str]:
    for plugin in report["plugins"]:
        if plugin["status"] != "ok" and not plugin["status"].startswith("not allowed"):
            yield f"The plugin {plugin['name']!r} of {plugin['distribution']} cannot be used: {plugin['status']}."
