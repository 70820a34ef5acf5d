"""Compare each kernel of volumes with a NumPy reference, on one thread and on all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.deploy.comparison import FLOATS, THREADS, expect_close
from stn_numba.deploy.reference import axis_weights
from stn_numba.sampler import IMAGE_DTYPES, sample, sample_vjp

__all__ = ["volume_checks"]

_SHAPE, _OUT = (4, 5, 6), (8, 32, 96)  # of the volume; of the output, large enough for several threads

Array = NDArray[Any]


def volume_checks(everything: bool) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield (name, check)."""
    for dtype in IMAGE_DTYPES if everything else ("float32",):
        yield f"sample volumes {dtype}", functools.partial(_sample, dtype)
    for size in (1, 2, 4, 8) if everything else ():
        yield f"nearest in volumes, items of {size} bytes", functools.partial(_nearest, size)
    for dtype in FLOATS if everything else ():
        yield f"gradients of volumes {dtype}", functools.partial(_gradients, dtype)
    for dtype in IMAGE_DTYPES if everything else ():
        yield f"antialias volumes {dtype}", functools.partial(_antialias, dtype)


def _positions() -> NDArray[np.float64]:
    """Positions (1, d, h, w, 3) in voxels, some of them outside."""
    sizes = np.array(_SHAPE[::-1])
    return np.random.default_rng(1).uniform(-1.5, sizes + 0.5, (1, *_OUT, 3))


def _volume(dtype: str, channels: int = 2) -> Array:
    return np.random.default_rng(0).integers(0, 100, (1, *_SHAPE, channels)).astype(dtype)


def _weights(kernel: str, slope_of: int | None = None) -> list[NDArray[np.float64]]:
    """Weights (M, size) along z, y and x; derivatives by the position along one axis (0 for x)."""
    points = _positions().reshape(-1, 3)
    return [
        axis_weights(points[:, axis], size, kernel, slope=axis == slope_of)
        for axis, size in zip((2, 1, 0), _SHAPE, strict=True)
    ]


def _read(volume: Array, kernel: str, slope_of: int | None = None) -> NDArray[np.float64]:
    z, y, x = _weights(kernel, slope_of)
    result: NDArray[np.float64] = np.einsum("md,mh,mw,dhwc->mc", z, y, x, volume[0].astype(np.float64), optimize=True)
    return result


def _as_dtype(expected: NDArray[np.float64], dtype: str) -> tuple[NDArray[np.float64], float]:
    """What an output of a dtype should be, and the tolerance: integers may be off by 1, as halves may be rounded either way."""
    return (expected, {"float32": 1e-3, "float64": 1e-9}[dtype]) if dtype in FLOATS else (np.rint(expected), 1.0)


def _sample(dtype: str) -> None:
    volume = _volume(dtype)
    expected = _read(volume, "bilinear").reshape(1, *_OUT, -1)
    for name, threads in THREADS.items():
        out = sample(volume, _positions(), kernel="linear", units="pixels", num_threads=threads)
        expect_close(out, *_as_dtype(expected, dtype), name)


def _nearest(size: int) -> None:
    volume = _volume("uint8", 1)
    expected = _read(volume, "nearest").reshape(1, *_OUT, -1)
    spread = np.repeat(volume, 2, axis=3).astype(f"u{size}")[:, :, :, ::2]  # items that are not contiguous
    for name, threads in THREADS.items():
        expect_close(sample(spread, _positions(), kernel="nearest", units="pixels", num_threads=threads), expected, 0, name)


def _gradients(dtype: str) -> None:
    volume, d_out = _volume(dtype), np.random.default_rng(2).standard_normal((1, *_OUT, 2))
    tolerance, rows = {"float32": 2e-2, "float64": 1e-8}[dtype], d_out.reshape(-1, 2)
    z, y, x = _weights("bilinear")
    by_volume = np.einsum("md,mh,mw,mc->dhwc", z, y, x, rows, optimize=True)[None]
    by_grid = np.stack([np.sum(_read(volume, "bilinear", axis) * rows, axis=1) for axis in range(3)], axis=1)
    for name, threads in THREADS.items():
        _, backprop = sample_vjp(volume, _positions(), kernel="linear", units="pixels", num_threads=threads)
        d_volume, d_grid = backprop(d_out.astype(dtype))
        expect_close(d_volume, by_volume, tolerance, f"by the volume, {name}")
        expect_close(d_grid, by_grid.reshape(1, *_OUT, 3), tolerance, f"by the positions, {name}")


def _antialias(dtype: str) -> None:
    """Every second position along x, so that each output is the mean of two voxels."""
    volume = np.random.default_rng(0).integers(0, 100, (1, 8, 16, 64, 1)).astype(dtype)
    z, y, x = np.meshgrid(np.arange(8), np.arange(16), 0.5 + 2 * np.arange(32), indexing="ij")
    expected = volume.astype(np.float64).reshape(1, 8, 16, 32, 2, 1).mean(axis=4)
    out = sample(volume, np.stack([x, y, z], axis=-1)[None], kernel="linear", units="pixels", antialias=True)
    expect_close(out, *_as_dtype(expected, dtype))
