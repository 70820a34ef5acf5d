"""Progress of training: a bar on a terminal or in a notebook, one line per epoch elsewhere."""

from __future__ import annotations

import logging
import sys
from typing import Any

from stn_numba._util.progress_bars import bar_class
from stn_numba.nn.training.reports.history import Epoch, summary

__all__ = ["Progress", "progress_display"]

logger = logging.getLogger(__name__)


class Progress:
    """A context manager around training that is told how it goes; this one shows nothing."""

    def update(self, epochs: float) -> None:
        """Count more epochs, or parts of one, as done."""

    def end_epoch(self, epoch: Epoch, *, in_percent: bool = True) -> None:
        """Show the results of an epoch."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None: ...


class _Lines(Progress):
    """One line per epoch on the standard error stream, and in the log at level INFO.

    If logging shows it on the console already, it is not written a second time.
    """

    def __init__(self, epochs: int, seconds: float | None) -> None:
        self.epochs, self.seconds = epochs, seconds

    def end_epoch(self, epoch: Epoch, *, in_percent: bool = True) -> None:
        place = f"epoch {epoch.epoch}" + (f" of {self.epochs}" if self.seconds is None else "")
        time = f"{epoch.seconds:.1f} s" + ("" if self.seconds is None else f" of {self.seconds:.0f} s")
        line = f"{place}, {summary(epoch, in_percent=in_percent)}, {time}"
        logger.info(line)
        if sys.stderr is not None and not _logging_shows(logging.INFO):
            print(line, file=sys.stderr, flush=True)


class _Bar(Progress):
    """A bar of tqdm, which moves with each step and shows the last epoch."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def update(self, epochs: float) -> None:
        self.bar.update(epochs)

    def end_epoch(self, epoch: Epoch, *, in_percent: bool = True) -> None:
        self.bar.set_postfix_str(summary(epoch, in_percent=in_percent))

    def __exit__(self, *error: object) -> None:
        self.bar.__exit__(*error)


def progress_display(epochs: int, seconds: float | None, wanted: bool) -> Progress:
    """Return a bar over the epochs, or over no fixed total with a limit of `seconds`; lines where no bar can be drawn."""
    if not wanted:
        return Progress()
    bar = bar_class()
    if bar is None:
        return _Lines(epochs, seconds)
    layout = "{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}{postfix}]"
    if seconds is not None:
        layout = "{n:.1f} epochs [{elapsed}" + f" of {seconds:g} s" + "{postfix}]"
    return _Bar(bar(total=None if seconds is not None else epochs, bar_format=layout))


def _logging_shows(level: int) -> bool:
    """Whether a handler writes records of this level to the console."""
    current: logging.Logger | None = logger if logger.isEnabledFor(level) else None
    while current is not None:
        if any(handler.level <= level and _writes_to_console(handler) for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False


def _writes_to_console(handler: logging.Handler) -> bool:
    if hasattr(handler, "console"):  # a handler of rich
        return True
    stream = getattr(handler, "stream", None)
    if stream is None or isinstance(handler, logging.FileHandler):
        return False
    if stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        return True
    try:
        return stream.fileno() in (1, 2)
    except (AttributeError, OSError, ValueError):  # a stream that is no file
        return False
