"""Digits turned, scaled and put somewhere on a canvas: R, RTS and T."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.data.distortions.base import DIGIT, Distortion, in_pixels, normalized

__all__ = ["Rotation", "RotationTranslationScale", "Translation", "placement"]


class Rotation(Distortion):
    """R: turned by up to 90 degrees to either side."""

    name = "R"
    canvas = (28, 28)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw angles uniform in [-90, 90) degrees."""
        degrees = rng.uniform(-90, 90, n)
        return placement(degrees, np.ones(n), np.zeros((n, 2)), self.canvas)


class RotationTranslationScale(Distortion):
    """RTS: turned by up to 45 degrees, scaled by 0.7 to 1.2, and put at a random place of a 42 x 42 canvas.

    The digit's frame of 28 x 28, scaled but not turned, always lies within the canvas.
    """

    name = "RTS"
    canvas = (42, 42)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw uniform angles, scales and places."""
        degrees, scale = rng.uniform(-45, 45, n), rng.uniform(0.7, 1.2, n)
        room = (np.array(self.canvas[::-1]) - scale[:, None] * DIGIT[::-1]) / 2
        return placement(degrees, scale, room * rng.uniform(-1, 1, (n, 2)), self.canvas)


class Translation(Distortion):
    """T: put at a random place of a 60 x 60 canvas, moved by whole pixels, so that the digit stays sharp."""

    name = "T"
    canvas = (60, 60)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw places, all equally likely, at which the frame of 28 x 28 lies within the canvas."""
        room = np.subtract(self.canvas, DIGIT)[::-1]
        shift = rng.integers(0, room, (n, 2), endpoint=True) - room / 2
        return placement(np.zeros(n), np.ones(n), shift, self.canvas)


def placement(
    degrees: NDArray[np.float64], scale: NDArray[np.float64], shift: NDArray[np.float64], canvas: tuple[int, int]
) -> NDArray[np.float64]:
    """Affine parameters that turn, scale and then shift digits, starting from the middle of the canvas.

    Parameters
    ----------
    degrees
        (N,) angles; positive is counter-clockwise for who looks at the picture.
    scale
        (N,) factors; above 1 the digit grows.
    shift
        (N, 2) in pixels of the canvas, x to the right and y downwards.
    canvas
        (h, w).

    Returns
    -------
    (N, 6) affine parameters, which map positions on the canvas to positions in the digit.

    Examples
    --------
    >>> placement(np.zeros(1), np.ones(1), np.zeros((1, 2)), (28, 28)).tolist()
    [[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]]
    """
    # A digit's pixel p goes to q = scale * R p + shift. The sampler wants the inverse, p = R^T (q - shift) / scale,
    # with p and q in pixels from the centers. The y axis points down: R = [[cos, sin], [-sin, cos]].
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    back = np.stack([cos, -sin, sin, cos], axis=-1).reshape(-1, 2, 2) / scale[:, None, None]
    offset = -(back @ shift[..., None])
    columns = np.concatenate([back * in_pixels(np.ones(2), canvas), offset], axis=2)
    return normalized(columns.swapaxes(1, 2)).swapaxes(1, 2).reshape(-1, 6) + 0.0  # -0 becomes 0
