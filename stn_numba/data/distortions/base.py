"""Base class of the distortions: draw random parameters, then warp with the library's transforms and sampler."""

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

__all__ = ["DIGIT_SHAPE", "Distortion", "from_centered_pixels", "to_centered_pixels"]

DIGIT_SHAPE = (28, 28)
"""(H, W) of the digits."""

_FIXED_SEED, _FIXED_BATCH = 2015, 500


class Distortion(ABC):
    """A random distortion of digits, with new random parameters at every call.

    The same state of the generator gives bit-identical results for any number of threads.

    Attributes
    ----------
    name : str
        The name in the paper.
    canvas : (int, int)
        (h, w) of the distorted images.
    transform_name : str
        The transform that maps positions on the canvas to positions in the digit.
    """

    name: ClassVar[str]
    canvas: ClassVar[tuple[int, int]]
    transform_name: ClassVar[str] = "affine"

    def __call__(self, images: Floats, rng: np.random.Generator) -> Floats:
        """Distort each image with its own random parameters.

        Parameters
        ----------
        images : (N, 28, 28, 1) array of float32 or float64
            Digits, with values in [0, 1].
        rng : numpy.random.Generator
            The source of randomness.

        Returns
        -------
        (N, h, w, 1) array
            Values in [0, 1], of the images' dtype.

        Raises
        ------
        ValueError
            If the images have another shape, or values outside [0, 1].
        TypeError
            If they are not float32 or float64, or `rng` is not a Generator.
        """
        images = _checked(images, rng)
        return self.warp(images, self.draw(len(images), rng))

    def fixed(self, images: Floats) -> Floats:
        """Distort images with a fixed seed, for a test set: every call returns the same bits.

        Images, result and errors are as for a call. The distortion of an image depends on its position among the images.
        """
        rng = np.random.default_rng(_FIXED_SEED)
        images = _checked(images, rng)
        batches = np.array_split(images, max(1, len(images) // _FIXED_BATCH))  # saves memory for grids
        return np.concatenate([self(batch, rng) for batch in batches])

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw random parameters (n, P) for n images."""

    def warp(self, images: Floats, theta: NDArray[np.float64]) -> Floats:
        """Distort images by given parameters (N, P)."""
        grid, _ = self._transform.forward(theta, self.canvas)
        out = sample(images, grid)
        # Bilinear weights add up to 1 up to rounding, so a bright pixel may exceed 1 slightly.
        return np.minimum(out, 1, out=out)

    @cached_property
    def _transform(self) -> Transform:
        return get_transform(self.transform_name, **self._options())

    def _options(self) -> dict[str, Any]:
        """Return the options of the transform."""
        return {}

    def __repr__(self) -> str:
        return f"<Distortion {self.name}: {DIGIT_SHAPE[0]} x {DIGIT_SHAPE[1]} -> {self.canvas[0]} x {self.canvas[1]}>"


def to_centered_pixels(points: NDArray[np.float64], shape: tuple[int, int] = DIGIT_SHAPE) -> NDArray[np.float64]:
    """Convert normalized positions (..., 2) to pixels from the center of an image of the given (H, W)."""
    return points * _half(shape)


def from_centered_pixels(pixels: NDArray[np.float64], shape: tuple[int, int] = DIGIT_SHAPE) -> NDArray[np.float64]:
    """Convert positions (..., 2) in pixels from the center of an image of the given (H, W) to normalized ones."""
    return pixels / _half(shape)


def _half(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the distance (x, y) in pixels from the center of an image to the center of its last pixel."""
    return (np.array(shape[::-1], np.float64) - 1) / 2


def _checked(images: Any, rng: Any) -> Floats:
    """Validate the arguments of a call; return the images as a plain array."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
    if not isinstance(images, np.ndarray) or images.dtype not in (np.float32, np.float64):
        raise TypeError(f"images: expected float32 or float64, got {getattr(images, 'dtype', type(images).__name__)}")
    plain: Floats = as_array(images, "images")  # rejects masked values
    if plain.ndim != 4 or plain.shape[1:] != (*DIGIT_SHAPE, 1):
        raise ValueError(f"images: expected (N, {DIGIT_SHAPE[0]}, {DIGIT_SHAPE[1]}, 1), got {plain.shape}")
    low, high = plain.min(initial=0), plain.max(initial=0)
    if not (low >= 0 and high <= 1):  # also catches NaN
        raise ValueError(f"images: expected numbers in [0, 1], got {low:g} to {high:g}")
    return plain
