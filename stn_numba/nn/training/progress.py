"""Show how far training is: a bar on a terminal or in a notebook, a line an epoch elsewhere."""

from __future__ import annotations

import logging
import sys
from typing import Any, Protocol

from stn_numba.nn.training.history import Epoch, summary

__all__ = ["Progress", "shown_progress"]

logger = logging.getLogger(__name__)


class Progress(Protocol):
    """What training tells: a context manager around all of it."""

    def update(self, n: float) -> Any:
        """So many epochs more are done."""

    def end_epoch(self, epoch: Epoch) -> Any:
        """An epoch is over, or what there was time for."""

    def __enter__(self) -> Progress: ...

    def __exit__(self, *_: object) -> Any: ...


class _Silence:
    def update(self, n: float) -> None: ...

    def end_epoch(self, epoch: Epoch) -> None: ...

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None: ...


class _Lines(_Silence):
    """Writes a line an epoch to the standard error stream, and logs it at level INFO.

    Where logging shows it on the console already, nothing else is written there.
    """

    def __init__(self, epochs: int, seconds: float | None) -> None:
        self.epochs, self.seconds = epochs, seconds

    def end_epoch(self, epoch: Epoch) -> None:
        place = f"epoch {epoch.epoch}" + (f" of {self.epochs}" if self.seconds is None else "")
        time = f"{epoch.seconds:.1f} s" + ("" if self.seconds is None else f" of {self.seconds:.0f} s")
        line = f"{place}, {summary(epoch)}, {time}"
        logger.info(line)
        if sys.stderr is not None and not _logging_shows(logging.INFO):
            print(line, file=sys.stderr, flush=True)


class _Bar:
    """tqdm's bar, which moves with each step and shows the last epoch."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def update(self, n: float) -> None:
        self.bar.update(n)

    def end_epoch(self, epoch: Epoch) -> None:
        self.bar.set_postfix_str(summary(epoch))

    def __enter__(self) -> Progress:
        self.bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.__exit__(*error)


def shown_progress(epochs: int, seconds: float | None, wanted: bool) -> Progress:
    """Return a bar over the epochs, without an end where time decides; lines where no bar can be drawn; or silence."""
    if not wanted:
        return _Silence()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Lines(epochs, seconds)
    if not (_in_notebook() or getattr(sys.stderr, "isatty", lambda: False)()):
        return _Lines(epochs, seconds)
    layout = "{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}{postfix}]"
    if seconds is not None:
        layout = "{n:.1f} epochs [{elapsed}" + f" of {seconds:g} s" + "{postfix}]"
    return _Bar(tqdm(total=None if seconds is not None else epochs, bar_format=layout))


def _in_notebook() -> bool:
    """Whether a notebook runs this, which draws bars though its streams are no terminals; tqdm asks the same."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


def _logging_shows(level: int) -> bool:
    """Whether a record of this level is written to the console by a handler that somebody has set up."""
    if not logger.isEnabledFor(level):
        return False
    source: logging.Logger | None = logger
    while source is not None:
        if any(handler.level <= level and _writes_to_console(handler) for handler in source.handlers):
            return True
        source = source.parent if source.propagate else None
    return False


def _writes_to_console(handler: logging.Handler) -> bool:
    if hasattr(handler, "console"):  # that of rich
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
