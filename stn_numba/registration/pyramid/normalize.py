"""Take uneven lighting out of images: local mean 0 and local deviation 1."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.pyramid.planes import Planes

__all__ = ["locally_normalized"]

_SHARE = 1 / 12  # of the shorter side: the width of the neighborhood
_LEAST = 7  # pixels of it
_NOISE = 0.1  # of the whole image's deviation: contrast below this is not raised


def locally_normalized(planes: Planes) -> Planes:
    """Return planes whose pixels are compared with their neighborhood, a square of a twelfth of the shortest side, or a cube.

    Pixels whose neighborhood leaves the image have no weight: what it would show is not known.
    """
    from scipy import ndimage

    size = max(_LEAST, int(min(planes.shape) * _SHARE)) | 1
    weight = np.ones((len(planes), 1, *planes.shape), np.float32) if planes.weight is None else planes.weight[:, None]

    def around(values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Weighted mean of each pixel's neighborhood."""
        total = ndimage.uniform_filter(values * weight, sizes, mode="constant")
        return np.asarray(total / np.maximum(shares, 1e-6), np.float32)

    sizes = (0, 0, *(size,) * len(planes.shape))
    shares = ndimage.uniform_filter(weight, sizes, mode="constant")
    centered = planes.values - around(planes.values)
    deviation = np.sqrt(around(centered * centered) + np.float32(_NOISE) ** 2)
    half = size // 2
    inside = np.zeros_like(weight)
    interior = (slice(None), slice(None), *(slice(half, -half),) * len(planes.shape))
    inside[interior] = weight[interior]
    return dataclasses.replace(
        planes, values=(centered / deviation * weight).astype(np.float32), weight=np.ascontiguousarray(inside[:, 0])
    )
