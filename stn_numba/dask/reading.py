"""Which pixels of one axis a chunk reads, and positions relative to the crop that holds them.

A crop is read with the padding of the whole image. So it reaches the image's true edges where positions do, and elsewhere a few
pixels farther than any position: a kernel never sees that it is a crop, and computes the same bits. Differences between a
position and the whole number at which the crop begins are exact: the crop begins before the position.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.constants import BORDER, NEAREST, REFLECT, REFLECT_TAPS, WRAP, ZEROS

__all__ = ["Axis", "Runs", "crop_size"]

Runs = tuple[tuple[int, int], ...]  # [start, stop) of the pixels in the crop; two where an image wraps around, none for nothing
Row = NDArray[np.float64]

_FARTHEST = 2.0**31  # pixels; farther out a repeating image ends


class Axis(NamedTuple):
    """An axis of the whole image, and how it is padded and read."""

    size: int
    family: int  # of the interpolation kernel, see `kernels.constants`
    taps: int
    mode: int  # of the padding
    first: float  # where a repeating image begins, and its length
    length: float

    @property
    def reach(self) -> int:
        """Pixels on either side of the positions that belong to a crop: more than any tap reaches."""
        return self.taps + 1

    def runs(self, low: float, high: float) -> Runs:
        """The pixels that positions from `low` to `high` read, and some more."""
        if self.mode in (ZEROS, BORDER):
            if self.mode == ZEROS and (high < -self.reach or low > self.size - 1 + self.reach):
                return ()
            return self._clipped(low, high)
        if self.mode == REFLECT_TAPS or not (-_FARTHEST < low <= high < _FARTHEST):
            return ((0, self.size),)
        return self._wrapped(low, high) if self.mode == WRAP else self._clipped(*self._mirrored(low, high))

    def _clipped(self, low: float, high: float) -> Runs:
        last = self.size - 1
        start, stop = math.floor(min(max(low, 0), last)), math.ceil(min(max(high, 0), last)) + 1
        return ((max(start - self.reach, 0), min(stop + self.reach, self.size)),)

    def _mirrored(self, low: float, high: float) -> tuple[float, float]:
        """The range of positions, folded back into the image."""
        if high - low >= 2 * self.length or self.length == 0:
            return self.first, self.first + self.length
        ends = np.sort(self._fold(np.array([low, high])))
        mirrors = {(k % 2) for k in range(self._copy(low) + 1, self._copy(high) + 1)}
        return float(self.first if 0 in mirrors else ends[0]), float(self.first + self.length if 1 in mirrors else ends[1])

    def _copy(self, position: float) -> int:
        return math.floor((position - self.first) / self.length)

    def _wrapped(self, low: float, high: float) -> Runs:
        start, count = math.floor(low) - self.reach, math.ceil(high) - math.floor(low) + 2 * self.reach + 1
        if count >= self.size:
            return ((0, self.size),)
        start %= self.size
        over = start + count - self.size
        return ((start, start + count),) if over <= 0 else ((0, over), (start, self.size))

    def is_whole(self, runs: Runs) -> bool:
        """Whether a crop is as long as the image."""
        return crop_size(runs) == self.size

    def in_crop(self, positions: Row, runs: Runs) -> Row:
        """Positions relative to a crop."""
        if self.is_whole(runs):
            return positions
        if self.family == NEAREST:  # ties go to even pixels, of the whole image
            positions = self._repeated(np.rint(positions)) if self.mode >= REFLECT else np.rint(positions)
        elif self.mode >= REFLECT:
            positions = self._fold(positions)
        if len(runs) == 1:
            return positions - runs[0][0]
        (_, left), (right, _) = runs
        return np.where(positions < (left + right) / 2, positions, positions - (right - left))

    def _fold(self, positions: Row) -> Row:
        """As `fold_row` of `kernels.sampling.padding`, bit for bit."""
        period = self.length * (2.0 if self.mode == REFLECT else 1.0)
        with np.errstate(all="ignore"):
            beyond = positions - self.first
            beyond = beyond - np.floor(beyond / period) * period if period > 0 else beyond * 0.0
            if self.mode == REFLECT:
                beyond = np.where(beyond > self.length, period - beyond, beyond)
            folded = np.where(np.abs(positions) < _FARTHEST, self.first + beyond, np.nan)
            inside = (positions >= self.first) & (positions <= self.first + self.length)
        return np.where(inside, positions, folded)

    def _repeated(self, pixels: Row) -> Row:
        """Whole numbers folded back into the image, as `pad_index` of `kernels.sampling.padding` does."""
        with np.errstate(all="ignore"):
            known = np.where(np.abs(pixels) < _FARTHEST, pixels, np.nan)
            if self.mode == WRAP:
                return known % self.size
            last = 2 * (self.size - 1) if self.first == 0.0 else 2 * self.size - 1
            index = known % (max(last, 1) if self.first == 0.0 else 2 * self.size)
            return np.where(index >= self.size, last - index, index)

    def leaves_crop(self, relative: Row, runs: Runs, counts: NDArray[Any] | None = None) -> bool:
        """Whether a position that counts reads beyond an end of a crop which is no edge of the image."""
        if self.is_whole(runs) or not relative.size:
            return False
        near, size = self.taps // 2, crop_size(runs)
        chosen = relative if counts is None else relative[counts]
        if len(runs) == 2:
            seam = runs[0][1] - 0.5
            return bool((np.abs(chosen - seam) < near + 0.5).any())
        low, high = np.fmin.reduce(chosen, axis=None, initial=np.inf), np.fmax.reduce(chosen, axis=None, initial=-np.inf)
        return bool((runs[0][0] > 0 and low < near) or (runs[0][1] < self.size and high > size - 1 - near))

    def counts(self, positions: Row) -> NDArray[np.bool_]:
        """Which positions may read the image, on an axis that is followed by zeros."""
        return (positions >= -self.taps) & (positions <= self.size - 1 + self.taps)


def crop_size(runs: Runs) -> int:
    """Pixels of a crop."""
    return sum(stop - start for start, stop in runs)
