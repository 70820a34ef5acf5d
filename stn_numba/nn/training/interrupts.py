"""Delay Ctrl-C to the end of a training step."""

from __future__ import annotations

import signal
import threading
from types import FrameType

__all__ = ["Interrupts"]


class Interrupts:
    """A context in which a first SIGINT only sets `came`; a second one interrupts at once.

    Training cannot resume from a half-applied update, so SIGINT waits for the step. Outside the main thread, and if another
    handler of SIGINT is installed, nothing changes.

    Examples
    --------
    >>> before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has background processes ignore it
    >>> with Interrupts() as interrupts:
    ...     signal.raise_signal(signal.SIGINT)
    ...     interrupts.came
    True
    >>> _ = signal.signal(signal.SIGINT, before)
    """

    def __init__(self) -> None:
        self.came = self._installed = False

    def __enter__(self) -> Interrupts:
        main = threading.current_thread() is threading.main_thread()
        self._installed = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._installed:
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
