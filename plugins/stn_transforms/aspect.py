"""The aspect of images, for transforms that would shear in normalized coordinates, whose units differ in x and y."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from stn_numba.grid import Floats, Shape, check_shape
from stn_transforms.axes import as_ndim

__all__ = ["AspectAware", "VolumeAspectAware", "as_aspect", "as_aspects", "aspect_of", "aspects_of", "turn"]

_MAX_ASPECT = 100_000  # for a larger one, points in one column differ only by rounding


class AspectAware:
    """The option `aspect` of a transform, which `for_image` fills in. Its position among the bases is before `Transform`."""

    def __init__(self, aspect: float | None = None) -> None:
        self.aspect: Any = None if aspect is None else as_aspect(aspect)

    def for_image(self, in_shape: Shape, align_corners: bool = True) -> Self:
        """Return the transform with the aspect of images (H, W); itself if the aspect was given."""
        if self.aspect is not None:
            return self
        bound = copy.copy(self)
        bound.aspect = self._measured(in_shape, align_corners)
        return bound

    def _measured(self, in_shape: Shape, align_corners: bool) -> Any:
        """The aspect of images."""
        return aspect_of(in_shape, align_corners)

    def can_be_shared(self) -> bool:
        """Return True: nothing is stored between calls."""
        return True

    @property
    def _aspect_or_square(self) -> float:
        return 1.0 if self.aspect is None else float(self.aspect)


class VolumeAspectAware(AspectAware):
    """`AspectAware` for images and volumes, whose aspect is a pair."""

    def __init__(self, aspect: float | tuple[float, float] | None = None, ndim: int = 2) -> None:
        self.ndim = as_ndim(ndim)
        if aspect is None or self.ndim == 2:
            super().__init__(aspect)  # type: ignore[arg-type]
        else:
            self.aspect = as_aspects(aspect)

    def _measured(self, in_shape: Shape, align_corners: bool) -> Any:
        return super()._measured(in_shape, align_corners) if self.ndim == 2 else aspects_of(in_shape, align_corners)

    @property
    def _units(self) -> tuple[float, float, float]:
        """Lengths of a normalized unit along x, y and z."""
        across, deep = (1.0, 1.0) if self.aspect is None else self.aspect
        return across, 1.0, deep

    def _shown_options(self) -> dict[str, Any]:
        return {"aspect": self.aspect} if self.ndim == 2 else {"aspect": self.aspect, "ndim": self.ndim}


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


def as_aspects(value: Any) -> tuple[float, float]:
    """Return the aspect of volumes: width and depth over height.

    Examples
    --------
    >>> as_aspects([1, 2])
    (1.0, 2.0)
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"aspect: expected the volume's width and depth over its height, got {value!r:.60}")
    return as_aspect(value[0]), as_aspect(value[1])


def aspects_of(shape: Shape, align_corners: bool = True) -> tuple[float, float]:
    """Return how many voxels a normalized unit of x and one of z are, over those of y; 1 for an axis that has none.

    Examples
    --------
    >>> aspects_of((5, 11, 21))
    (2.0, 0.4)
    """
    depth, height, width = check_shape(shape, "in_shape", 3)
    return aspect_of((height, width), align_corners), aspect_of((height, depth), align_corners)


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
