"""Draw what a network with a spatial transformer attends to, image by image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats
from stn_numba.plot.figures import draw_image, new_axes
from stn_numba.plot.region import draw_region, region_outline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from stn_numba.nn import Model, SpatialTransformer

__all__ = ["attention_figure", "draw_prediction"]

_TITLES = ("(a) input", "(b) sampled region", "(c) transformer output", "(d) prediction")
# fractions of the image's size; a region may extend arbitrarily far outside the image
_MAX_MARGIN, _DOT_MARGIN = 0.5, 0.04


def attention_figure(
    model: Model,
    X: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    transformer: int | str = 0,
    axes: NDArray[Any] | None = None,
    color: str = "tab:orange",
) -> NDArray[Any]:
    """Draw one row per image: the input, the sampled region, the transformer's output, and the predicted class.

    Models that are no `Classifier` of one class an image get the first three columns only.

    This is figure 1 of the paper (arXiv 1506.02025). The outline in column (b) is the border of the sampling grid, so it is
    curved for a spline. The thick side is the output's top edge, and the dot its top left corner.

    Columns (a) to (c) show the transformer's own input and output. For a transformer behind other layers the input is a feature
    map. Maps of one channel are drawn in gray, of three in color, others as the mean over channels.

    Parameters
    ----------
    model : Model
        A network with a spatial transformer, such as `stn_numba.models.st_cnn`.
    X : (N, H, W, C) array
        Images, N >= 1.
    labels : (N,) array of int, optional
        True classes. With them, predictions are marked as right or wrong.
    transformer : int or str, default 0
        The transformer to draw, by number or dotted name, as in `Model.theta`.
    axes : (N, 4) array of Axes, optional
        Where to draw, (N, 3) without classes. By default on a new figure.
    color : str, default "tab:orange"
        Color of the outline.

    Returns
    -------
    (N, 4) array of Axes, (N, 3) without classes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If `labels` are not whole numbers.
    ValueError
        If the model has no such transformer or predicts no classes for `labels`, or the shape of `X`, `labels` or `axes` does
        not fit.

    Examples
    --------
    >>> from stn_numba.models import st_fcn
    >>> axes = attention_figure(st_fcn(), np.zeros((2, 28, 28, 1), np.float32))
    >>> axes.shape
    (2, 4)
    """
    from stn_numba.nn.model.find_transformers import chosen_transformer, input_of

    name, chosen = chosen_transformer(model.network, transformer)
    if chosen.transform.ndim != 2:
        raise ValueError(f"transformer: expected one of images, got {name!r}, which is one of volumes")
    images = model.check_images(X)
    known = None if labels is None else np.asarray(labels)
    probabilities = _class_probabilities(model, images)
    titles = _TITLES[:3] if probabilities is None else _TITLES
    _check(images, known, axes, len(titles))
    theta, attended = model.theta(X, transformer=name), _drawable(model.transform(X, transformer=name))
    seen = _drawable(input_of(chosen, model.network, images))
    if axes is None:
        axes = new_axes(len(images), len(titles), (1.7, 1.6))
    limits = min(0.0, float(seen.min())), max(float(seen.max()), 1e-6)
    margin = _margin(chosen, theta, seen.shape[1:3])
    for n, row in enumerate(axes):
        draw_image(row[0], seen[n], limits)
        draw_image(row[1], seen[n], limits, margin)
        draw_region(
            row[1], chosen.transform, theta[n], seen.shape[1:3], align_corners=chosen.align_corners, color=color
        )  # fmt: skip
        draw_image(row[2], attended[n], limits)
        if probabilities is not None:
            draw_prediction(row[3], probabilities[n], None if known is None else int(known[n]))
    for column, title in zip(axes[0], titles, strict=True):
        column.set_title(title, fontsize=9)
    return axes


def draw_prediction(axes: Axes, probabilities: NDArray[Any], label: int | None = None) -> None:
    """Draw class probabilities (n_classes,) as bars, titled with the prediction, its probability, and whether it is right.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> axes = Figure().subplots()
    >>> draw_prediction(axes, np.array([0.1, 0.9]), label=0)
    >>> axes.texts[0].get_text()
    '1 (90.0 %) ✗ is 0'
    """
    best = int(probabilities.argmax())
    right = label is None or label == best
    text, color = f"{best} ({probabilities[best]:.1%})".replace("%", " %"), "black"
    if label is not None:
        text += " ✓" if right else f" ✗ is {label}"
        color = "tab:green" if right else "tab:red"
    bars = axes.bar(np.arange(len(probabilities)), probabilities, color="0.75")
    bars[best].set_color("0.25" if label is None else color)
    axes.set_ylim(0, 1.3)
    axes.text(0.5, 0.97, text, transform=axes.transAxes, ha="center", va="top", fontsize=9, color=color)
    axes.set_xticks(np.arange(len(probabilities)) if len(probabilities) <= 10 else [best])
    axes.tick_params(length=0, labelsize=7)
    axes.set_yticks([])
    axes.spines[["top", "left", "right"]].set_visible(False)


def _class_probabilities(model: Model, images: Floats) -> Floats | None:
    """Return the probabilities (N, n_classes) of a classifier of one class an image, None for other models."""
    from stn_numba.nn import Classifier

    return model.predict_proba(images) if isinstance(model, Classifier) and not model.multi_label else None


def _check(images: Floats, labels: NDArray[Any] | None, axes: NDArray[Any] | None, columns: int) -> None:
    if not len(images):
        raise ValueError(f"X: expected at least one image, got {images.shape}")
    if labels is not None and labels.shape != images.shape[:1]:
        raise ValueError(f"labels: expected ({len(images)},), got {labels.shape}")
    if labels is not None and labels.dtype.kind not in "iu":
        raise TypeError(f"labels: expected whole numbers, got dtype {labels.dtype}")
    if labels is not None and columns == 3:
        raise ValueError("labels: expected None with a model that predicts no classes, one an image")
    if axes is not None and np.shape(axes) != (len(images), columns):
        raise ValueError(f"axes: expected ({len(images)}, {columns}), got {np.shape(axes)}")


def _drawable(maps: Floats) -> Floats:
    """Return feature maps as images with one or three channels."""
    return maps if maps.shape[3] in (1, 3) else maps.mean(axis=3, keepdims=True)


def _margin(transformer: SpatialTransformer, theta: Floats, shape: tuple[int, int]) -> float:
    """Return the margin in pixels, the same for all images, that fits the outlines and their dots."""
    outlines = np.concatenate(
        [
            region_outline(transformer.transform, row, shape, align_corners=transformer.align_corners).reshape(-1, 2)
            for row in theta
        ]
    )
    finite = outlines[np.isfinite(outlines).all(axis=1)]
    if not len(finite):
        return 0.0
    size = max(shape)
    beyond = np.maximum(-0.5 - finite, finite - (np.array(shape[::-1]) - 0.5)).max()
    return float(np.clip(beyond + _DOT_MARGIN * size, 0, _MAX_MARGIN * size))
