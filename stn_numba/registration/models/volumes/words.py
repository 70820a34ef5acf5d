"""What kernels of volumes take of a level: words for planes, limits, indices and options."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.models.kernel_sums import index_words, plane_words
from stn_numba.registration.pyramid.levels import Level

__all__ = ["bands_of_volume", "limits_of", "scale_of", "volume_arguments"]

_VOXELS = 1 << 14  # of a task


def bands_of_volume(level: Level) -> int:
    """Return the number of tasks of a volume, fixed by its shape."""
    d, h, w = level.shape
    return max(1, min(d * h, d * h * w // _VOXELS))


def limits_of(level: Level) -> tuple[int, ...]:
    """Size (W, H, D) of the moving volumes, elements from row to row and rows from plane to plane."""
    return (*level.moving_size[::-1], level.moving.shape[3], level.moving.shape[2])


def scale_of(level: Level) -> tuple[float, ...]:
    """From normalized positions to voxels: factor and offset of x, then of y and z."""
    matrix = level.to_pixels
    return tuple(float(number) for axis in range(3) for number in (matrix[axis, axis], matrix[axis, 3]))


def volume_arguments(level: Level, pairs: NDArray[np.intp]) -> tuple[tuple[int, ...], tuple[int, ...], Any]:
    """Words for the four planes, and for the indices; and what they are addresses of."""
    moving, fixed = level.planes_of(pairs)
    planes = (level.moving, level.moving_weight, level.fixed, level.fixed_weight)
    indices = *index_words(moving, level.moving), *index_words(fixed, level.fixed)
    return tuple(word for each in planes for word in plane_words(each)), indices, (moving, fixed)
