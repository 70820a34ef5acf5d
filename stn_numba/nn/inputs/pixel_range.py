"""The range of pixels that a model was trained on, to notice images on another scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arguments import as_option, as_real

__all__ = ["PixelRange"]

# Ratios of the largest values beyond which scales differ. Smaller images may just be dark, especially if they are few; a factor
# of 255 is beyond all of these limits.
_TOO_LARGE, _TOO_LARGE_INTEGERS = 4.0, 2.0
_TOO_SMALL, _TOO_SMALL_FEW = 1 / 100, 1 / 200
_FEW, _ENOUGH_FOR_SIGN = 4, 8  # images
# Shares of the largest value below 0. Noise added in training makes some values negative, too, but not as large ones.
_NEGATIVE, _NEGATIVE_IN_TRAINING = 0.5, 0.7

_KINDS = {"f": "floats", "i": "whole numbers", "u": "whole numbers"}


@dataclass(frozen=True)
class PixelRange:
    """Smallest and largest pixel of images in training, and their dtype kind.

    Attributes
    ----------
    low, high : float
        Of the images as the network got them, after augmentation.
    kind : str
        NumPy's letter for the dtype of the images that `fit` got, ``"f"``, ``"i"`` or ``"u"``; with augmentation ``"f"``.

    Raises
    ------
    TypeError, ValueError
        If the numbers are not finite or not in order, or the kind is another one.

    Examples
    --------
    >>> trained = PixelRange(0.0, 1.0, "f")
    >>> trained.differs(PixelRange(0.0, 255.0, "u"), images=1), trained.differs(PixelRange(0.0, 0.1, "f"), images=1)
    (True, False)
    """

    low: float
    high: float
    kind: str

    def __post_init__(self) -> None:
        as_real(self.low, "low")
        as_real(self.high, "high", f"[{self.low}, inf)")
        as_option(self.kind, "kind", tuple(_KINDS))

    @classmethod
    def of(cls, images: NDArray[Any], kind: str) -> PixelRange | None:
        """Return the range of images; None if there are no pixels, or one is not finite."""
        low, high = (float(images.min()), float(images.max())) if images.size else (np.nan, np.nan)
        return cls(low, high, kind) if np.isfinite(high - low) else None

    def joined(self, other: PixelRange) -> PixelRange:
        """Return the range of both."""
        return PixelRange(min(self.low, other.low), max(self.high, other.high), other.kind)

    @property
    def reach(self) -> float:
        """Largest distance from 0."""
        return max(-self.low, self.high, 0.0)

    def differs(self, given: PixelRange, images: int) -> bool:
        """Whether the range of a number of images is far from that of training.

        Black images, darker ones, a somewhat larger range and few images with little in them are not.
        """
        if not given.reach or not self.reach:
            return False
        ratio = given.reach / self.reach
        too_large = _TOO_LARGE_INTEGERS if self.kind == "f" and given.kind != "f" else _TOO_LARGE
        too_small = _TOO_SMALL_FEW if images < _FEW else _TOO_SMALL
        return not too_small < ratio <= too_large or self._differs_in_sign(given, images)

    def _differs_in_sign(self, given: PixelRange, images: int) -> bool:
        """Whether only one of the two has values far below 0, as standardized images have."""
        if self.low >= 0:
            return given.low < -_NEGATIVE * self.reach
        return images >= _ENOUGH_FOR_SIGN and self.low < -_NEGATIVE_IN_TRAINING * self.reach and given.low >= 0

    def __str__(self) -> str:
        return f"{_KINDS[self.kind]} from {self.low:.3g} to {self.high:.3g}"
