"""A fresh process that does one thing: ``python -m benchmarks.works NAME``, see `benchmarks.first_calls`.

It imports as little as it can, and prints how many of its kernels came from the library, from the cache, and from the compiler.
"""

from __future__ import annotations

import collections
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import stn_numba as stn

SIZE = (1, 224, 224, 3)
SHAPE = SIZE[1:3]
BATCH = 64
TRANSFORMS = {  # not the identity, and all of them a scale
    "affine": [0.9, 0.1, 0.05, -0.1, 0.9, 0.0],
    "projective": [0.9, 0.1, 0.05, -0.1, 0.9, 0.0, 0.1, 0.05],
}


def warp(transform: str = "affine", dtype: str = "float32", **options: Any) -> None:
    theta = TRANSFORMS[transform] if transform in TRANSFORMS else 0.9 * stn.get_transform(transform).identity()
    stn.warp(_image(dtype), theta, transform, **options)


def dense_grid() -> None:
    stn.sample(_image(), _positions())


def both_gradients() -> None:
    """Through an affine grid, and back to image and theta."""
    grid, theta_backprop = stn.get_transform("affine").forward(np.array([TRANSFORMS["affine"]]), SHAPE)
    out, backprop = stn.sample_vjp(_image(), grid)
    _, d_grid = backprop(np.ones_like(out))
    theta_backprop(d_grid)


def training_step(network: str) -> None:
    """`fit` on a single batch."""
    images = _numbers((BATCH, 28, 28, 1)).astype(np.float32) / 255
    model = getattr(stn.models, network)()
    stn.fit(model, images, np.arange(BATCH) % 10, epochs=1, batch_size=BATCH, progress=False)


def _image(dtype: str = "float32") -> Any:
    return _numbers(SIZE).astype(dtype)


def _numbers(shape: tuple[int, ...]) -> Any:
    """Whole numbers from 0 to 255; noise would take the import of its generator."""
    return (np.arange(np.prod(shape)) * 7 % 256).reshape(shape)


def _positions() -> Any:
    y, x = (np.linspace(-0.9, 0.9, length, dtype=np.float32) for length in SHAPE)
    return np.stack(np.broadcast_arrays(x, y[:, None] + 0.1 * x), axis=-1)[None]


WORKS: dict[str, Callable[[], None]] = {
    "affine float32": warp,
    "affine uint8": partial(warp, dtype="uint8"),
    "dense grid": dense_grid,
    "projective": partial(warp, "projective"),
    "tps": partial(warp, "tps"),
    "bicubic reflect101": partial(warp, kernel="bicubic", padding="reflect101"),
    "sample_vjp": both_gradients,
    "tutorial": partial(training_step, "tutorial"),
    "st_cnn": partial(training_step, "st_cnn"),
}

if __name__ == "__main__":
    WORKS[sys.argv[1]]()
    from stn_numba.kernels.runtime import calls

    print(json.dumps(collections.Counter(kernel.source for kernel in calls.loaded())))
