"""Check the image and the theta of a warp, and say what was probably meant."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_option
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import n_params_of
from stn_numba.transform.parameters import as_numbers, shape_advice

__all__ = ["theta_rows", "warn_of_many_channels"]

_MAX_COLORS = 4  # red, green, blue and alpha


def theta_rows(theta: ArrayLike, image: NDArray[Any], transform: Transform, layout: str) -> NDArray[Any]:
    """Return theta as (N, P), after checking the number of axes of theta and image."""
    count, axes = n_params_of(transform), transform.ndim
    if image.ndim not in (axes, axes + 1, axes + 2):
        sizes = "H, W" if axes == 2 else "D, H, W"
        advice = _swapped(image, theta, count)
        if axes == 2 and image.ndim == 5:
            advice = "; a volume takes a transform with ndim=3, as get_transform('affine', ndim=3)"
        raise ValueError(f"image: expected ({sizes}), ({sizes}, C) or (N, {sizes}, C), got {image.shape}{advice}")
    as_option(layout, "layout", ("NHWC", "NCHW") if axes == 2 else ("NDHWC", "NCDHW", "NHWC"))
    given = as_numbers(theta, count)
    if given.shape[-1:] != (count,) or given.ndim > 2:
        raise ValueError(_theta_error(theta, given, count, transform) + _swapped(image, given, count))
    return given[None] if given.ndim == 1 else given


def _theta_error(theta: Any, given: NDArray[Any], count: int, transform: Transform) -> str:
    """The error message for a theta of the wrong shape."""
    advice = shape_advice(theta, given, count, transform)
    if given.shape[-2:] in ((2, 3), (3, 3)) and given.ndim < 4:
        return (
            f"theta: expected (N, {count}) parameters, got {given.shape}{advice.replace('; ', '; if it is normalized, ')}; "
            "a matrix between pixels becomes a grid for `sample` by `grid_from_pixel_matrix`"
        )
    return f"theta: expected ({count},) or (N, {count}), got {given.shape}{advice}"


def _swapped(image: NDArray[Any], theta: Any, count: int) -> str:
    """Advice if the image looks like theta, and theta like an image."""
    alike = image.ndim in (1, 2) and image.shape[-1] == count
    return "; `warp` takes the image first, then theta" if alike and np.ndim(theta) in (2, 3, 4) else ""


def warn_of_many_channels(image: NDArray[Any], layout: str) -> bool:
    """Warn of an image such as (8, 28, 28), which may be meant as a batch of gray images; return whether it is one."""
    channels = image.shape[0 if layout == "NCHW" else -1]
    if image.ndim == 3 and channels > _MAX_COLORS:
        gray = "image[:, None]" if layout == "NCHW" else "image[..., None]"
        warnings.warn(
            f"image: {image.shape} is read as one image of {channels} channels; give {gray} for a batch of gray images, "
            f"image[None] for one image of {channels} channels",
            RuntimeWarning,
            stacklevel=3,
        )
        return True
    return False
