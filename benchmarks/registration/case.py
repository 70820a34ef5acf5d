"""What is measured of registration: times and errors on pairs whose true transform is known, ours and those of rivals."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks import timing
from benchmarks.case import Call, Result
from benchmarks.marks import Mark
from benchmarks.registration.problem import Image, Mapping, Pair, Points, homogeneous_mapping

RIGHT = 1.0  # pixels; a result with a larger error is wrong
ONCE = 0.3  # seconds; rivals that take longer for all pairs are timed once, unless a mark compares with them
CALLS = 3  # of the fastest call in a turn

Row = dict[str, Any]
Limit = Callable[[Row, dict[str, Row]], Mark]  # of our row, and of the others by name


@dataclass(frozen=True, eq=False)
class RegistrationTask:
    """Pairs to register.

    Attributes
    ----------
    transform
        The model: a name of stn-numba, or a transform, for which no rival competes.
    pairs
        What to register. The calls of a task return one `Answer` a pair; slow libraries may solve the first few pairs only.
    stack
        Whether the pairs are the frames of a stack and its first frame.
    slow
        Whether libraries that take seconds compete too.
    """

    transform: Any
    pairs: Sequence[Pair]
    stack: bool = False
    slow: bool = False


class Answer(NamedTuple):
    """What a library found for a pair: the mapping of pixels, and whether the library says that it succeeded."""

    mapping: Mapping
    success: bool = True


def failure() -> Answer:
    """Return the answer of a library that found nothing."""
    return Answer(lambda points: np.full_like(points, np.nan), success=False)


def matrix_call(
    name: str,
    task: RegistrationTask,
    solve: Callable[[Any, Any], Any],
    prepare: Callable[[Image], Any] = lambda image: image,
    most: int | None = None,
) -> Call:
    """Return the call of a library that finds matrices: ``solve(fixed, moving)`` returns one, or None if it found nothing.

    `prepare` converts the images to what the library takes, outside the time. A slow library solves `most` pairs.
    """

    def read(found: list[Any]) -> list[Answer]:
        return [failure() if matrix is None else Answer(homogeneous_mapping(matrix)) for matrix in found]

    return mapping_call(name, task, solve, read, prepare, most)


def flow_call(name: str, task: RegistrationTask, solve: Callable[[Any, Any], Any], most: int | None = None) -> Call:
    """Return the call of a library that finds a displacement (H, W, 2) for each pixel; it gets standardized images."""

    def read(found: list[Any]) -> list[Answer]:
        return [Answer(flow_mapping(flow)) for flow in found]

    return mapping_call(name, task, solve, read, standardized, most)


def mapping_call(
    name: str,
    task: RegistrationTask,
    solve: Callable[[Any, Any], Any],
    read: Callable[[list[Any]], list[Answer]],
    prepare: Callable[[Image], Any] = lambda image: image,
    most: int | None = None,
) -> Call:
    """Return the call of a library; `read` converts what ``solve(fixed, moving)`` returned for each pair."""
    images = [(prepare(pair.fixed), prepare(pair.moving)) for pair in task.pairs[:most]]
    return Call(name, lambda: [solve(*pair) for pair in images], read, steps=len(images))


def flow_mapping(flow: NDArray[np.floating[Any]]) -> Mapping:
    """Return the mapping of pixels by displacements (H, W, 2) of all pixels, interpolated by cubic splines."""

    def mapping(points: Points) -> Points:
        moves = [ndimage.map_coordinates(flow[..., k], points.T[::-1], mode="nearest") for k in (0, 1)]
        return points + np.stack(moves, axis=1)

    return mapping


def standardized(image: Image) -> Image:
    """Return the image with a mean of 0 and a standard deviation of 1, for methods that know no gain and bias."""
    return (image - image.mean()) / image.std()


@dataclass(frozen=True)
class RegistrationCase:
    """Our call and those of other libraries on the same pairs.

    Attributes
    ----------
    name
        Unique name.
    make
        Make the task. It is called when the case is measured.
    ours
        Return our call that solves a task.
    rivals
        Return the calls of other libraries that solve the same task.
    limits
        The marks, made of what was measured.
    against
        Names of the rivals that the marks compare with; they are timed in turn, however slow they are.
    beside
        Make a task of another model, to compare our time with: its row is "stn-numba, MODEL".
    """

    name: str
    make: Callable[[], RegistrationTask]
    ours: Callable[[RegistrationTask], Call]
    rivals: Callable[[RegistrationTask], list[Call]]
    limits: Sequence[Limit] = ()
    against: Sequence[str] = ()
    beside: Callable[[], RegistrationTask] | None = None

    def measure(self, seconds: float) -> Result:
        """Compare the answers with the truth, then time the calls in turn, for `seconds` or as long as it takes."""
        rows = self._rows(seconds)
        for row in rows:
            row["ratio"] = row["seconds"] / rows[0]["seconds"]
        marks = [limit(rows[0], {row["name"]: row for row in rows}) for limit in self.limits]
        marks = [dataclasses.replace(mark, name=f"{self.name}: {mark.name}") for mark in marks]
        return Result(self.name, {"seconds": rows[0]["seconds"], "error": rows[0]["error"], "rows": rows}, marks)

    def _rows(self, seconds: float) -> list[Row]:
        """Return what each call found and its time; the first row is ours."""
        task = self.make()
        ours = self.ours(task)
        solved = [(ours, *_solve(ours, task.pairs))]
        in_turn = [ours.name, *self.against]
        if self.beside:
            other = self.beside()
            call = dataclasses.replace(self.ours(other), name=f"{ours.name}, {other.transform}")
            solved.append((call, *_solve(call, other.pairs)))
            in_turn.append(call.name)
        solved += [(call, *_solve(call, task.pairs)) for call in self.rivals(task)]
        timed = [(call, row, taken) for call, row, taken in solved if call.name in in_turn or taken < ONCE]
        fastest = min(taken for _, _, taken in timed)
        times = timing.alternate([call.run for call, *_ in timed], max(seconds, CALLS * fastest * timing.ROUNDS * len(timed)))
        for (call, row, _), measured in zip(timed, times, strict=True):
            row.update(seconds=measured / call.steps, in_turn=True)
        return [row for _, row, _ in solved]


def _solve(call: Call, pairs: Sequence[Pair]) -> tuple[Row, float]:
    """Return what a call found, and the seconds that it took."""
    start = time.perf_counter()
    found = call.run()
    taken = time.perf_counter() - start
    answers = call.read(found)
    errors = [pair.truth.error(answer.mapping) for pair, answer in zip(pairs, answers, strict=False)]
    right = np.array(errors) < RIGHT
    success = np.array([answer.success for answer in answers])
    row = {
        "name": call.name,
        "seconds": taken / call.steps,
        "in_turn": False,
        **{name: _finite(each(errors)) for name, each in ERRORS.items()},
        "pairs": len(errors),
        "right": int(right.sum()),
        "silent": int((~right & success).sum()),
        "refused": int((right & ~success).sum()),
    }
    return row, taken


ERRORS: dict[str, Callable[[Any], Any]] = {"error": np.mean, "median_error": np.median, "worst_error": np.max}


def _finite(figure: Any) -> float | None:
    """Return a number that JSON can hold, or None."""
    return float(figure) if np.isfinite(figure) else None


def faster_than(rival: str, ratio: float = 1.0) -> Limit:
    """Its time is at least `ratio` times ours."""
    return lambda ours, rows: Mark(f"time of {rival} / ours", _figure(rows, rival, "ratio"), ">=", ratio)


def more_accurate_than(rival: str, share: float = 1.0) -> Limit:
    """Our mean error is at most `share` of its."""

    def limit(ours: Row, rows: dict[str, Row]) -> Mark:
        theirs = _figure(rows, rival, "error")
        measured = None not in (theirs, ours["error"])
        return Mark(f"our error / that of {rival}", ours["error"] / theirs if measured else None, "<=", share)

    return limit


def at_most_times(other: str, ratio: float) -> Limit:
    """Our time is at most `ratio` times that of another call of ours."""

    def limit(ours: Row, rows: dict[str, Row]) -> Mark:
        seconds = _figure(rows, other, "seconds")
        return Mark(f"time / that of {other}", seconds and ours["seconds"] / seconds, "<=", ratio)

    return limit


def error_at_most(pixels: float) -> Limit:
    return lambda ours, rows: Mark("mean error in pixels", ours["error"], "<=", pixels)


def every_error_below(pixels: float) -> Limit:
    return lambda ours, rows: Mark("worst error in pixels", ours["worst_error"], "<", pixels)


def seconds_at_most(seconds: float) -> Limit:
    return lambda ours, rows: Mark("seconds", ours["seconds"], "<=", seconds)


def right_at_least(number: int) -> Limit:
    return lambda ours, rows: Mark(f"results within {RIGHT:g} pixel", ours["right"], ">=", number)


def honest() -> Limit:
    """`success` tells right results from wrong ones."""
    return lambda ours, rows: Mark("results with a wrong `success`", ours["silent"] + ours["refused"], "<=", 0)


def _figure(rows: dict[str, Row], name: str, figure: str) -> float | None:
    return rows[name][figure] if name in rows else None
