"""One case: answers compared, then everybody timed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import ours, rivals, timing
from benchmarks.cases import Case
from benchmarks.contestant import Contestant
from benchmarks.problem import Array

REFUSALS = (TypeError, ValueError, NotImplementedError)


@dataclass
class Row:
    """A rival beside us. `ratio` is the rival's time divided by ours; `at_least` is what was required of it, if anything."""

    name: str
    seconds: float
    ratio: float
    difference: float
    tolerance: float
    at_least: float | None = None

    @property
    def agrees(self) -> bool:
        return self.difference <= self.tolerance

    @property
    def verdict(self) -> str:
        if not self.agrees:
            return "answers differ"
        return "" if self.at_least is None else "ok" if self.ratio >= self.at_least else "missed"


@dataclass
class Result:
    """What a case gave. `problem` says why there is nothing, where the library refused the call."""

    name: str
    seconds: float | None = None
    copy_seconds: float | None = None
    rows: list[Row] = field(default_factory=list)
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        rows = [dataclasses.asdict(row) | {"verdict": row.verdict} for row in self.rows]
        return dataclasses.asdict(self) | {"rows": rows}


def play(case: Case, seconds: float) -> Result:
    problem = case.make()
    try:
        we = ours.contestant(problem)
        answer = we.run()
    except REFUSALS as error:
        return Result(case.name, problem=f"not offered yet: {type(error).__name__}: {error}")
    expected = [np.array(array) for array in we.read(answer)]
    others = [rival for library in case.rivals for rival in rivals.contestants(library, problem)]
    differences = [_difference(expected, rival) for rival in others]
    ours_took, *took = timing.alternate([we.run, *(rival.run for rival in others)], seconds)
    rows = [
        Row(rival.name, time, time / ours_took, difference, rival.tolerance)
        for rival, time, difference in zip(others, took, differences, strict=True)
    ]
    _require(rows, case.at_least)
    return Result(case.name, ours_took, timing.copy_seconds(problem.bytes_moved), rows)


def _difference(expected: list[Array], rival: Contestant) -> float:
    """Mean difference, as a part of the greatest value; single pixels differ at the image's edge, where noise ends."""
    got = rival.read(rival.run())
    parts = [_part(mine, np.asarray(its)) for mine, its in zip(expected, got, strict=True)]
    return max(parts)


def _part(mine: Array, its: Array) -> float:
    if mine.shape != its.shape:
        return float("inf")
    part = np.abs(mine.astype(np.float64) - its).mean() / np.abs(mine).max()
    return float(part) if np.isfinite(part) else float("inf")


def _require(rows: list[Row], at_least: dict[str, float]) -> None:
    """Put each requirement beside the fastest variant of its library: that is the one to beat."""
    for library, ratio in at_least.items():
        variants = [row for row in rows if row.name.split(",")[0] == library]
        min(variants, key=lambda row: row.seconds).at_least = ratio
