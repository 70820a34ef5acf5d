"""P: random projective distortion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.data.distortions.base import Distortion, from_centered_pixels, to_centered_pixels

__all__ = ["Projective", "homography"]

_CORNERS = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
_MIN_CORNER_AREA = 0.1  # relative to the undistorted canvas


class Projective(Distortion):
    """P: scaled by 0.75 to 1 in the middle of the canvas, then the corners of the canvas moved by N(0, 5 pixels) in x and y.

    Corners that are not convex fold the image, and three nearly in a line shrink the digit to a speck. Such draws are rare and
    repeated; see `_legible`.
    """

    name = "P"
    canvas = (42, 42)
    transform_name = "projective"

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw the new positions of the four corners, and solve for the inverse homography."""
        scale, corners = rng.uniform(0.75, 1, (n, 1, 1)), self._draw_corners(n, rng)
        while len(bad := np.flatnonzero(~_legible(corners, self.canvas))):
            corners[bad] = self._draw_corners(len(bad), rng)
        return homography(
            from_centered_pixels(corners, self.canvas), from_centered_pixels(to_centered_pixels(_CORNERS, self.canvas) / scale)
        )

    def _draw_corners(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw new positions (n, 4, 2) of the canvas's corners, in pixels from its center."""
        return to_centered_pixels(_CORNERS, self.canvas) + rng.normal(0, 5, (n, 4, 2))


def homography(points: NDArray[np.float64], mapped: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return projective parameters (N, 8) that map four points (N, 4, 2) to four others (N, 4, 2).

    Each point gives two of the eight equations, which are linear in h:
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
    target = mapped.swapaxes(1, 2)[..., None]
    system[..., 6:] = -target * points[:, None]
    solution = np.linalg.solve(system.reshape(n, 8, 8), target.reshape(n, 8, 1))
    return np.asarray(solution[..., 0] + 0.0, np.float64)  # -0 becomes 0


def _legible(corners: NDArray[np.float64], canvas: tuple[int, int]) -> NDArray[np.bool_]:
    """Return (N,) booleans: whether corners (N, 4, 2) in pixels, in the order of `_CORNERS`, give a readable image.

    Each corner and its two neighbors must span at least a tenth of the area that they span unmoved, so the quadrilateral is
    convex. The middle of the canvas must lie inside, away from the horizon.
    """
    following = np.roll(corners, -1, axis=1)
    edges = following - corners
    turns = _cross(edges, np.roll(edges, -1, axis=1))
    around = _cross(corners, following)
    frame = np.prod(2 * to_centered_pixels(np.ones(2), canvas))
    return np.asarray(((turns > _MIN_CORNER_AREA * frame) & (around > 0)).all(axis=1))


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product
