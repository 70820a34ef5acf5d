"""Name workers that are much slower than the others: every step waits for the slowest."""

from __future__ import annotations

import statistics
import warnings
from collections import deque
from collections.abc import Mapping

__all__ = ["Pace"]

_STEPS = 5  # that a worker must be slow in a row
_NOTICEABLE = 0.02  # seconds of a step that are worth a warning


class Pace:
    """The times of workers in the last steps; a worker is named once, when it was slower than `factor` times the others."""

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self._times: dict[str, deque[tuple[float, int]]] = {}
        self._named: set[str] = set()

    def note(self, seconds: Mapping[str, float], images: Mapping[str, int]) -> None:
        """Note the seconds of a step, and the images in them, by the address of the worker; warn if one is too slow."""
        for address, value in seconds.items():
            self._times.setdefault(address, deque(maxlen=_STEPS)).append((value, images[address]))
        for address in seconds:
            others = [statistics.median(self._each(other)) for other in seconds if other != address]
            own = self._each(address)
            if not others or len(own) < _STEPS:
                continue
            usual, count = statistics.median(others), images[address]
            if min(own) > self.factor * usual and (min(own) - usual) * count > _NOTICEABLE:
                self._warn(
                    address, f"took {statistics.median(own) * count:.3g} s for its {count} images of a step, where the others "
                    f"take {usual * count:.3g} s for as many: every step waits for it"
                )  # fmt: skip

    def stalled(self, address: str, waited: float, others: list[float]) -> None:
        """Warn of a worker that has not answered yet, though the others have, after `others` seconds."""
        self._warn(
            address, f"has not answered for {waited:.1f} s, where the others took at most {max(others):.3g} s: waiting for it"
        )

    def forget(self, address: str) -> None:
        """Forget a worker that is gone."""
        self._times.pop(address, None)

    def _each(self, address: str) -> list[float]:
        return [seconds / max(images, 1) for seconds, images in self._times[address]]

    def _warn(self, address: str, what: str) -> None:
        if address not in self._named:
            self._named.add(address)
            warnings.warn(f"cluster: worker {address} {what}", RuntimeWarning, stacklevel=2)
