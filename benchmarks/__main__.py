"""Measure, and write the page: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import figure, first_calls, machine, process, report, threads, timing
from benchmarks.cases import CASES
from benchmarks.match import Result, play


def main() -> int:
    """Run the cases; fail if an answer differs, for then no ratio can be trusted."""
    options = _options()
    num_threads = threads.limit(options.threads)
    if options.only == "training":  # a page of its own
        return int(not _training(options, num_threads))
    results = []
    for case in CASES:
        if options.only in case.name:
            results.append(play(case, options.seconds))
            print(_summary(results[-1]), flush=True)
    process_figures = process.measure() if options.only in "process" else {}
    starts = first_calls.measure() if options.only in "first calls" else []
    print(report.marks(results, starts), report.table(results), sep="\n\n")
    if options.only and options.out == Path("docs"):
        print("A part of the cases does not replace the page; --out FOLDER writes it elsewhere.")
    else:
        settings = {"seconds": options.seconds, "rounds": timing.ROUNDS, "pause": timing.PAUSE, "shortest": timing.SHORTEST}
        report.write(options.out, machine.describe(num_threads), results, process_figures, starts, **settings)
        figure.draw(options.out / "benchmarks.png", results)
    trained = bool(options.only) or _training(options, num_threads)
    return int(not (trained and all(row.agrees for result in results for row in result.rows)))


def _training(options: argparse.Namespace, num_threads: int) -> bool:
    from benchmarks import training

    return training.run(options.seconds, options.out, num_threads)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        default="",
        metavar="SUBSTRING",
        help="cases whose name contains it; 'process' for imports and memory; 'first calls'; 'training' for its own page",
    )
    parser.add_argument("--seconds", type=float, default=1.5, help="for each case, shared by its contestants (%(default)s)")
    parser.add_argument("--threads", type=int, default=threads.wanted(), help="for every library (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder for the page (%(default)s)")
    return parser.parse_args()


def _summary(result: Result) -> str:
    rows = "; ".join(f"{row.name} {row.ratio:.2f} {row.verdict}".strip() for row in result.rows)
    return f"{result.name}: {rows or result.problem}"


if __name__ == "__main__":
    sys.exit(main())
