"""Images as HTML, with the outline of the region that a transformer reads."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stn_numba.nn.arrays import Floats

__all__ = ["as_color", "picture"]

_SIDE = 240  # pixels of the screen, of the longer side
_MARGIN = 0.08  # of the image's sides, for regions that reach beyond
_COLOR = "#ff8c1a"


def as_color(image: Floats, low: float, high: float) -> NDArray[np.uint8]:
    """Return an image (H, W, C) as (H, W, 3) bytes: of other than 3 channels the mean; `low` is black and `high` is white.

    Examples
    --------
    >>> as_color(np.array([[[0.0], [2.0]]]), 0, 2).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    color = image if image.shape[2] == 3 else np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    shares = (color - low) / ((high - low) or 1.0)
    return np.rint(255 * np.clip(np.nan_to_num(shares), 0, 1)).astype(np.uint8)


def picture(pixels: NDArray[np.uint8], title: str, outline: Floats | None = None) -> str:
    """Return an image (H, W, 3) as SVG, with its pixels enlarged.

    Parameters
    ----------
    pixels : (H, W, 3) array of uint8
        The image.
    title : str
        What it is, in plain text without markup.
    outline : (4, M, 2) array, default None
        Sides of a region, in pixels (x, y), as `stn_numba.plot.region_outline` returns them. The first side is thicker.
    """
    height, width = pixels.shape[:2]
    across, down = width * _MARGIN, height * _MARGIN
    scale = _SIDE / max(height, width)
    box = f"{-0.5 - across} {-0.5 - down} {width + 2 * across} {height + 2 * down}"
    shown = "" if outline is None else _region(outline, max(height, width) / 100)
    return (
        f'<div>{title}</div><svg xmlns="http://www.w3.org/2000/svg" width="{width * scale:.0f}" height="{height * scale:.0f}" '
        f'viewBox="{box}" role="img" aria-label="{title}"><image x="-0.5" y="-0.5" width="{width}" height="{height}" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{_png(pixels)}"/>{shown}</svg>'
    )


def _region(outline: Floats, width: float) -> str:
    """Return the outline, without the parts where the transform is undefined."""
    lines = []
    for points, thickness in ((outline.reshape(-1, 2), width), (outline[0], 2.5 * width)):
        known = points[np.isfinite(points).all(axis=1)]
        text = " ".join(f"{x:.2f},{y:.2f}" for x, y in known)
        lines.append(f'<polyline points="{text}" fill="none" stroke="{_COLOR}" stroke-width="{thickness:.2f}"/>')
    return "".join(lines)


def _png(pixels: NDArray[np.uint8]) -> str:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()
