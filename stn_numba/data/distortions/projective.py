"""P: digits seen from a random point of view."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.data.distortions.base import Distortion, in_pixels, normalized

__all__ = ["Projective", "homography"]

_CORNERS = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
_LEAST_TURN = 0.1


class Projective(Distortion):
    """P: scaled by 0.75 to 1 in the middle of the canvas, whose corners are then moved by N(0, 5 pixels) in x and in y.

    Four corners that are not convex have no picture without a fold, and nearly three in a line shrink the digit to a speck.
    Such draws are rare, and drawn again; see `_legible`.
    """

    name = "P"
    canvas = (42, 42)
    transform_name = "projective"

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw where the four corners go, and solve for the map back."""
        scale, corners = rng.uniform(0.75, 1, (n, 1, 1)), self._draw_corners(n, rng)
        while len(bad := np.flatnonzero(~_legible(corners, self.canvas))):
            corners[bad] = self._draw_corners(len(bad), rng)
        return homography(normalized(corners, self.canvas), normalized(in_pixels(_CORNERS, self.canvas) / scale))

    def _draw_corners(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """(n, 4, 2) where the canvas's corners go, in pixels from its center."""
        return in_pixels(_CORNERS, self.canvas) + rng.normal(0, 5, (n, 4, 2))


def homography(points: NDArray[np.float64], images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Projective parameters (N, 8) of the maps that take four points (N, 4, 2) each to their images (N, 4, 2).

    Each point gives two of the eight equations that are linear in h:
    h00 x + h01 y + h02 - u (h20 x + h21 y) = u, and likewise for v.

    Examples
    --------
    >>> square = np.array([[[-1.0, -1], [1, -1], [1, 1], [-1, 1]]])
    >>> homography(square, square / 2).round(12).tolist()
    [[0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0]]
    """
    n = len(points)
    homogeneous = np.concatenate([points, np.ones((n, 4, 1))], axis=2)
    system = np.zeros((n, 2, 4, 8))  # the equations of the four u, then of the four v
    system[:, 0, :, 0:3] = system[:, 1, :, 3:6] = homogeneous
    target = images.swapaxes(1, 2)[..., None]
    system[..., 6:] = -target * points[:, None]
    solution = np.linalg.solve(system.reshape(n, 8, 8), target.reshape(n, 8, 1))
    return np.asarray(solution[..., 0] + 0.0, np.float64)  # -0 becomes 0


def _legible(corners: NDArray[np.float64], canvas: tuple[int, int]) -> NDArray[np.bool_]:
    """(N,) whether corners (N, 4, 2) in pixels, in the order of `_CORNERS`, give a picture that can be read.

    Each corner with its two neighbors must span at least a tenth of the area that it spans unmoved, so the shape
    is convex, and the middle of the canvas must lie inside, where the horizon cannot come near it.
    """
    following = np.roll(corners, -1, axis=1)
    edges = following - corners
    turns = _cross(edges, np.roll(edges, -1, axis=1))
    around = _cross(corners, following)
    frame = np.prod(2 * in_pixels(np.ones(2), canvas))
    return np.asarray(((turns > _LEAST_TURN * frame) & (around > 0)).all(axis=1))


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product
