"""Convolution by Fourier transforms (Mathieu, Henaff and LeCun, arXiv 1312.5851), for large patches and many channels.

Between transforms, each frequency multiplies channels by filters, whatever the size of the patch: a tenth of the work for
patches of 7 x 7. The transforms are products with small matrices, which compute only the rows and columns that are needed, so
BLAS does all of the arithmetic.

Rounding errors are relative to the largest number of an image, and a pixel that is not finite spoils its whole image.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.conv.pad import cropped, padded
from stn_numba.nn.engine.conv.spec import ConvSpec
from stn_numba.nn.engine.thread_pool import parallel_map, thread_parts

__all__ = ["convolve", "is_faster"]

Spectra = NDArray[np.complexfloating[Any, Any]]  # (N, frequencies, channels)

_GAIN = 1.5  # by which the estimated direct work must be larger
# Measured time of a multiplication, relative to one of the direct convolution.
_PRODUCTS, _TRANSFORMS, _WEIGHTS = 1.3, 2.5, 4.0


def is_faster(spec: ConvSpec, weight: Floats, shape: Size, dtype: DTypeLike) -> bool:
    """Whether a batch of this shape (N, H, W, C) takes less time this way."""
    fits = len(shape) == 4 and shape[3] == weight.shape[2] and shape[0] > 0
    if not fits or spec.stride > 1 or weight.dtype != dtype or np.dtype(dtype) not in (np.float32, np.float64):
        return False
    N, (size, _, C, F) = shape[0], weight.shape
    H, W = (length + 2 * spec.padding for length in shape[1:3])
    if min(H, W) < size:
        return False
    h, w = spec.out_size(H, W)
    direct: int = size**2 * h * w * C * F
    products = 4 * (H // 2 + 1) * W * C * F
    transforms, of_weights = _work(H, W, H, W) * (C + F), _work(size, size, H, W) * C * F / N
    return bool(direct > _GAIN * (_PRODUCTS * products + _TRANSFORMS * transforms + _WEIGHTS * of_weights))


def convolve(spec: ConvSpec, weight: Floats, bias: Floats, x: Floats) -> tuple[Floats, Backprop]:
    """Return (N, h, w, filters) for images (N, H, W, C), and its backward."""
    size, _, C, F = weight.shape
    x = padded(x, spec.padding)
    whole = x.shape[1:3]
    # Correlation, so the spectra of the weights are conjugated; in the backward pass those of dy are.
    X = _spectra(x, whole)
    V = _spectra(weight.reshape(1, size, size, C * F), whole, conjugate=True).reshape(-1, C, F)
    y = _images(_product(X, V), whole, spec.out_size(*whole))
    y += bias

    def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        dy = as_gradient("Conv2d", dy, y)
        dY = _spectra(dy, whole, conjugate=True)
        dV = _sum_of_products(X, dY).reshape(1, -1, C * F)
        gradients = {
            "weight": _images(dV, whole, (size, size)).reshape(weight.shape),
            "bias": dy.reshape(-1, F).sum(axis=0),
        }
        if not input_gradient:
            return None, gradients
        dx = _images(_product(dY, V.transpose(0, 2, 1)), whole, whole, conjugate=True)
        return cropped(dx, spec.padding), gradients

    return y, backprop


def _work(H: int, W: int, height: int, width: int) -> float:
    """Multiplications of a transform of one channel (H, W), as part of (height, width)."""
    half = height // 2 + 1
    return 2 * half * H * W + 4 * half * W * width


def _spectra(x: Floats, whole: tuple[int, int], *, conjugate: bool = False) -> Spectra:
    """Transform images (N, H, W, C), followed by zeros up to `whole`; half of the rows' frequencies determine the others."""
    N, H, W, C = x.shape
    rows, columns = (_matrix(n, m, x.dtype, conjugate) for n, m in zip(whole, (H, W), strict=True))
    half = whole[0] // 2 + 1
    rows = rows[:half]
    out = buffers.empty((N, half, whole[1], C), rows.dtype)

    def transform(part: slice) -> None:
        flat = x[part].reshape(-1, H, W * C)
        inner = buffers.empty((len(flat), half, W * C), rows.dtype)
        inner.real, inner.imag = np.ascontiguousarray(rows.real) @ flat, np.ascontiguousarray(rows.imag) @ flat
        np.matmul(columns, inner.reshape(-1, half, W, C), out=out[part])

    _each(transform, N)
    return out.reshape(N, -1, C)


def _images(spectra: Spectra, whole: tuple[int, int], size: tuple[int, int], *, conjugate: bool = False) -> Floats:
    """Transform back, to the first (H, W) = `size` of the rows and columns."""
    N, _, C = spectra.shape
    half, (H, W) = whole[0] // 2 + 1, size
    rows, columns = (_matrix(n, m, spectra.real.dtype, not conjugate).T for n, m in zip(whole, size, strict=True))
    columns = np.ascontiguousarray(columns / np.prod(whole, dtype=columns.real.dtype))
    twice = np.full(half, 2, rows.real.dtype)  # the other half of the frequencies has the same real part
    twice[[0, -1] if whole[0] % 2 == 0 else [0]] = 1
    rows = np.ascontiguousarray(rows[:, :half] * twice)
    out = buffers.empty((N, H, W, C), rows.real.dtype)

    def transform(part: slice) -> None:
        inner = columns @ spectra[part].reshape(-1, half, whole[1], C)
        out[part] = (rows @ inner.reshape(-1, half, W * C)).real.reshape(-1, H, W, C)

    _each(transform, N)
    return out


def _product(x: Spectra, weight: Spectra) -> Spectra:
    """(N, frequencies, C) times (frequencies, C, F): (N, frequencies, F)."""
    N, count, _ = x.shape
    y = buffers.empty((N, count, weight.shape[2]), x.dtype)
    by_frequency, out = x.transpose(1, 0, 2), y.transpose(1, 0, 2)
    _each(lambda part: np.matmul(by_frequency[part], weight[part], out=out[part]), count)
    return y


def _sum_of_products(x: Spectra, y: Spectra) -> Spectra:
    """(N, frequencies, C) and (N, frequencies, F), summed over N: (frequencies, C, F)."""
    out = buffers.empty((x.shape[1], x.shape[2], y.shape[2]), x.dtype)
    first, second = x.transpose(1, 2, 0), y.transpose(1, 0, 2)
    _each(lambda part: np.matmul(first[part], second[part], out=out[part]), len(out))
    return out


def _each(work: Callable[[slice], Any], count: int) -> None:
    """Call `work` for parts of range(count), in parallel; results do not depend on the parts."""
    parallel_map(work, thread_parts(count, count))


@functools.lru_cache(64)
def _matrix(length: int, count: int, dtype: np.dtype[Any], conjugate: bool) -> Spectra:
    """Transform (length, count) of a row's first `count` numbers, the others being zero."""
    turns = np.outer(np.arange(length), np.arange(count)) % length / length
    matrix: Spectra = np.exp((2j if conjugate else -2j) * np.pi * turns).astype(np.result_type(dtype, np.complex64))
    matrix.flags.writeable = False
    return matrix
