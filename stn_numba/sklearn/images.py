"""Images as scikit-learn passes them: rows of pixels (N, F), or arrays (N, H, W) and (N, H, W, C)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from stn_numba._util.arguments import as_int

__all__ = ["ImageShape", "as_image_shape", "flattened", "read_images", "shape_of_rows"]

ImageShape = tuple[int, int, int]


def read_images(estimator: Any, X: Any, *, reset: bool, dtypes: tuple[type, ...], **targets: Any) -> tuple[NDArray[Any], Any]:
    """Return X as images (N, H, W, C) of one of the dtypes, or else of the first one, and y if it is among the `targets`.

    With `reset` the estimator learns the number of features, their names and `image_shape_`; without, X has to fit these. It
    does not matter whether images are flattened. `targets` are y and options of scikit-learn's checks of it.
    """
    rows, shape = flattened(X)
    if shape is not None:
        _expect_shape(shape, estimator, reset)
    checked = validate_data(estimator, rows, reset=reset, dtype=list(dtypes), **targets)
    rows, y = checked if "y" in targets else (checked, None)
    if reset:
        estimator.image_shape_ = shape or shape_of_rows(rows.shape[1], estimator.image_shape)
    return rows.reshape(len(rows), *estimator.image_shape_), y


def flattened(X: Any) -> tuple[Any, ImageShape | None]:
    """Return images as rows of pixels, and their shape (H, W, C); return rows of pixels as they are, and None.

    Examples
    --------
    >>> rows, shape = flattened(np.zeros((5, 4, 3)))
    >>> rows.shape, shape
    ((5, 12), (4, 3, 1))
    """
    shaped = X if hasattr(X, "shape") else np.asarray(X)
    if len(shaped.shape) <= 2:
        return X, None
    images = np.asarray(shaped)
    if images.ndim > 4:
        raise ValueError(f"X: expected rows of pixels (N, F), or images (N, H, W) or (N, H, W, C), got {images.shape}")
    shape = as_image_shape(images.shape[1:], "X")
    return images.reshape(len(images), math.prod(shape)), shape


def shape_of_rows(n_features: int, image_shape: Any) -> ImageShape:
    """Return the shape of images that rows of `n_features` pixels stand for, by default square ones, or else a single row.

    Examples
    --------
    >>> shape_of_rows(64, None), shape_of_rows(10, None), shape_of_rows(12, (2, 2, 3))
    ((8, 8, 1), (1, 10, 1), (2, 2, 3))
    """
    if image_shape is None:
        side = math.isqrt(n_features)
        return (side, side, 1) if side * side == n_features else (1, n_features, 1)
    shape = as_image_shape(image_shape, "image_shape")
    if math.prod(shape) != n_features:
        raise ValueError(f"image_shape: expected {n_features} pixels in all, as X has features, got {image_shape!r:.60}")
    return shape


def as_image_shape(value: Any, name: str) -> ImageShape:
    """Return (H, W) or (H, W, C) as (H, W, C)."""
    if not isinstance(value, tuple | list) or len(value) not in (2, 3):
        raise ValueError(f"{name}: expected (H, W) or (H, W, C), got {value!r:.60}")
    H, W, C = (as_int(size, name, least=1) for size in (*value, 1)[:3])
    return H, W, C


def _expect_shape(shape: ImageShape, estimator: Any, reset: bool) -> None:
    """Reject images of another shape than that of the option `image_shape`, or of the images in `fit`."""
    if not reset:
        expected, of = estimator.image_shape_, "those in fit"
    elif estimator.image_shape is not None:
        expected, of = as_image_shape(estimator.image_shape, "image_shape"), "image_shape"
    else:
        return
    if shape != expected:
        raise ValueError(f"X: expected images {expected}, as {of}, got {shape}")
