"""Calls of every kind, for the stress programs to make concurrently, each with its result on one thread."""

from __future__ import annotations

import numpy as np

import stn_numba as stn
from stn_numba.nn import Conv2d, MaxPool

RNG = np.random.default_rng(0)
IMAGE = RNG.random((3, 96, 80, 3), np.float32)  # large enough for several threads
WHOLE = (IMAGE * 255).astype(np.uint8)
THETA = np.tile(np.float32([0.9, 0.2, 0.1, -0.2, 1.1, 0.0]), (3, 1))
POINTS = RNG.uniform(-1.2, 1.2, (3, 90, 70, 2)).astype(np.float32)
SPLINE = stn.get_transform("tps")
BENT = (SPLINE.identity() + RNG.normal(0, 0.05, (3, 32))).astype(np.float32)


def gradients(num_threads):
    out, backprop = stn.sample_vjp(IMAGE, POINTS, num_threads=num_threads)
    d_image, d_grid = backprop(np.ones_like(out))
    return np.concatenate([out.ravel(), d_image.ravel(), d_grid.ravel()])


def layers(num_threads):
    layer = Conv2d(2, 3)
    layer.initialize((30, 30, 1), np.random.default_rng(0))
    y, backprop = layer.forward(IMAGE[:, :30, :30, :1])
    return np.concatenate([MaxPool(2).forward(y)[0].ravel(), backprop(y)[0].ravel()])


MODEL = stn.models.st_cnn((28, 28, 1), filters=4)


def predictions(num_threads):
    """Through convolutions, BLAS and a spatial transformer; rounding in BLAS may vary, so only classes are compared."""
    return MODEL.predict(IMAGE[:, :28, :28, :1])


def pooling(num_threads):
    """The kernel that is compiled fastest."""
    return MaxPool(3).forward(IMAGE)[0]


MIXED = {
    "affine": lambda n: stn.warp(IMAGE, THETA, num_threads=n),
    "uint8": lambda n: stn.warp(WHOLE, THETA, padding="border", num_threads=n),
    "spline": lambda n: stn.warp(IMAGE, BENT, SPLINE, num_threads=n),
    "bicubic": lambda n: stn.sample(IMAGE, POINTS, kernel="bicubic", num_threads=n),
    "gradients": gradients,
    "layers": layers,
    "pooling": pooling,
    "predictions": predictions,
}


def answers():
    """Every call's result on one thread."""
    return {name: call(1) for name, call in MIXED.items()}


def check(expected, rounds=1, first=0):
    """Make all calls, beginning with another one for each `first`; raises if one differs by a bit."""
    names = list(expected)
    for turn in range(rounds * len(names)):
        name = names[(first + turn) % len(names)]
        if not np.array_equal(MIXED[name](None), expected[name]):
            raise AssertionError(f"{name} differs from its result on one thread")
