"""Sums over pixels for transforms without a matrix: thin calls of the kernels, which validate nothing.

All images are C-contiguous float32. Positions, Jacobians and sums are float64.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.registration import codes
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel
from stn_numba.registration.models.kernel_sums import MatrixSums, index_words, plane_words, threads

__all__ = ["Positions", "read_positions", "row_sums"]

Array = NDArray[Any]

_MODULE = "kernels.registration.row_sums"
_SUMS, _READ = kernel(_MODULE, "row_sums"), kernel(_MODULE, "read_positions")
_PIXELS = 1 << 13  # of a task


class Positions(NamedTuple):
    """Where the fixed pixels of N pairs read the moving image, in its pixels.

    Attributes
    ----------
    values
        (N, h * w, 2), as (x, y); None if they come from a basis.
    basis
        (B, h * w), float32 or float64.
    coefficients
        (N, 2, B), those of x and of y.
    """

    values: Array | None = None
    basis: Array | None = None
    coefficients: Array | None = None

    @property
    def pixels(self) -> int:
        """h * w."""
        if self.values is not None:
            return self.values.shape[1]
        assert self.basis is not None
        return self.basis.shape[1]

    def __len__(self) -> int:
        values = self.coefficients if self.values is None else self.values
        assert values is not None
        return values.shape[0]

    def words(self) -> tuple[int, ...]:
        """As the kernels take them."""
        if self.values is not None:
            return address_of(self.values), 0, 0, 8, 0, self.pixels
        assert self.basis is not None
        assert self.coefficients is not None
        return 0, address_of(self.basis), len(self.basis), self.basis.itemsize, address_of(self.coefficients), self.pixels


@functools.cache
def row_sums_entry() -> Entry:
    """Words: four planes, limits, tasks, indices, positions, Jacobian, options, rows, sums, out."""
    planes = (("int", "int"),) * 4
    return _SUMS.entry((planes, ("int",) * 3, "int", ("int",) * 4, ("int",) * 6, ("int",) * 2, ("int",) * 3, *("int",) * 3))


@functools.cache
def read_positions_entry() -> Entry:
    """Words: planes and mask, limits, tasks, index, positions, kernel, out."""
    planes = ("int", "int")
    return _READ.entry((planes, planes, ("int",) * 3, "int", ("int",) * 2, ("int",) * 6, "int", "int"))


@functools.cache
def _places(size: int) -> Array:
    return codes.product_places(size)


def row_sums(
    moving: Array,
    fixed: Array,
    positions: Positions,
    in_shape: tuple[int, int],
    *,
    jacobian: Array | None = None,
    kernel: int = codes.LINEAR,
    mask: Array | None = None,
    fixed_weight: Array | None = None,
    robust: int = codes.NOT_ROBUST,
    lighting: Array | None = None,
    moving_index: Array | None = None,
    fixed_index: Array | None = None,
    num_threads: int | None = None,
) -> MatrixSums:
    """Return sums of w q q^T over the fixed pixels whose position is inside the moving image.

    With a Jacobian q = (gx dx_0 + gy dy_0, gx dx_1 + gy dy_1, ..., m, 1, f), of size P + 3: the derivatives of the value m by
    the parameters, then m, 1 and the fixed pixel f. Without one they are those by the coefficients of a basis:
    q = (gx b_0, gx b_1, ..., gy b_0, gy b_1, ..., m, 1, f), of size 2 B + 3.

    Parameters
    ----------
    positions : Positions
    jacobian : array (N, P, h * w, 2), optional
        Derivatives of positions, in pixels.
    moving, fixed, in_shape, kernel, mask, fixed_weight, robust, lighting, moving_index, fixed_index, num_threads
        As for `matrix_sums`.
    """
    N, pixels = len(positions), positions.pixels
    P = 2 * len(positions.basis) if positions.basis is not None else 0
    if jacobian is not None:
        P = jacobian.shape[1]
    size = codes.padded_rows(P + 3)
    sums, tasks = codes.sums_of_products(P + 3), max(1, pixels // _PIXELS)
    found = np.empty((N, tasks, sums + 1))
    words = (
        *plane_words(moving),
        *plane_words(mask),
        *plane_words(fixed),
        *plane_words(fixed_weight),
        *(in_shape[1], in_shape[0], moving.shape[2]),
        tasks,
        *index_words(moving_index, moving),
        *index_words(fixed_index, fixed),
        *positions.words(),
        *((0, 0) if jacobian is None else (address_of(jacobian), P)),
        *(kernel, robust, 0 if lighting is None else address_of(lighting)),
        *(size, sums, address_of(found)),
    )
    dispatch.run(row_sums_entry(), N * tasks, threads(N * pixels * P // 4, num_threads), words)
    total = found[:, 0] if tasks == 1 else found.sum(axis=1)
    return MatrixSums(total.take(_places(P + 3), axis=1), total[:, sums].copy())


def read_positions(
    moving: Array,
    positions: Positions,
    in_shape: tuple[int, int],
    *,
    kernel: int = codes.LINEAR,
    mask: Array | None = None,
    moving_index: Array | None = None,
    num_threads: int | None = None,
) -> Array:
    """Return values (N, h * w) of moving images, as `row_sums` reads them; NaN outside, and where a mask is 0."""
    N, pixels = len(positions), positions.pixels
    out, tasks = np.empty((N, pixels), np.float32), max(1, pixels // _PIXELS)
    words = (
        *plane_words(moving),
        *plane_words(mask),
        *(in_shape[1], in_shape[0], moving.shape[2]),
        tasks,
        *index_words(moving_index, moving),
        *positions.words(),
        *(kernel, address_of(out)),
    )
    dispatch.run(read_positions_entry(), N * tasks, threads(N * pixels, num_threads), words)
    return out
