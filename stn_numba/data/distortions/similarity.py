"""R, RTS and T: digits rotated, scaled and translated on a canvas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.data.distortions.base import DIGIT_SHAPE, Distortion, from_centered_pixels, to_centered_pixels

__all__ = ["Rotation", "RotationTranslationScale", "Translation", "similarity"]


class Rotation(Distortion):
    """R: rotated by -90 to 90 degrees."""

    name = "R"
    canvas = (28, 28)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw angles uniform in [-90, 90) degrees."""
        degrees = rng.uniform(-90, 90, n)
        return similarity(degrees, np.ones(n), np.zeros((n, 2)), self.canvas)


class RotationTranslationScale(Distortion):
    """RTS: rotated by -45 to 45 degrees, scaled by 0.7 to 1.2, and placed at random on a 42 x 42 canvas.

    The digit's frame of 28 x 28, scaled but not rotated, always lies within the canvas.
    """

    name = "RTS"
    canvas = (42, 42)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw uniform angles, scales and positions."""
        degrees, scale = rng.uniform(-45, 45, n), rng.uniform(0.7, 1.2, n)
        slack = (np.array(self.canvas[::-1]) - scale[:, None] * DIGIT_SHAPE[::-1]) / 2
        return similarity(degrees, scale, slack * rng.uniform(-1, 1, (n, 2)), self.canvas)


class Translation(Distortion):
    """T: placed at random on a 60 x 60 canvas, shifted by whole pixels so that the digit stays sharp."""

    name = "T"
    canvas = (60, 60)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw uniform positions at which the frame of 28 x 28 lies within the canvas."""
        slack = np.subtract(self.canvas, DIGIT_SHAPE)[::-1]
        shift = rng.integers(0, slack, (n, 2), endpoint=True) - slack / 2
        return similarity(np.zeros(n), np.ones(n), shift, self.canvas)


def similarity(
    degrees: NDArray[np.float64], scale: NDArray[np.float64], shift: NDArray[np.float64], canvas: tuple[int, int]
) -> NDArray[np.float64]:
    """Return affine parameters that rotate, scale and then shift digits from the center of the canvas.

    Parameters
    ----------
    degrees : (N,) array
        Angles, counterclockwise as seen in the image.
    scale : (N,) array
        Factors; above 1 the digit grows.
    shift : (N, 2) array
        (x, y) in pixels of the canvas, x to the right and y down.
    canvas : (int, int)
        (h, w) of the canvas.

    Returns
    -------
    (N, 6) array
        Affine parameters that map positions on the canvas to positions in the digit.

    Examples
    --------
    >>> similarity(np.zeros(1), np.ones(1), np.zeros((1, 2)), (28, 28)).tolist()
    [[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]]
    """
    # A digit's pixel p goes to q = scale * R p + shift. The sampler needs the inverse, p = R^T (q - shift) / scale,
    # with p and q in pixels from the centers. The y axis points down: R = [[cos, sin], [-sin, cos]].
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    inverse = np.stack([cos, -sin, sin, cos], axis=-1).reshape(-1, 2, 2) / scale[:, None, None]
    offset = -(inverse @ shift[..., None])
    columns = np.concatenate([inverse * to_centered_pixels(np.ones(2), canvas), offset], axis=2)
    return from_centered_pixels(columns.swapaxes(1, 2)).swapaxes(1, 2).reshape(-1, 6) + 0.0  # -0 becomes 0
