"""What the distortions have in common: draw parameters, then warp with the library's own transforms and sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arrays import as_array
from stn_numba.grid import Floats
from stn_numba.sampler import sample
from stn_numba.transform.base import Transform
from stn_numba.transform.registry import get_transform

__all__ = ["DIGIT", "Distortion", "in_pixels", "normalized"]

DIGIT = (28, 28)
"""(H, W) of the digits that are distorted."""

_FIXED_SEED, _FIXED_PART = 2015, 500


class Distortion(ABC):
    """A random distortion of digits, drawn afresh at every call.

    The same state of the generator gives the same bits, whatever the number of threads.

    Attributes
    ----------
    name
        As in the paper.
    canvas
        (h, w) of what comes out.
    transform_name
        The transform that maps positions on the canvas to positions in the digit.
    """

    name: ClassVar[str]
    canvas: ClassVar[tuple[int, int]]
    transform_name: ClassVar[str] = "affine"

    def __call__(self, images: Floats, rng: np.random.Generator) -> Floats:
        """Distort each image in its own way.

        Parameters
        ----------
        images
            (N, 28, 28, 1) float32 or float64 in [0, 1].
        rng
            Where the randomness comes from; its state moves on.

        Returns
        -------
        ndarray
            (N, h, w, 1) in [0, 1], of the images' dtype.

        Raises
        ------
        ValueError
            If the images have another shape, or are not in [0, 1].
        TypeError
            If they are not float32 or float64, or `rng` is no generator.
        """
        images = _checked(images, rng)
        return self.warp(images, self.draw(len(images), rng))

    def fixed(self, images: Floats) -> Floats:
        """Distort images once and for all, as a test set: equal images give equal bits at every call.

        Parameters, result and errors are those of a call; the seed is the same for everybody. What becomes of an image
        depends on those before it.
        """
        rng = np.random.default_rng(_FIXED_SEED)
        images = _checked(images, rng)
        parts = np.array_split(images, max(1, len(images) // _FIXED_PART))  # not all grids at once
        return np.concatenate([self(part, rng) for part in parts])

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw parameters (n, P) for n images."""

    def warp(self, images: Floats, theta: NDArray[np.float64]) -> Floats:
        """Distort images by given parameters; there is no chance in this part."""
        grid, _ = self._transform.forward(theta, self.canvas)
        out = sample(images, grid)
        # Bilinear weights add up to 1 but for rounding, so a bright pixel may come out a bit too bright.
        return np.minimum(out, 1, out=out)

    @cached_property
    def _transform(self) -> Transform:
        return get_transform(self.transform_name, **self._options())

    def _options(self) -> dict[str, Any]:
        """Options of the transform."""
        return {}

    def __repr__(self) -> str:
        return f"<Distortion {self.name}: {DIGIT[0]} x {DIGIT[1]} -> {self.canvas[0]} x {self.canvas[1]}>"


def in_pixels(points: NDArray[np.float64], shape: tuple[int, int] = DIGIT) -> NDArray[np.float64]:
    """Normalized positions (..., 2) in pixels from the center of an image of the given (H, W)."""
    return points * _half(shape)


def normalized(pixels: NDArray[np.float64], shape: tuple[int, int] = DIGIT) -> NDArray[np.float64]:
    """Positions (..., 2) in pixels from the center of an image of the given (H, W), normalized."""
    return pixels / _half(shape)


def _half(shape: tuple[int, int]) -> NDArray[np.float64]:
    """From the center of an image to the center of its last pixel, (x, y)."""
    return (np.array(shape[::-1], np.float64) - 1) / 2


def _checked(images: Any, rng: Any) -> Floats:
    """Plain images, if they can be distorted."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
    if not isinstance(images, np.ndarray) or images.dtype not in (np.float32, np.float64):
        raise TypeError(f"images: expected float32 or float64, got {getattr(images, 'dtype', type(images).__name__)}")
    plain: Floats = as_array(images, "images")  # refuses masked values
    if plain.ndim != 4 or plain.shape[1:] != (*DIGIT, 1):
        raise ValueError(f"images: expected (N, {DIGIT[0]}, {DIGIT[1]}, 1), got {plain.shape}")
    low, high = plain.min(initial=0), plain.max(initial=0)
    if not (low >= 0 and high <= 1):  # NaN is neither
        raise ValueError(f"images: expected numbers in [0, 1], got {low:g} to {high:g}")
    return plain
