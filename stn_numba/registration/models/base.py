"""What a model is: how a kind of transform is read, and what is summed over pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.models.kernel_sums import MatrixSums
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.volumes.near_matrix import NearMatrix
from stn_numba.registration.pyramid.levels import Level

__all__ = ["Array", "Model", "Rows", "Sums", "shown_values", "split"]

_SHOWN = 0.5  # weight of a position that counts: scattered masked pixels lower the weights of coarse levels everywhere

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Sums:
    """Weighted sums over the pixels of N pairs with C channels.

    Attributes
    ----------
    jj : ndarray, (N, C, P, P), or NearMatrix
        Products of the derivatives of m with respect to theta; of lattices of volumes N * C near matrices.
    jr : ndarray, (N, C, P, 3)
        Their products with m, 1, f.
    rr : ndarray, (N, C, 3, 3)
        Products of m, 1, f.
    count : ndarray, (N,)
        Sum of the weights of the pixels that both images show, without robust weights.
    """

    jj: Array | NearMatrix
    jr: Array
    rr: Array
    count: Array

    @classmethod
    def joined(cls, parts: list[Sums]) -> Sums:
        """Those of several batches of pairs."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))


class Model(Protocol):
    """How a kind of transform is read."""

    def sums(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """Sums for theta (N, P) of the given pairs."""

    def values(self, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
        """The moving images as theta reads them, (N, C, h, w); NaN outside."""


def shown_values(model: Model, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
    """Return `Model.values`, with NaN also where a mask hides the moving images."""
    values, masks = model.values(level, theta, pairs), level.of_masks()
    if masks is None:
        return values
    return np.where(model.values(masks, theta, pairs) > _SHOWN, values, np.float32(np.nan))


def split(found: MatrixSums, channels: int, factors: Array | float = 1.0) -> Sums:
    """Return the sums of products (N * C, P + 3, P + 3), with derivatives times factors (P,)."""
    products = found.products.reshape(-1, channels, *found.products.shape[1:])
    size = products.shape[-1] - 3
    factors = np.broadcast_to(factors, size)
    jj = products[..., :size, :size] * (factors[:, None] * factors)
    return Sums(jj, products[..., :size, size:] * factors[:, None], products[..., size:, size:], found.counts[::channels])
