"""Draw the boxes of examples/colocalization.py as training goes on, as in figure 6 of arXiv 1506.02025."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["draw_boxes"]


def draw_boxes(images: Sequence[Any], boxes: Sequence[Any], right: Sequence[Any], steps: Sequence[int], path: Path) -> None:
    """Draw a row for each image and a column for each step, and write the figure.

    Parameters
    ----------
    images : sequence of K (H, W, 1) arrays
        The images.
    boxes : sequence of K arrays (S, 3)
        For each image and step the left and the top edge and the side of its box in pixels, from the edges of the image.
    right : sequence of K arrays (S,) of bool
        Whether a box is right: drawn in solid green, others in dashed red.
    steps : sequence of S int
        The titles of the columns.
    path : Path
        File to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(1.35 * len(steps), 1.35 * len(images) + 0.3), layout="constrained")
    for row, image, own, hits in zip(
        figure.subplots(len(images), len(steps), squeeze=False), images, boxes, right, strict=True
    ):
        for axes, (left, top, side), hit in zip(row, own, hits, strict=True):
            axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1, extent=(0, image.shape[1], image.shape[0], 0))
            style = {"color": "lime", "linestyle": "-"} if hit else {"color": "red", "linestyle": "--"}
            axes.add_patch(Rectangle((left, top), side, side, fill=False, linewidth=1.5, **style))
            axes.set(xticks=[], yticks=[], xlim=(-4, image.shape[1] + 4), ylim=(image.shape[0] + 4, -4), facecolor="0.5")
    for axes, step in zip(figure.axes, steps, strict=False):
        axes.set_title("start" if step == 0 else f"step {step}", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
