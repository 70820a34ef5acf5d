"""Draw the outline of the input region that a transform samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import to_pixels
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, transform_for_image

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
    """Return the outline of the input region that a transform samples: the border of the output, mapped by the transform.

    Parameters
    ----------
    transform : str or Transform
        A registered name, or a `Transform`.
    theta : (P,) array
        Parameters for one image.
    shape : (int, int)
        (H, W) of the input.
    align_corners : bool, default True
        The grid's convention: the border runs through the centers (True) or along the outer edges (False) of the border pixels.
    points_per_side : int, default 33
        Number of points on each side, for curved sides.

    Returns
    -------
    (4, points_per_side, 2) array of float64
        Positions (x, y) in pixels of the input, by side: top, right, bottom, left, clockwise from the output's top left corner.
        NaN where the transform is undefined.

    Examples
    --------
    >>> from stn_numba import get_transform
    >>> outline = region_outline(get_transform("affine"), [0.5, 0, 0, 0, 0.5, 0], (29, 29))
    >>> outline[:, 0].tolist()
    [[7.0, 7.0], [21.0, 7.0], [21.0, 21.0], [7.0, 21.0]]
    """
    transform = transform_for_image(as_transform(transform), shape, align_corners)
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
    """Draw the outline of the region that a transform samples, over an image with pixel centers at whole numbers.

    The side of the output's top edge is thicker, with a dot at its left end, to show rotations and reflections.

    Parameters
    ----------
    axes : Axes
        Where to draw. The limits of the axes do not change.
    transform, theta, shape, align_corners
        As in `region_outline`.
    color : str, default "tab:orange"
        Color of the line.
    width : float, default 1.0
        Width of the line in points.

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
