"""Report how far a long registration is: by a bar, or to a function."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from stn_numba._util.progress_bars import bar_class

__all__ = ["Done", "report_progress"]

Done = Callable[[int], Any]


@contextlib.contextmanager
def report_progress(progress: Any, count: int) -> Iterator[Done]:
    """Return a context whose value is a function to call with how many more of `count` registrations are done.

    Raises
    ------
    TypeError
        If `progress` is not True (show a bar), False, or a function of (done, count).

    Examples
    --------
    >>> with report_progress(print, 20) as done:
    ...     done(16)
    ...     done(4)
    16 20
    20 20
    """
    if callable(progress):
        yield _Counter(progress, count)
        return
    if not isinstance(progress, bool):
        raise TypeError(f"progress: expected True, False or a function of (done, count), got {progress!r:.60}")
    bar = bar_class() if progress else None
    if bar is None:
        yield lambda more: None
        return
    with bar(total=count, unit="frame") as shown:
        yield shown.update


class _Counter:
    """Calls a function with the number of registrations done so far."""

    def __init__(self, function: Callable[[int, int], Any], count: int) -> None:
        self.function, self.count, self.done = function, count, 0

    def __call__(self, more: int) -> None:
        self.done += more
        self.function(self.done, self.count)
