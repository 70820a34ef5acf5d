"""Sums over pixels for Gauss-Newton steps: thin calls of the kernels, which validate nothing.

All images are C-contiguous float32. Matrices and sums are float64.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Shape
from stn_numba.kernels.registration import codes
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel

__all__ = [
    "MatrixSums",
    "bands_of",
    "index_words",
    "matrix_read",
    "matrix_sums",
    "plane_words",
    "threads_for",
]

Array = NDArray[Any]

_MODULE = "kernels.registration.matrix_sums"
_SUMS, _READ = kernel(_MODULE, "matrix_sums"), kernel(_MODULE, "matrix_read")
_PIXELS = 1 << 14  # of a task
_FEW = 1 << 16  # pixels of a call, up to which one thread is about as fast, and steadier on a busy machine


class MatrixSums(NamedTuple):
    """Sums over the pixels of each pair.

    Attributes
    ----------
    products
        (N, 12, 12): sums of w q q^T.
    counts
        (N,): sums of the weights without the robust factor.
    """

    products: Array
    counts: Array


@functools.cache
def sums_entry() -> Entry:
    """Words: four planes, limits, size, indices, matrix, axes, options, out."""
    planes, ints = ("int", "int"), ("int",) * 4
    return _SUMS.entry(((planes,) * 4, ("int",) * 3, ints, ints, "int", ("float",) * 4, ints, "int"))


@functools.cache
def read_entry() -> Entry:
    """Words: planes, limits, size, index, step, matrix, axes, kernel, projective, out."""
    return _READ.entry((("int", "int"), ("int",) * 3, ("int",) * 4, "int", "int", "int", ("float",) * 4, "int", "int", "int"))


@functools.cache
def _places() -> Array:
    """Where each of the 12 x 12 products is in the lines of sums; zeros are in the last place."""
    places = np.full((12, 12), 3 * codes.LINE - 1)
    pairs = {(0, 0): codes.PAIRS, (0, 1): codes.PAIRS + 3, (1, 1): codes.PAIRS + 6}
    pairs |= {(k, 2): codes.DEPTH + 3 * k for k in range(3)}
    cross = codes.CROSS, codes.CROSS + 6, codes.DEPTH + 9
    powers = (1, 0), (0, 1), (0, 0)  # of u, v
    for a in range(3):
        for i, (u, v) in enumerate(powers):
            for b in range(a, 3):
                for j, (also_u, also_v) in enumerate(powers):
                    places[3 * a + i, 3 * b + j] = (v + also_v) * codes.LINE + pairs[a, b] + u + also_u
            places[3 * a + i, 9:] = v * codes.LINE + cross[a] + u + np.array([0, 2, 4])
    places[9:, 9:] = codes.LEVELS + np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
    return np.where(np.tri(12, k=-1, dtype=bool), places.T, places)


def plane_words(planes: Array | None) -> tuple[int, int]:
    """Planes as a kernel takes them: address and bytes from one to the next."""
    return (0, 0) if planes is None else (address_of(planes), planes.strides[0])


def index_words(index: Array | None, planes: Array) -> tuple[int, int]:
    """An index by its address, or the step from pair to pair."""
    return (0, int(len(planes) > 1)) if index is None else (address_of(index), 0)


def threads_for(pixels: int) -> int | None:
    """Threads for a call: one if it is small, else as many as are allowed."""
    return 1 if pixels <= _FEW else None


def bands_of(h: int, w: int) -> int:
    """Return the number of tasks of a pair, fixed by its shape."""
    return max(1, min(h, h * w // _PIXELS))


def matrix_sums(
    moving: Array,
    fixed: Array,
    matrix: Array,
    axes: tuple[float, ...],
    in_shape: Shape,
    *,
    kernel: int = codes.LINEAR,
    projective: bool = False,
    mask: Array | None = None,
    fixed_weight: Array | None = None,
    robust: int = codes.NOT_ROBUST,
    lighting: Array | None = None,
    moving_index: Array | None = None,
    fixed_index: Array | None = None,
) -> MatrixSums:
    """Return sums of w q q^T over the fixed pixels whose position is inside the moving image.

    q = (gx / Z (u, v, 1), gy / Z (u, v, 1), s / Z (u, v, 1), m, 1, f): the derivatives of the value m by the nine numbers of
    the matrix, with s = -(gx X + gy Y) / Z, then m, 1 and the fixed pixel f. The bits of the result do not depend on the number
    of threads.

    Parameters
    ----------
    moving : array (Nm, H, W)
        Pixels, at least two rows and columns; or coefficients of splines with a margin of one.
    fixed : array (Nf, h, w)
    matrix : array (N, 3, 3), float64
        From (u, v, 1) to moving pixels.
    axes : tuple of four floats
        u = axes[0] * column + axes[1], v = axes[2] * row + axes[3].
    in_shape : tuple
        (H, W) of `moving` without its margin.
    kernel : int, default codes.LINEAR
        `codes.LINEAR` or `codes.B_SPLINE`.
    projective : bool, default False
        Without it the last row of each matrix must be (0, 0, 1), and the sums of its derivatives are 0.
    mask, fixed_weight : array, optional
        Weights like `moving`, with pixel (0, 0) first whatever the margin, and (Nf, h, w). A pixel next to a zero of the mask
        does not count.
    robust : int, default codes.NOT_ROBUST
        `codes.HUBER` or `codes.TUKEY` for weights by the residual gain * m + bias - f.
    lighting : array (N, 3), float64, optional
        Gain, bias, and the residual from which on Huber's weight falls, or Tukey's is 0.
    moving_index, fixed_index : array (N,), int64, optional
        Images of each matrix; by default one image serves all, or there are N.
    """
    N, (h, w) = len(matrix), fixed.shape[1:]
    bands = bands_of(h, w)
    lines = np.empty((N, bands, 3 * codes.LINE))
    words = (
        *plane_words(moving),
        *plane_words(mask),
        *plane_words(fixed),
        *plane_words(fixed_weight),
        *(in_shape[1], in_shape[0], moving.shape[2]),
        *(N, h, w, bands),
        *index_words(moving_index, moving),
        *index_words(fixed_index, fixed),
        address_of(matrix),
        *axes,
        *(kernel, projective, robust, 0 if lighting is None else address_of(lighting)),
        address_of(lines),
    )
    dispatch.run(sums_entry(), N * bands, threads_for(N * h * w), words)
    total = lines[:, 0] if bands == 1 else lines.sum(axis=1)
    return MatrixSums(total.take(_places(), axis=1), total[:, codes.LEVELS + 6].copy())


def matrix_read(
    moving: Array,
    matrix: Array,
    axes: tuple[float, ...],
    in_shape: Shape,
    out_shape: Shape,
    *,
    kernel: int = codes.LINEAR,
    projective: bool = False,
    moving_index: Array | None = None,
) -> Array:
    """Return the values (N, h, w) that `matrix_sums` compares with the fixed pixels; NaN outside."""
    N, (h, w) = len(matrix), out_shape
    bands = bands_of(h, w)
    out = np.empty((N, h, w), np.float32)
    words = (
        *plane_words(moving),
        *(in_shape[1], in_shape[0], moving.shape[2]),
        *(N, h, w, bands),
        *index_words(moving_index, moving),
        address_of(matrix),
        *axes,
        *(kernel, projective),
        address_of(out),
    )
    dispatch.run(read_entry(), N * bands, threads_for(N * h * w), words)
    return out
