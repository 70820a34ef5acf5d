"""The part of the input that a transform reads, as an outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import to_pixels
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_region", "region_outline"]

_CORNERS = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def region_outline(
    transform: str | Transform,
    theta: ArrayLike,
    shape: tuple[int, int],
    *,
    align_corners: bool = True,
    points_per_side: int = 33,
) -> NDArray[np.float64]:
    """Follow the border of the output through the transform.

    Parameters
    ----------
    transform
        A registered name, or a `Transform`.
    theta
        (P,) its parameters for one image.
    shape
        (H, W) of the input.
    align_corners
        The convention of the grid: the border runs through the centers (True) or along the outer edges (False) of
        the border pixels.
    points_per_side
        How finely curved sides are followed.

    Returns
    -------
    (4, points_per_side, 2) positions (x, y) in pixels of the input, side by side: top, right, bottom, left, clockwise
    from the output's top left corner. NaN where the transform has no position.

    Examples
    --------
    >>> from stn_numba import get_transform
    >>> outline = region_outline(get_transform("affine"), [0.5, 0, 0, 0, 0.5, 0], (29, 29))
    >>> outline[:, 0].tolist()
    [[7.0, 7.0], [21.0, 7.0], [21.0, 21.0], [7.0, 21.0]]
    """
    transform = as_transform(transform)
    along = np.linspace(0, 1, points_per_side)[:, None]
    sides = [a + along * (b - a) for a, b in zip(_CORNERS, np.roll(_CORNERS, -1, axis=0), strict=True)]
    mapped = transform.apply(np.asarray(theta)[None], np.concatenate(sides))[0]
    return to_pixels(mapped, shape, align_corners).reshape(4, points_per_side, 2)


def draw_region(
    axes: Axes,
    transform: str | Transform,
    theta: ArrayLike,
    shape: tuple[int, int],
    *,
    align_corners: bool = True,
    color: str = "tab:orange",
    width: float = 1.0,
) -> None:
    """Draw the outline of the region that a transform reads, over an image drawn with pixel centers at whole numbers.

    The side read into the output's top edge is drawn thicker, with a dot at its left end: so turned and mirrored regions can
    be told.

    Parameters
    ----------
    axes
        Where to draw; the limits of the view stay as they are.
    transform, theta, shape, align_corners
        As for `region_outline`.
    color, width
        Of the line; its width is in points.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from stn_numba import get_transform
    >>> axes = Figure().subplots()
    >>> draw_region(axes, get_transform("affine"), [0.5, 0, 0, 0, 0.5, 0], (28, 28))
    >>> len(axes.lines)
    3
    """
    outline = region_outline(transform, theta, shape, align_corners=align_corners)
    view = axes.get_xlim(), axes.get_ylim()
    axes.plot(*outline.reshape(-1, 2).T, color=color, linewidth=width, solid_joinstyle="round")
    axes.plot(*outline[0].T, color=color, linewidth=2.5 * width, solid_capstyle="butt")
    axes.plot(*outline[0, :1].T, color=color, marker="o", markersize=5 * width)
    axes.set_xlim(view[0])
    axes.set_ylim(view[1])
