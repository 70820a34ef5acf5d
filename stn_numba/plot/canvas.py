"""New axes without pyplot, and images on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_image", "new_axes"]


def new_axes(rows: int, columns: int, size: tuple[float, float], **options: Any) -> NDArray[Any]:
    """Make a figure with (rows, columns) axes of `size` = (width, height) inches each; return the axes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("figures need matplotlib: pip install stn-numba[plot]") from error
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    return np.asarray(figure.subplots(rows, columns, squeeze=False, **options))


def draw_image(axes: Axes, image: Floats, limits: tuple[float, float], margin: float = 0.0) -> None:
    """Draw an image (H, W, 1), or (H, W, 3), with pixel centers at whole numbers.

    Parameters
    ----------
    axes
        Where to draw.
    image
        The image.
    limits
        Values to be drawn black and white.
    margin
        Room to leave on all sides, in pixels, of the gray of zero, which lies outside an image; its edge is then drawn.
    """
    low, high = limits
    height, width, channels = image.shape
    shown = image[..., 0] if channels == 1 else np.clip((image - low) / (high - low), 0, 1)
    axes.set_facecolor(str(float(np.clip(-low / (high - low), 0, 1))))  # the gray of zero
    axes.imshow(shown, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    if margin:
        left, right, top, bottom = -0.5, width - 0.5, -0.5, height - 0.5
        axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color="0.4", linewidth=0.5)
    axes.set_xlim(-0.5 - margin, width - 0.5 + margin)
    axes.set_ylim(height - 0.5 + margin, -0.5 - margin)
    axes.set_xticks([])
    axes.set_yticks([])
