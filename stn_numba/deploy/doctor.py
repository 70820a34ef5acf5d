"""Check an installation: what it consists of, whether its kernels return right results, and what to improve."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from stn_numba.deploy import installation
from stn_numba.deploy.advice import advice
from stn_numba.deploy.self_test import self_test
from stn_numba.transform import registry

__all__ = ["doctor", "format_report", "plugin_rows", "table"]

Report = dict[str, Any]


def doctor(*, test: bool = True) -> Report:
    """Check this installation and return a report.

    Launches Numba's threads, so call it in a separate process. With a library of prebuilt kernels, the self-test covers all of
    them. Without one, it covers the most common kernels, and compiles those that are not in the cache.

    Parameters
    ----------
    test : bool, default True
        Whether to run the self-test.

    Returns
    -------
    dict
        Plain data: ``versions``, ``cpu``, ``threading``, ``threads``, ``kernels``, ``cache``, ``plugins``, ``settings``,
        ``self_test``; ``advice``, a list of sentences; and ``healthy``, whether calls work and return right results.
    """
    report: Report = {
        "versions": installation.versions(),
        "cpu": installation.processor(),
        "threading": installation.threading(),
        "threads": installation.threads(),
        "plugins": plugin_rows(),
        "settings": installation.setting_values(),
        "self_test": [dataclasses.asdict(check) for check in self_test()] if test else [],
    }
    report |= {"kernels": installation.kernels(), "cache": installation.cache()}  # last, as the self-test changes them
    report["advice"] = advice(report)
    report["healthy"] = bool(report["threads"]["num_threads"]) and not any(check["problem"] for check in report["self_test"])
    return report


def plugin_rows() -> list[dict[str, Any]]:
    """Load every installed plugin; return what it is, or why it cannot be used."""
    return [_describe(plugin) for plugin in registry.plugins()]


def _describe(plugin: registry.Plugin) -> dict[str, Any]:
    kind, count, status = "-", "-", plugin.problem or "ok"
    if not plugin.problem:
        try:
            transform = registry.get_transform(plugin.name)
            kind, count = type(transform).__mro__[1].__name__, str(transform.n_params)
        except Exception as error:  # a plugin may raise anything
            status = f"{type(error).__name__}: {error}"
    return {"name": plugin.name, "kind": kind, "parameters": count, "distribution": plugin.source, "status": status}


def format_report(report: Report) -> str:
    """Format the report of `doctor` as text."""
    return "\n".join(_lines(report))


def table(rows: list[tuple[Any, ...]]) -> list[str]:
    """Format rows as lines with aligned columns."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _lines(report: Report) -> Iterator[str]:
    cpu, threading, threads = report["cpu"], report["threading"], report["threads"]
    kernels, cache = report["kernels"], report["cache"]
    yield from _section("versions", [(name, value or "not installed") for name, value in report["versions"].items()])
    lists = {name: ", ".join(value) or "none" for name, value in cpu.items() if isinstance(value, list)}
    yield from _section("cpu", list((cpu | lists).items()))
    yield from _section("threading layer", [("layer", f"{threading['layer'] or 'none'} ({threading['why']})")])
    yield from table([(f"  {name}", threading[name]) for name in ("tbb", "libgomp")])
    yield from _section("threads", [("a call uses", f"{threads['num_threads']} ({threads['origin']})")])
    names = ("cpus", "affinity", "cgroup_quota", "numba_ceiling")
    yield from table([(f"  {name}", threads[name] if threads[name] is not None else "none") for name in names])
    counts = f"{kernels['prebuilt']} prebuilt, {kernels['cache']} from the cache, {kernels['compiled']} compiled"
    level = [("level", kernels["level"])] if kernels["level"] else []
    library = kernels["library"] or f"none ({kernels['why_not']})"
    yield from _section("kernels", [("library", library), *level, ("used here", counts)])
    written = ("written to", f"{cache['write'] or 'nothing'} ({cache['why']})")
    size = ("holds", f"{cache['kernels']} kernels, {cache['bytes'] / 1e6:.1f} MB")
    yield from _section("cache", [written, *(("read from", folder) for folder in cache["read"]), size])
    settings = [(name, value) for name, value in report["settings"].items() if value is not None]
    yield from _section("settings", settings or [("none", "")])
    yield from _section("plugins", [(row["name"], row["distribution"], row["status"]) for row in report["plugins"]])
    if report["self_test"]:
        tests = [(row["name"], row["problem"] or "ok", f"{row['seconds']:.2f} s") for row in report["self_test"]]
        yield from _section("self-test against NumPy", tests)
    yield from _section("advice", [(sentence,) for sentence in report["advice"]] or [("none",)])
    yield ""
    yield "healthy" if report["healthy"] else "NOT HEALTHY"


def _section(title: str, rows: list[tuple[Any, ...]]) -> Iterator[str]:
    yield title
    yield from (f"  {line}" for line in table(rows))
