"""How far training is: by steps, or by time where there is a budget."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

__all__ = ["Clock"]


class Clock:
    """Counts steps and seconds of training; what happens while it is paused costs nothing of the budget.

    Parameters
    ----------
    steps
        Steps of the whole run.
    budget
        Seconds of the whole run, or None for no limit.
    """

    def __init__(self, steps: int, budget: float | None) -> None:
        self.step, self.steps, self.budget = 0, steps, budget
        self._start, self._paused = time.perf_counter(), 0.0

    def resume(self, step: int, seconds: float) -> None:
        """Go on after so many steps and seconds."""
        self.step, self._start, self._paused = step, time.perf_counter() - seconds, 0.0

    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.perf_counter() - self._start - self._paused

    def progress(self) -> float:
        """Share of the run that is behind, in [0, 1]."""
        by_steps = self.step / self.steps
        return by_steps if self.budget is None else min(1.0, max(by_steps, self.seconds() / self.budget))

    def finished(self) -> bool:
        """Whether the budget is used up."""
        return self.budget is not None and self.seconds() >= self.budget

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave what happens meanwhile out of the count."""
        since = time.perf_counter()
        yield
        self._paused += time.perf_counter() - since
