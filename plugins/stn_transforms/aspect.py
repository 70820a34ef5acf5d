"""The aspect of images, for transforms that would shear in normalized coordinates, whose units differ in x and y."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from stn_numba.grid import Floats, Shape, check_shape

__all__ = ["AspectAware", "as_aspect", "aspect_of", "turn"]

_MAX_ASPECT = 100_000  # for a larger one, points in one column differ only by rounding


class AspectAware:
    """The option `aspect` of a transform, which `for_image` fills in. Its position among the bases is before `Transform`."""

    def __init__(self, aspect: float | None = None) -> None:
        self.aspect = None if aspect is None else as_aspect(aspect)

    def for_image(self, in_shape: Shape, align_corners: bool = True) -> Self:
        """Return the transform with the aspect of images (H, W); itself if the aspect was given."""
        if self.aspect is not None:
            return self
        bound = copy.copy(self)
        bound.aspect = aspect_of(in_shape, align_corners)
        return bound

    def can_be_shared(self) -> bool:
        """Return True: nothing is stored between calls."""
        return True

    @property
    def _aspect_or_square(self) -> float:
        return 1.0 if self.aspect is None else self.aspect


def as_aspect(value: Any) -> float:
    """Return a valid aspect as a float.

    Examples
    --------
    >>> as_aspect(2)
    2.0
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (is_number and 1 / _MAX_ASPECT <= value <= _MAX_ASPECT):
        raise ValueError(
            f"aspect: expected the image's width over its height, from 1/{_MAX_ASPECT} to {_MAX_ASPECT}, got {value!r:.60}"
        )
    return float(value)


def aspect_of(shape: Shape, align_corners: bool = True) -> float:
    """Return how many pixels a normalized unit of x is, over those of y; 1 if one of them has none.

    Examples
    --------
    >>> aspect_of((11, 21)), aspect_of((10, 20), align_corners=False)
    (2.0, 2.0)
    """
    height, width = (size - int(align_corners) for size in check_shape(shape, "in_shape"))
    if height <= 0 or width <= 0:
        return 1.0
    return min(max(width / height, 1 / _MAX_ASPECT), float(_MAX_ASPECT))


def turn(
    angle: Floats, scale: Floats, shift: Floats, aspect: float
) -> tuple[Floats, Callable[[Floats], tuple[Floats, Floats, Floats]]]:
    """Return matrices that turn and scale about the center and then shift, and their backprop.

    Parameters
    ----------
    angle, scale : ndarray, (N,)
    shift : ndarray, (N, 2)
    aspect : float

    Returns
    -------
    matrix : ndarray, (N, 3, 3)
        diag(1 / a, 1) scale R(angle) diag(a, 1) for the aspect a, and `shift` in the last column.
    backprop : callable
        ``backprop(d_matrix) -> (d_angle, d_scale, d_shift)``.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.zeros((len(angle), 3, 3), angle.dtype)
    matrix[:, 0, 0] = matrix[:, 1, 1] = scale * cosine
    matrix[:, 0, 1] = 0 - scale * sine / aspect  # 0 - 0 is 0, not -0
    matrix[:, 1, 0] = scale * sine * aspect
    matrix[:, :2, 2] = shift
    matrix[:, 2, 2] = 1

    def backprop(d: Floats) -> tuple[Floats, Floats, Floats]:
        along, across = d[:, 0, 0] + d[:, 1, 1], aspect * d[:, 1, 0] - d[:, 0, 1] / aspect
        return scale * (cosine * across - sine * along), cosine * along + sine * across, d[:, :2, 2]

    return matrix, backprop
