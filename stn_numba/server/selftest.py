"""Each kernel against a small NumPy oracle, on one thread and on all."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.interpolation import KERNELS
from stn_numba.sampler import sample, sample_vjp
from stn_numba.server.oracle import reading_matrix, slope_matrix

__all__ = ["Check", "self_test"]

_SHAPE, _SIDE = (7, 9), 128  # of the image; of the output: large enough for several threads


@dataclass(frozen=True)
class Check:
    """One check: its name, what went wrong (empty if nothing), and how long it took."""

    name: str
    problem: str
    seconds: float


def self_test() -> Iterator[Check]:
    """Run all checks, each by itself: one that fails does not keep the others from running."""
    for name, check in _checks():
        start = time.perf_counter()
        try:
            check()
            problem = ""
        except Exception as error:  # whatever a broken installation raises
            problem = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        yield Check(name, problem, time.perf_counter() - start)


def _checks() -> Iterator[tuple[str, Callable[[], None]]]:
    for dtype in ("float32", "uint8"):
        for kernel in ("nearest", "bilinear", *KERNELS):
            yield f"sample {dtype} {kernel}", functools.partial(_forward, dtype, kernel)
    yield "gradient by the image float32 bilinear", _image_gradient
    yield "gradient by the grid float32 bilinear", _grid_gradient
    yield "convolution float32", _convolution
    yield "pooling float32", _pooling


def _data() -> tuple[NDArray[np.float64], NDArray[Any]]:
    """An image (H, W, 2) of numbers 0 to 255, and positions (M, 2) in float32, some of them outside."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (*_SHAPE, 2)).astype(np.float64), rng.uniform(-1.3, 1.3, (_SIDE**2, 2)).astype(np.float32)


def _laid(rows: NDArray[Any]) -> NDArray[Any]:
    return rows.reshape(1, _SIDE, _SIDE, 2)


def _forward(dtype: str, kernel: str) -> None:
    image, points = _data()
    expected = reading_matrix(points, _SHAPE, kernel) @ image.reshape(-1, 2)
    whole = dtype == "uint8"  # a number halfway between two whole ones may be rounded either way
    expected = np.clip(np.rint(expected), 0, 255) if whole else expected
    for threads in (1, None):
        out = sample(image[None].astype(dtype), _laid(points), kernel=kernel, num_threads=threads)
        _close(out, _laid(expected), 1 if whole else 5e-3, threads)


def _image_gradient() -> None:
    image, points = _data()
    d_out = np.random.default_rng(1).standard_normal((_SIDE**2, 2))
    expected = reading_matrix(points, _SHAPE, "bilinear").T @ d_out
    for threads in (1, None):
        _, backprop = sample_vjp(image[None].astype(np.float32), _laid(points), num_threads=threads)
        _close(backprop(_laid(d_out), grid=False)[0], expected.reshape(1, *_SHAPE, 2), 1e-3, threads)


def _grid_gradient() -> None:
    image, points = _data()
    d_out = np.random.default_rng(1).standard_normal((_SIDE**2, 2))
    slopes = [slope_matrix(points, _SHAPE, axis) @ image.reshape(-1, 2) for axis in (0, 1)]
    expected = np.stack([(slope * d_out).sum(axis=1) for slope in slopes], axis=1)
    for threads in (1, None):
        _, backprop = sample_vjp(image[None].astype(np.float32), _laid(points), num_threads=threads)
        _close(backprop(_laid(d_out), image=False)[1], _laid(expected), 0.05, threads)


def _convolution() -> None:
    from stn_numba.nn import Conv2d

    layer = Conv2d(3, 3)
    layer.initialise((6, 6, 2), np.random.default_rng(0))
    x, weight = np.random.default_rng(1).standard_normal((2, 6, 6, 2)).astype(np.float32), layer.params["weight"]
    y, backprop = layer.forward(x)
    patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))  # (N, h, w, C, 3, 3)
    _close(y, np.einsum("nhwcab,abcf->nhwf", patches, weight), 1e-4)
    expected = np.zeros(x.shape)
    for a, b in np.ndindex(3, 3):
        expected[:, a : a + 4, b : b + 4] += weight[a, b].sum(axis=1)
    _close(backprop(np.ones_like(y))[0], expected, 1e-4)


def _pooling() -> None:
    from stn_numba.nn import MaxPool

    x = np.random.default_rng(1).permutation(64).reshape(2, 4, 4, 2).astype(np.float32)
    y, backprop = MaxPool(2).forward(x)
    blocks = x.reshape(2, 2, 2, 2, 2, 2).max(axis=(2, 4))
    _close(y, blocks, 0)
    _close(backprop(np.ones_like(y))[0], x == blocks.repeat(2, axis=1).repeat(2, axis=2), 0)


def _close(got: NDArray[Any] | None, expected: NDArray[Any], tolerance: float, threads: int | None = 1) -> None:
    if got is None or got.shape != expected.shape:
        raise AssertionError(f"expected shape {expected.shape}, got {None if got is None else got.shape}")
    error = float(np.max(np.abs(got - expected.astype(np.float64))))
    if not error <= tolerance:
        on = "one thread" if threads == 1 else "all threads"
        raise AssertionError(f"off by {error:.3g} on {on}, tolerance {tolerance:.3g}")
