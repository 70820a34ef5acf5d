"""What is measured: a case compares our call with those of other libraries on the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import timing
from benchmarks.marks import Mark

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Call:
    """How a library solves a problem.

    Attributes
    ----------
    name
        "library", or "library, variant" if a library competes with several calls.
    run
        What is timed. Data in the library's own layout and dtype are prepared before.
    read
        Convert what `run` returns to arrays as our call returns them.
    tolerance
        Largest difference from our answer, see `difference`. By default 1e-3: float32 positions are accurate to a few
        ten-thousandths of a pixel in an image of thousands, and the noise of the test images differs by 1 between pixels.
    steps
        How many steps one `run` takes; times are reported per step.
    """

    name: str
    run: Callable[[], Any]
    read: Callable[[Any], list[Array]]
    tolerance: float = 1e-3
    steps: int = 1


@dataclass(frozen=True)
class Result:
    """What a case measured: named figures, which JSON can hold, and the marks they are checked against."""

    name: str
    figures: dict[str, Any]
    marks: list[Mark]

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, **self.figures}

    def __str__(self) -> str:
        """Return one line for the terminal."""
        rows = [f"{row['name']} {row['ratio']:.2f}" for row in self.figures.get("rows", [])]
        figures = [f"{name} {figure:.3g}" for name, figure in self.figures.items() if isinstance(figure, float | int)]
        return f"{self.name}: {', '.join(figures)}" + (f"; ratios: {', '.join(rows)}" if rows else "")


@dataclass(frozen=True)
class Case:
    """Our call and those of other libraries on the same data.

    Attributes
    ----------
    name
        Unique name.
    make
        Make the problem: the data, and what to do with them. It is called when the case is measured.
    ours
        Return our call that solves a problem.
    rivals
        Return the calls of other libraries that solve the same problem.
    at_least, at_most
        Marks: the least and the largest ratio of a library's time to ours. All variants of a library count.
    more
        Measure further figures of a problem, by name.
    """

    name: str
    make: Callable[[], Any]
    ours: Callable[[Any], Call]
    rivals: Callable[[Any], list[Call]]
    _: KW_ONLY
    at_least: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)
    more: Callable[[Any], dict[str, float]] = lambda problem: {}

    def measure(self, seconds: float) -> Result:
        """Compare the answers, then time all calls in turn, for about `seconds` in all."""
        problem = self.make()
        ours, rivals = self.ours(problem), self.rivals(problem)
        expected = [np.array(array) for array in ours.read(ours.run())]
        differences = [difference(expected, call.read(call.run())) for call in rivals]
        times = timing.alternate([ours.run, *(call.run for call in rivals)], seconds)
        our_time, *rival_times = (time / call.steps for time, call in zip(times, [ours, *rivals], strict=True))
        rows = [_row(call, time, our_time, value) for call, time, value in zip(rivals, rival_times, differences, strict=True)]
        return Result(self.name, {"seconds": our_time, "rows": rows, **self.more(problem)}, self._marks(rows))

    def _marks(self, rows: list[dict[str, Any]]) -> list[Mark]:
        """Every answer must agree, and every variant of a library in `at_least` or `at_most` must have its ratio."""
        marks = [Mark(f"{self.name}: difference of {row['name']}", row["difference"], "<=", row["tolerance"]) for row in rows]
        limits = [(library, limit, ">=", min) for library, limit in self.at_least.items()]
        limits += [(library, limit, "<=", max) for library, limit in self.at_most.items()]
        for library, limit, relation, worst in limits:
            ratios = [row["ratio"] for row in rows if library_of(row["name"]) == library]
            marks.append(Mark(f"{self.name}: {library}'s time / ours", worst(ratios, default=None), relation, limit))
        return marks


def library_of(name: str) -> str:
    """Return the library of a call's name, without the variant."""
    return name.split(",")[0]


def difference(expected: list[Array], got: list[Array]) -> float:
    """Largest over all arrays of the mean absolute difference, relative to the expected array's largest absolute value.

    The mean, because single pixels differ at the edge of the image, where the noise ends.
    """
    return max(_relative_difference(ours, np.asarray(theirs)) for ours, theirs in zip(expected, got, strict=True))


def _relative_difference(ours: Array, theirs: Array) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    relative = np.abs(ours.astype(np.float64) - theirs).mean() / np.abs(ours).max()
    return float(relative) if np.isfinite(relative) else float("inf")


def _row(call: Call, seconds: float, our_seconds: float, value: float) -> dict[str, Any]:
    return {
        "name": call.name,
        "seconds": seconds,
        "ratio": seconds / our_seconds,
        "difference": value,
        "tolerance": call.tolerance,
        "agrees": value <= call.tolerance,
    }
