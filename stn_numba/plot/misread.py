"""Draw images that a model reads as another class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_int
from stn_numba._util.arrays import as_array
from stn_numba.plot.figures import draw_image, new_axes

__all__ = ["misread_figure"]

_COLUMNS = 8


def misread_figure(
    images: ArrayLike, labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str] | None = None, *, most: int = 40
) -> NDArray[Any]:
    r"""Draw the images that are read as another class, those with the most confident predictions first.

    Above each image are its class, and the predicted class with its probability.

    Parameters
    ----------
    images : (N, H, W, 1) or (N, H, W, 3) array
        The images, drawn from 0 to 255 if they are whole numbers of 8 bits, else from their smallest to their largest value.
    labels : (N,) array of int
        Their classes.
    probabilities : (N, K) array
        As ``model.predict_proba(images)`` returns them.
    classes : sequence of str, default None
        Names of the classes; None for their numbers.
    most : int, default 40
        Most images to draw.

    Returns
    -------
    array of Axes
        (rows, 8); those without an image are empty. ``axes[0, 0].figure.savefig("misread.png")`` writes the figure.

    Raises
    ------
    ValueError
        If the shapes do not fit each other.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> axes = misread_figure(np.zeros((2, 8, 8, 1)), [0, 1], [[0.1, 0.9], [0.2, 0.8]], ["bend", "stop"])
    >>> axes[0, 0].get_title()
    'bend\nread as stop 90 %'
    """
    X, y, p = (
        as_array(each, name) for each, name in ((images, "images"), (labels, "labels"), (probabilities, "probabilities"))
    )
    if X.ndim != 4 or X.shape[3] not in (1, 3) or y.shape != X.shape[:1] or p.ndim != 2 or len(p) != len(y):
        raise ValueError(
            f"images: expected (N, H, W, 1 or 3), (N,) labels, (N, K) probabilities, got {X.shape}, {y.shape}, {p.shape}"
        )
    names = [str(k) for k in range(p.shape[1])] if classes is None else list(classes)
    if len(names) != p.shape[1]:
        raise ValueError(f"classes: expected {p.shape[1]} names, got {len(names)}")
    predicted = p.argmax(axis=1)
    wrong = np.flatnonzero(predicted != y)
    wrong = wrong[np.argsort(-p[wrong, predicted[wrong]], kind="stable")][: as_int(most, "most", least=1)]
    axes = new_axes(max(1, -(-len(wrong) // _COLUMNS)), _COLUMNS, (1.4, 1.75))
    for each in axes.flat:
        each.axis("off")
    limits = (0.0, 255.0) if X.dtype == np.uint8 or not X.size else (float(X.min()), float(X.max()) + 1e-12)
    for row, ax in zip(wrong, axes.flat, strict=False):
        draw_image(ax, X[row].astype(np.float32), limits)
        ax.set_title(
            f"{names[y[row]]}\nread as {names[predicted[row]]} {p[row, predicted[row]]:.0%}".replace("%", " %"), fontsize=6
        )
    return axes
