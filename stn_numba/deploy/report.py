"""The report of `doctor` for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["table", "text"]


def text(report: dict[str, Any]) -> str:
    """Lay the report out in lines."""
    return "\n".join(_lines(report))


def table(rows: list[tuple[Any, ...]]) -> list[str]:
    """Lines with columns below one another."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _lines(report: dict[str, Any]) -> Iterator[str]:
    versions, cpu, threading = report["versions"], report["cpu"], report["threading"]
    threads, cache = report["threads"], report["cache"]
    yield from _part("versions", [(name, value or "not installed") for name, value in versions.items()])
    yield from _part(
        "cpu", [(name, ", ".join(value) or "none" if isinstance(value, list) else value) for name, value in cpu.items()]
    )
    yield from _part("threading layer", [("layer", f"{threading['layer'] or 'none'} ({threading['why']})")])
    yield from table([(f"  {name}", threading[name]) for name in ("tbb", "libgomp")])
    yield from _part("threads", [("a call uses", f"{threads['num_threads']} ({threads['origin']})")])
    names = ("cpus", "affinity", "cgroup_quota", "numba_ceiling")
    yield from table([(f"  {name}", threads[name] if threads[name] is not None else "none") for name in names])
    kernels = report["kernels"]
    counts = f"{kernels['prebuilt']} prebuilt, {kernels['cache']} from the cache, {kernels['compiled']} compiled"
    yield from _part(
        "kernels",
        [
            ("library", kernels["library"] or f"none ({kernels['why_not']})"),
            *([("level", kernels["level"])] if kernels["level"] else []),
            ("used here", counts),
        ],
    )
    yield from _part(
        "cache",
        [
            ("written to", f"{cache['write'] or 'nothing'} ({cache['why']})"),
            *(("read from", folder) for folder in cache["read"]),
            ("holds", f"{cache['kernels']} kernels, {cache['bytes'] / 1e6:.1f} MB"),
        ],
    )
    yield from _part(
        "settings", [(name, value) for name, value in report["settings"].items() if value is not None] or [("none", "")]
    )
    yield from _part("plugins", [(row["name"], row["distribution"], row["status"]) for row in report["plugins"]])
    if report["self_test"]:
        tests = [(row["name"], row["problem"] or "ok", f"{row['seconds']:.2f} s") for row in report["self_test"]]
        yield from _part("self-test against NumPy", tests)
    yield from _part("advice", [(sentence,) for sentence in report["advice"]] or [("none",)])
    yield ""
    yield "healthy" if report["healthy"] else "NOT HEALTHY"


def _part(title: str, rows: list[tuple[Any, ...]]) -> Iterator[str]:
    yield title
    yield from (f"  {line}" for line in table(rows))
