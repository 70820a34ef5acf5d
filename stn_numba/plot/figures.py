"""Make figures without pyplot, draw images on them, and write them to files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.files import write_atomically
from stn_numba.grid import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_image", "new_axes", "write_figure"]


def new_axes(rows: int, columns: int, size: tuple[float, float]) -> NDArray[Any]:
    """Make a figure and return its (rows, columns) array of axes, each of `size` = (width, height) in inches.

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
    return np.asarray(figure.subplots(rows, columns, squeeze=False))


def draw_image(axes: Axes, image: Floats, limits: tuple[float, float], margin: float = 0.0) -> None:
    """Draw an image (H, W, 1) or (H, W, 3) with pixel centers at whole numbers.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    image : (H, W, 1) or (H, W, 3) array
        The image.
    limits : (float, float)
        The values drawn as black and white.
    margin : float, default 0
        Width of a margin in pixels. It has the gray of zero, the value outside an image; a line marks the image's edge.
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


def write_figure(axes: Axes, path: str | os.PathLike[str], *, dpi: int = 150) -> None:
    """Write the figure of `axes` to a file. The extension sets the format, PNG without one; missing folders are created."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = axes.get_figure(root=True)
    assert figure is not None
    content = io.BytesIO()
    figure.savefig(content, dpi=dpi, format=path.suffix.removeprefix(".") or "png")
    write_atomically(path, content.getvalue())
