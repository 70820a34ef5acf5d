"""Advice on the problems that `doctor` finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["advice"]

Report = dict[str, Any]


def advice(report: Report) -> list[str]:
    """Return one text for each problem, or an empty list if there is nothing to improve."""
    parts: tuple[Callable[[Report], Iterator[str]], ...] = (
        _tests,
        _threads,
        _blas,
        _threading_layer,
        _kernels,
        _cache,
        _plugins,
    )
    return [text for part in parts for text in part(report)]


def _tests(report: Report) -> Iterator[str]:
    failed = [test["name"] for test in report["self_test"] if test["problem"]]
    if failed:
        yield (
            f"Results are wrong or calls fail ({', '.join(failed)}). Set STN_NUMBA_CACHE_DIR=off and run this again. If that "
            "helps, remove the cache folder. If not, set STN_NUMBA_PREBUILT=off as well, and keep it set if that helps. In any "
            "case, please report the output of stn-numba doctor --json."
        )
    if report["settings"]["NUMBA_DISABLE_JIT"] not in (None, "", "0"):
        yield "NUMBA_DISABLE_JIT is set, so nothing is compiled. Unset it."


def _threads(report: Report) -> Iterator[str]:
    threads = report["threads"]
    if not threads["num_threads"]:
        yield f"{threads['origin']}. Correct or unset it; every call fails until then."
    quota, ceiling = threads["cgroup_quota"], threads["numba_ceiling"]
    if quota and quota < ceiling and not report["settings"]["NUMBA_NUM_THREADS"]:
        yield f"The container may use {quota} CPUs, but Numba starts {ceiling} threads. Set NUMBA_NUM_THREADS={quota}."


def _blas(report: Report) -> Iterator[str]:
    if report["versions"]["threadpoolctl"] is None:
        yield "BLAS and Numba threads compete for cores in training and prediction. pip install threadpoolctl."


def _threading_layer(report: Report) -> Iterator[str]:
    layer = report["threading"]["layer"]
    if layer is None:
        why = report["threading"]["why"].rstrip(".")
        yield f"{why}." if "one thread" in why else f"Kernels run on one thread: {why}."
    elif layer == "workqueue":
        yield (
            "The threading layer is workqueue, so only one of several concurrent calls uses more than one thread. "
            "pip install tbb, or install libgomp (Debian: apt-get install libgomp1)."
        )
    elif layer == "omp":
        yield (
            "The threading layer is omp, so processes forked after the first call run on one thread each. "
            "If your program does that, pip install tbb, or fork before the first call."
        )


def _kernels(report: Report) -> Iterator[str]:
    """Explain why no library of prebuilt kernels is used, if this CPU supports one."""
    kernels, levels, settings = report["kernels"], report["cpu"]["levels"], report["settings"]
    asked = (settings["STN_NUMBA_PREBUILT"] or "").strip()
    if kernels["library"] or not levels:
        return
    if asked and asked.lower() not in levels:
        yield (
            f"STN_NUMBA_PREBUILT={asked} keeps the prebuilt kernels of the wheel from being used, so first calls compile for "
            f"seconds each. Unset it, or set a level of this CPU ({', '.join(levels)})."
        )
    elif kernels["why_not"].endswith(" is set"):
        yield f"{kernels['why_not']}, so prebuilt kernels are not used and first calls compile for seconds each. Unset it."
    elif kernels["found"]:
        yield (
            f"The libraries of prebuilt kernels ({', '.join(kernels['found'])}) cannot be used: they are damaged or were built "
            "for another version or CPU. First calls compile for seconds each. Reinstall the package."
        )
    else:
        yield (
            "This installation contains no prebuilt kernels, like any editable install or pure wheel, so first calls compile "
            "for seconds each. To avoid that, build a wheel on a machine with a C compiler (pip wheel --no-deps .) and install "
            "it."
        )


def _cache(report: Report) -> Iterator[str]:
    cache, kernels = report["cache"], report["kernels"]
    if cache["write"] is None and not cache["kernels"] and (kernels["compiled"] or not kernels["library"]):
        yield (
            f"Compiled kernels are not kept: {cache['why']}. Every process compiles them again, for seconds. Set "
            "STN_NUMBA_CACHE_DIR to a writable folder, or install a wheel with prebuilt kernels."
        )


def _plugins(report: Report) -> Iterator[str]:
    for plugin in report["plugins"]:
        if plugin["status"] != "ok" and not plugin["status"].startswith("not allowed"):
            yield f"The plugin {plugin['name']!r} of {plugin['distribution']} cannot be used: {plugin['status']}."
