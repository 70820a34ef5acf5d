"""``python -m benchmarks``: our calls against other libraries', in turn, written to docs/benchmarks.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmarks import ours, report, rivals, threads, timing
from benchmarks.cases import CASES, Case


@click.command()
@click.option("--only", default="", help="Only cases whose name holds this.")
@click.option("--seconds", default=1.5, show_default=True, help="Time for each contestant of a case.")
@click.option("--out", default="docs", show_default=True, type=click.Path(path_type=Path), help="Folder to write to.")
def main(only: str, seconds: float, out: Path) -> None:
    """Measure, print and write the tables."""
    number, results = threads.limit(2), []
    for case in CASES:
        if only in case.name:
            for result in measure(case, seconds):
                click.echo(report.row(result))
                results.append(result)
    report.write(results, number, out)


def measure(case: Case, seconds: float) -> list[dict[str, Any]]:
    """One result for each library that the case names; the best variant of a library counts."""
    problem, results = case.problem(), []
    us = ours.contestant(problem)
    for library in [*case.at_least, *case.others]:
        base = {"case": case.name, "against": library}
        try:
            others = rivals.contestants(library, problem)
            for other in others:
                difference = timing.disagreement(us, other)
                if difference > other.tolerance:
                    raise ValueError(f"answers differ by {difference:.1e}")
            times = timing.medians([us, *others], seconds)
        except (ImportError, TypeError, ValueError) as error:
            results.append({**base, "error": str(error)})
            continue
        own, best = times[us.name], min(times[other.name] for other in others)
        numbers = {"ours": own, "theirs": best, "ratio": best / own, "at_least": case.at_least.get(library)}
        results.append({**base, **numbers, "memcpy": own / timing.copy_seconds(problem.bytes_moved)})
    return results


if __name__ == "__main__":
    main()
