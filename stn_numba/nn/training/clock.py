"""Progress of training: by steps, or by time if that is limited."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

__all__ = ["Clock"]


class Clock:
    """Counts the steps and seconds of training, out of all `steps` and a `limit` of seconds; pauses do not count."""

    def __init__(self, steps: int, limit: float | None) -> None:
        self.step, self.steps, self.limit = 0, steps, limit
        self._start, self._paused = time.perf_counter(), 0.0

    def resume(self, step: int, seconds: float) -> None:
        """Continue after a number of steps and seconds."""
        self.step, self._start, self._paused = step, time.perf_counter() - seconds, 0.0

    def seconds(self) -> float:
        """Return the seconds of training so far."""
        return time.perf_counter() - self._start - self._paused

    def progress(self) -> float:
        """Return the share of the training that is done, in [0, 1]."""
        by_steps = self.step / self.steps
        return by_steps if self.limit is None else min(1.0, max(by_steps, self.seconds() / self.limit))

    def finished(self) -> bool:
        """Whether the time is up."""
        return self.limit is not None and self.seconds() >= self.limit

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count the time of a block."""
        since = time.perf_counter()
        yield
        self._paused += time.perf_counter() - since
