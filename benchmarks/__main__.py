"""Measure, check the marks, and write the pages: ``python -m benchmarks``.

Exits with 1 if a mark is missed or an answer differs, and lists on standard error what was missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from benchmarks import (
    chart,
    fresh_process,
    machine,
    marks,
    report,
    timing,
    torch_bridge_cases,
    warp_cases,
)
from benchmarks.case import Result, library_of
from benchmarks.dask import cases as dask_cases
from benchmarks.dask import page as dask_page
from benchmarks.networks import cases as network_cases
from benchmarks.registration import cases as registration_cases
from benchmarks.registration import page as registration_page
from benchmarks.volumes import cases as volume_cases
from benchmarks.volumes import page as volume_page

DOCS = Path("docs")

# For each page, its sections and their cases.
CASES: dict[str, dict[str, Any]] = {
    "benchmarks": {"warps": [*warp_cases.CASES, *torch_bridge_cases.CASES], **fresh_process.CASES},
    "training-benchmarks": {"training": network_cases.CASES},
    "registration-benchmarks": {"registration": registration_cases.CASES},
    "volumes-benchmarks": {"volumes": volume_cases.CASES, "volumes to align": registration_cases.VOLUMES},
    "dask-benchmarks": {"dask": dask_cases.CASES, "dask out of core": dask_cases.OUT_OF_CORE},
}
PAGES = {
    "benchmarks": report.warps_page,
    "training-benchmarks": report.training_page,
    "registration-benchmarks": registration_page.page,
    "volumes-benchmarks": volume_page.page,
    "dask-benchmarks": dask_page.page,
}


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    machine.limit_threads(options.threads)
    measured: list[tuple[str, Result]] = []
    for page, sections in CASES.items():
        results = {section: _measure(section, cases, options) for section, cases in sections.items()}
        measured += [(section, result) for section, part in results.items() for result in part]
        complete = all(len(results[section]) == len(cases) for section, cases in sections.items())
        if any(results.values()) and not options.check:
            _write(page, results, complete, options)
    if not measured:
        print(f"--only: no case contains {options.only!r}", file=sys.stderr)
        return 2
    found = [(section, mark) for section, result in measured for mark in result.marks]
    return marks.check([dataclasses.replace(mark, name=f"{section}: {mark.name}") for section, mark in found])


def _measure(section: str, cases: list[Any], options: argparse.Namespace) -> list[Result]:
    """Measure the chosen cases of a section."""
    results = []
    for case in cases:
        if options.only in f"{section}: {case.name}":
            results.append(case.measure(options.seconds))
            print(f"{section}: {results[-1]}", flush=True)
    return results


def _write(page: str, results: dict[str, list[Result]], complete: bool, options: argparse.Namespace) -> None:
    if options.out == DOCS and not complete:
        print(f"{DOCS / page}.md is not written, because some of its cases were not measured; --out FOLDER writes the others.")
        return
    recorded = {section: [result.as_json() for result in part] for section, part in results.items()}
    rows = [row for part in recorded.values() for result in part for row in result.get("rows", [])]
    described = machine.describe({library_of(row["name"]) for row in rows})
    how = {"seconds": options.seconds, "rounds": timing.ROUNDS, "pause": timing.PAUSE, "shortest": timing.SHORTEST}
    report.write(options.out, page, {"machine": described, "timing": how, **recorded}, PAGES[page])
    if recorded.get("warps"):
        chart.draw(options.out / f"{page}.png", recorded["warps"])


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--check", action="store_true", help="measure and check the marks, but write no page")
    parser.add_argument("--only", default="", metavar="PATTERN", help='cases whose "section: name" contains PATTERN')
    parser.add_argument("--seconds", type=float, default=1.5, help="for each case, shared by the libraries (%(default)s)")
    parser.add_argument("--threads", type=int, default=machine.THREADS, help="for every library (%(default)s)")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder for the pages (%(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
