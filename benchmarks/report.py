"""Results as JSON and as a page for the docs."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

HEAD = """# Benchmarks

Written by `make bench`; no figure here is typed by hand. Answers are compared first, then all take turns in one process
on the same data with the same number of threads. Ratios are the other library's median time by ours: above 1, we are
faster. "memcpy" is our time by that of copying the bytes read and written.
"""


def write(results: list[dict[str, Any]], threads: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    machine = f"{platform.machine()}, {threads} threads, Python {platform.python_version()}"
    (folder / "benchmarks.json").write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")
    lines = [
        HEAD,
        machine + ".",
        "",
        "| work | ours, ms | by memcpy | against | theirs, ms | ratio | at least | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    (folder / "benchmarks.md").write_text("\n".join([*lines, *(row(result) for result in results)]) + "\n")


def row(result: dict[str, Any]) -> str:
    if "error" in result:
        return f"| {result['case']} | | | {result['against']} | | | | {result['error']} |"
    at_least = result["at_least"]
    verdict = "" if at_least is None else "ok" if result["ratio"] >= at_least else "not met"
    return (
        f"| {result['case']} | {result['ours'] * 1e3:.2f} | {result['memcpy']:.1f} | {result['against']} "
        f"| {result['theirs'] * 1e3:.2f} | {result['ratio']:.2f} | {at_least or ''} | {verdict} |"
    )
