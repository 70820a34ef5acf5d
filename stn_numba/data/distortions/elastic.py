"""E: elastic distortion."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stn_numba.data.distortions.base import Distortion, from_centered_pixels, to_centered_pixels
from stn_numba.grid import base_points

__all__ = ["Elastic"]


class Elastic(Distortion):
    """E: scaled by 0.75 to 1, then the 16 points of a 4 x 4 grid moved by N(0, 1.5 pixels) in x and y.

    The spline maps the canvas to the digit, as all transforms do, so the points move in the digit and not on the canvas. Their
    distribution is symmetric, so it is the same for both directions.
    """

    name = "E"
    canvas = (28, 28)
    transform_name = "tps"
    points: ClassVar[tuple[int, int]] = (4, 4)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw where in the digit the control points on the canvas sample."""
        points = to_centered_pixels(base_points(self.points), self.canvas)
        scale, moves = rng.uniform(0.75, 1, (n, 1, 1)), rng.normal(0, 1.5, (n, *points.shape))
        return from_centered_pixels((points + moves) / scale).swapaxes(1, 2).reshape(n, points.size)

    def _options(self) -> dict[str, Any]:
        return {"control_points": self.points}
