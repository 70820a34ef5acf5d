"""Compare each kernel with a NumPy reference, on one thread and on all."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.deploy.comparison import FLOATS, THREADS, expect_close
from stn_numba.deploy.reference import (
    align_corners_points,
    block_means,
    project,
    sampling_matrix,
    sampling_matrix_derivative,
)
from stn_numba.deploy.volume_self_test import volume_checks
from stn_numba.deploy.window_self_test import window_positions
from stn_numba.grid import MatrixGrid
from stn_numba.kernels.runtime import prebuilt
from stn_numba.sampler import IMAGE_DTYPES, sample, sample_vjp
from stn_numba.sampler.interpolation import KERNELS

__all__ = ["Check", "self_test"]

_SHAPE, _SIDE = (7, 9), 96  # (H, W) of the image; side of the output, large enough for several threads
_CHANNELS = (1, 3, 5)  # there are separate kernels for one, few and many channels
_SMOOTH = ("bilinear", *KERNELS)

Array = NDArray[Any]


@dataclass(frozen=True)
class Check:
    """The outcome of one check: its name, what is wrong (empty if nothing), and how long it took."""

    name: str
    problem: str
    seconds: float


def self_test(everything: bool | None = None) -> Iterator[Check]:
    """Run the checks and yield their outcomes. A check that fails does not stop the others.

    Parameters
    ----------
    everything : bool, optional
        Whether to check all dtypes, gradients and options. The default is True if prebuilt kernels are in use. Otherwise that
        would compile for minutes, so only float32 and uint8 are checked.
    """
    for name, check in _checks(prebuilt.library() is not None if everything is None else everything):
        start = time.perf_counter()
        try:
            check()
            problem = ""
        except Exception as error:  # a broken installation may raise anything
            problem = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        yield Check(name, problem, time.perf_counter() - start)


def _checks(everything: bool) -> Iterator[tuple[str, Callable[[], None]]]:
    for dtype in IMAGE_DTYPES if everything else ("float32", "uint8"):
        yield f"sample {dtype}", functools.partial(_sample, dtype)
    for size in (1, 2, 4, 8) if everything else (1, 4):
        yield f"nearest, items of {size} bytes", functools.partial(_nearest, size)
    for dtype in FLOATS if everything else ("float32",):
        yield f"gradient by the image {dtype}", functools.partial(_image_gradient, dtype)
        yield f"gradient by the grid {dtype}", functools.partial(_grid_gradient, dtype)
    if everything:
        yield "positions float64", _float64_positions
        yield "positions in a window", functools.partial(window_positions, 2)
        yield "positions in a window of a volume", functools.partial(window_positions, 3)
        for dtype in IMAGE_DTYPES:
            yield f"antialias {dtype}", functools.partial(_antialias, dtype)
        for align_corners in (True, False):
            yield f"homography, align_corners={align_corners}", functools.partial(_homography, align_corners)
    yield from volume_checks(everything)
    yield "convolution float32", _convolution
    yield "pooling float32", _pooling


def _image(dtype: str, *shape: int) -> NDArray[np.float64]:
    """Return random integers over the whole range of an integer dtype, or 0 to 255 for floats."""
    low, high = _limits(dtype) or (0, 255)
    return np.random.default_rng(0).integers(low, high, shape, endpoint=True).astype(np.float64)


def _limits(dtype: str) -> tuple[int, int] | None:
    """Return the range of an integer dtype, or None for floats."""
    if np.dtype(dtype).kind == "f":
        return None
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _points() -> NDArray[np.float32]:
    """Return positions (M, 2), some of them outside the image."""
    return np.random.default_rng(1).uniform(-1.3, 1.3, (_SIDE**2, 2)).astype(np.float32)


def _data(dtype: str, channels: int, positions: str) -> tuple[Array, Array, Array]:
    """Return an image (H, W, C), a gradient of the output (M, C), and a grid of the given dtype."""
    d_out = np.random.default_rng(2).standard_normal((_SIDE**2, channels))
    return _image(dtype, *_SHAPE, channels), d_out, _as_output(_points()).astype(positions)


def _as_output(rows: Array) -> Array:
    """Reshape rows (M, C) to (1, h, w, C)."""
    return rows.reshape(1, _SIDE, _SIDE, -1)


def _sample(dtype: str) -> None:
    for kernel in _SMOOTH:
        matrix = sampling_matrix(_points(), _SHAPE, kernel)
        for channels in _CHANNELS:
            image = _image(dtype, *_SHAPE, channels)
            _check_sample(
                image,
                dtype,
                _as_output(_points()),
                matrix @ image.reshape(-1, channels),
                f"{kernel}, {channels} channels",
                kernel=kernel,
            )


def _nearest(size: int) -> None:
    for channels in (1, 3):
        image = _image("uint8", *_SHAPE, channels)
        expected = sampling_matrix(_points(), _SHAPE, "nearest") @ image.reshape(-1, channels)
        # items that are not contiguous are copied one by one
        spread = np.repeat(image, 2, axis=2).astype(f"u{size}")[None, :, :, ::2]
        for name, threads in THREADS.items():
            out = sample(spread, _as_output(_points()), kernel="nearest", num_threads=threads)
            expect_close(out, _as_output(expected), 0, f"{channels} channels, {name}")


def _float64_positions() -> None:
    points = _points().astype(np.float64)
    image = _image("float32", *_SHAPE, 3)
    _check_sample(
        image, "float32", _as_output(points), sampling_matrix(points, _SHAPE, "bilinear") @ image.reshape(-1, 3), "3 channels"
    )


def _antialias(dtype: str) -> None:
    image = _image(dtype, 2 * _SIDE, 2 * _SIDE, 2)
    centers = _as_output(project(np.eye(3), (_SIDE, _SIDE), align_corners=False))
    _check_sample(image, dtype, centers, block_means(image, 2), "half the size", align_corners=False, antialias=True)


def _homography(align_corners: bool) -> None:
    matrix = np.array([[0.8, 0.3, 0.1], [-0.2, 0.9, -0.05], [0.2, 0.1, 1.0]])
    points = align_corners_points(project(matrix, (_SIDE, _SIDE), align_corners), _SHAPE, align_corners)
    image, grid = _image("float32", *_SHAPE, 3), MatrixGrid(matrix[None], (_SIDE, _SIDE), align_corners=align_corners)
    _check_sample(image, "float32", grid, sampling_matrix(points, _SHAPE, "bilinear") @ image.reshape(-1, 3), "3 channels")


def _check_sample(image: Array, dtype: str, grid: Any, expected: Array, what: str, **options: Any) -> None:
    """Compare the result of `sample`. Integers may be off by 1, since halves may be rounded either way."""
    limits = _limits(dtype)
    if limits:
        expected = np.clip(np.rint(expected), *limits)
    tolerance = 1 if limits else {"float32": 1e-3, "float64": 1e-10}[dtype]
    for name, threads in THREADS.items():
        out = sample(image[None].astype(dtype), grid, num_threads=threads, **options)
        expect_close(out, _as_output(expected), tolerance, f"{what}, {name}")


def _image_gradient(dtype: str) -> None:
    tolerance = {"float32": 2e-3, "float64": 1e-10}[dtype]
    for kernel in _SMOOTH:
        matrix = sampling_matrix(_points(), _SHAPE, kernel)
        for channels, positions in itertools.product(_CHANNELS, FLOATS if kernel == "bilinear" else ("float32",)):
            image, d_out, grid = _data(dtype, channels, positions)
            expected = (matrix.T @ d_out).reshape(1, *_SHAPE, channels)
            for name, threads in THREADS.items():
                _, backprop = sample_vjp(image[None].astype(dtype), grid, kernel=kernel, num_threads=threads)
                got = backprop(_as_output(d_out), grid=False)[0]
                expect_close(got, expected, tolerance, f"{kernel}, {channels} channels, positions {positions}, {name}")


def _grid_gradient(dtype: str) -> None:
    slopes = [sampling_matrix_derivative(_points(), _SHAPE, axis) for axis in (0, 1)]
    for channels, positions in itertools.product(_CHANNELS, FLOATS):
        image, d_out, grid = _data(dtype, channels, positions)
        expected = np.stack([((slope @ image.reshape(-1, channels)) * d_out).sum(axis=1) for slope in slopes], axis=1)
        tolerance = 0.05 if "float32" in (dtype, positions) else 1e-8
        for name, threads in THREADS.items():
            _, backprop = sample_vjp(image[None].astype(dtype), grid, num_threads=threads)
            got = backprop(_as_output(d_out), image=False)[1]
            expect_close(got, _as_output(expected), tolerance, f"{channels} channels, positions {positions}, {name}")


def _convolution() -> None:
    from stn_numba.nn import Conv2d

    layer = Conv2d(3, 3)
    layer.initialize((6, 6, 2), np.random.default_rng(0))
    x, weight = np.random.default_rng(1).standard_normal((2, 6, 6, 2)).astype(np.float32), layer.params["weight"]
    y, backprop = layer.forward(x)
    patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))  # (N, h, w, C, 3, 3)
    expect_close(y, np.einsum("nhwcab,abcf->nhwf", patches, weight), 1e-4)
    expected = np.zeros(x.shape)
    for a, b in np.ndindex(3, 3):
        expected[:, a : a + 4, b : b + 4] += weight[a, b].sum(axis=1)
    expect_close(backprop(np.ones_like(y))[0], expected, 1e-4)


def _pooling() -> None:
    from stn_numba.nn import MaxPool

    x = np.random.default_rng(1).permutation(64).reshape(2, 4, 4, 2).astype(np.float32)
    y, backprop = MaxPool(2).forward(x)
    blocks = x.reshape(2, 2, 2, 2, 2, 2).max(axis=(2, 4))
    expect_close(y, blocks, 0)
    expect_close(backprop(np.ones_like(y))[0], x == blocks.repeat(2, axis=1).repeat(2, axis=2), 0)
