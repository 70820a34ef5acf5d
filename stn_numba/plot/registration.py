"""Draw two images before and after registration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.plot.figures import draw_image, new_axes

__all__ = ["checkerboard", "registration_figure"]

_COLUMNS = ("(a) {moving}", "(b) checkerboard with {fixed}", "(c) difference from {fixed}")
_OUTSIDE = "bisque"  # color of what the moving image does not show
_QUANTILES = (0.002, 0.998)  # of gray levels, drawn as black and white


def registration_figure(
    fixed: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    *,
    checks: int = 8,
    names: tuple[str, str] = ("moving", "fixed"),
    axes: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Draw two images before and after registration: the moving image, a checkerboard of both, and their difference.

    In each row the moving image gets the mean and the deviation of `fixed`, and is inverted if contrast is, so that the
    difference shows motion and not brightness. In a checkerboard, edges continue across the fields where the images agree.

    Parameters
    ----------
    fixed : (H, W) array_like
        The image that is kept.
    before, after : (H, W) array_like
        The moving image before and after its warp. NaN where it shows nothing, which the figure tints.
    checks : int, default 8
        Number of fields along the longer side of the checkerboard.
    names : (str, str), default ("moving", "fixed")
        What the titles call the images.
    axes : (2, 3) array of Axes, optional
        Where to draw. By default on a new figure.

    Returns
    -------
    (2, 3) array of Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If a shape does not fit.

    Examples
    --------
    >>> image = np.random.default_rng(0).random((32, 32))
    >>> axes = registration_figure(image, np.roll(image, 3, axis=1), image)
    >>> axes[1, 0].get_ylabel()
    'after, correlation 1.000'
    """
    fixed, before, after = (np.asarray(image, np.float64) for image in (fixed, before, after))
    _check(fixed, {"before": before, "after": after}, axes)
    axes = new_axes(2, 3, (3.2, 3.2 * fixed.shape[0] / fixed.shape[1] + 0.1)) if axes is None else axes
    limits = _limits(fixed)
    inverted = _correlation(after, fixed) < 0
    rows = [_matched(image, fixed, inverted) for image in (before, after)]
    reach = _reach([matched - fixed for matched in rows], limits)
    for row, name, image, matched in zip(axes, ("before", "after"), (before, after), rows, strict=True):
        _draw(row[0], matched, limits)
        _draw(row[1], checkerboard(fixed, matched, checks), limits)
        _draw(row[2], matched - fixed, (-reach, reach))
        row[0].set_ylabel(f"{name}, correlation {_correlation(image, fixed):.3f}")
    for column, title in zip(axes[0], _COLUMNS, strict=True):
        column.set_title(title.format(moving=names[0], fixed=names[1]))
    return axes


def checkerboard(first: NDArray[Any], second: NDArray[Any], checks: int = 8) -> NDArray[Any]:
    """Return an image whose square fields show two images (H, W) in turn, `first` in the top left corner.

    Examples
    --------
    >>> checkerboard(np.zeros((2, 4)), np.ones((2, 4)), checks=4).astype(int).tolist()
    [[0, 1, 0, 1], [1, 0, 1, 0]]
    """
    field = -(-max(first.shape) // checks)
    y, x = np.indices(first.shape) // field
    return np.where((x + y) % 2 == 0, first, second)


def _draw(axes: Any, image: NDArray[Any], limits: tuple[float, float]) -> None:
    draw_image(axes, image[..., None], limits)
    axes.set_facecolor(_OUTSIDE)  # shows where the image is NaN
    axes.spines[:].set_visible(False)


def _matched(image: NDArray[Any], fixed: NDArray[Any], inverted: bool) -> NDArray[Any]:
    """Return an image with the mean and the deviation of `fixed`, where both show something."""
    shown = np.isfinite(image) & np.isfinite(fixed)
    if not shown.any() or not (deviation := image[shown].std()) > 0:
        return image
    gain = (-1 if inverted else 1) * fixed[shown].std() / deviation
    return np.asarray(fixed[shown].mean() + gain * (image - image[shown].mean()))


def _correlation(image: NDArray[Any], fixed: NDArray[Any]) -> float:
    """Return the correlation where both show something; 0 if one of them is flat there."""
    shown = np.isfinite(image) & np.isfinite(fixed)
    if not shown.any() or min(image[shown].std(), fixed[shown].std()) == 0:
        return 0.0
    return float(np.corrcoef(image[shown], fixed[shown])[0, 1])


def _limits(image: NDArray[Any]) -> tuple[float, float]:
    low, high = np.nanquantile(image, _QUANTILES)
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def _reach(differences: list[NDArray[Any]], limits: tuple[float, float]) -> float:
    """Return the largest difference to draw, the same in both rows; noise of equal images is not blown up."""
    finite = [each[np.isfinite(each)] for each in differences]
    largest = max((float(np.quantile(np.abs(each), _QUANTILES[1])) for each in finite if each.size), default=0.0)
    return max(largest, 0.05 * (limits[1] - limits[0]))


def _check(fixed: NDArray[Any], others: dict[str, NDArray[Any]], axes: NDArray[Any] | None) -> None:
    if fixed.ndim != 2 or not fixed.size:
        raise ValueError(f"fixed: expected (H, W), got {fixed.shape}")
    for name, image in others.items():
        if image.shape != fixed.shape:
            raise ValueError(f"{name}: expected {fixed.shape}, the shape of fixed, got {image.shape}")
    if axes is not None and np.shape(axes) != (2, 3):
        raise ValueError(f"axes: expected (2, 3), got {np.shape(axes)}")
