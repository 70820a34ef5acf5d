"""Calls whose results must never change: each yields named arrays, made from data that is the same on every machine."""

import itertools

import numpy as np

import stn_numba as stn
from stn_numba import nn

SHAPE = (9, 11)  # of the output
KERNELS = ("nearest", "bilinear", "bicubic")
PADDINGS = ("zeros", "border", "reflect101", "wrap")


def numbers(*shape, scale=1.0, seed=1):
    """Multiples of 1 / 1024 in [-scale, scale) without pattern, from whole numbers alone."""
    k = np.arange(1, 1 + np.prod(shape), dtype=np.uint64) * np.uint64(2654435761 + 2 * seed)
    return ((k >> np.uint64(7)) % np.uint64(2048)).reshape(shape).astype(np.float64) * (scale / 1024) - scale


class Twisted(stn.LinearTransform):
    """Affine terms and x * y: a grid of basis functions without a solver, whose bits differ from machine to machine."""

    def basis(self, points):
        x, y = points.T
        return np.stack([x, y, np.ones_like(x), x * y], axis=1)


def grids():
    affine = np.array([[0.9, 0.2, 0.1, -0.15, 1.1, -0.05], [1, 0, 0, 0, 1, 0], [0.5, 0.1, 0.7, 0.1, -0.6, 0.2]])
    projective = np.concatenate([affine, [[0.1, 0.2], [0, 0], [0.4, -0.3]]], axis=1)
    twisted = np.concatenate([affine[:, :3], numbers(3, 1, scale=0.2), affine[:, 3:], numbers(3, 1, scale=0.2)], axis=1)
    yield "affine", stn.get_transform("affine").forward(affine, SHAPE)[0]
    yield "affine, edges", stn.get_transform("affine").forward(affine, SHAPE, False)[0]
    yield "projective", stn.get_transform("projective").forward(projective, SHAPE)[0]
    yield "basis", Twisted().forward(twisted, SHAPE)[0]
    yield "dense", numbers(3, *SHAPE, 2, scale=1.3)
    yield "dense float32", numbers(3, *SHAPE, 2, scale=1.3, seed=2).astype(np.float32)


def images(dtype, channels):
    values = numbers(3, 13, 17, channels, scale=100, seed=channels)
    return (np.abs(values) if dtype == "uint8" else values).astype(dtype)


def warps():
    """Forward passes."""
    for dtype, channels, (name, grid) in itertools.product(("uint8", "float32", "float64"), (1, 3, 5), grids()):
        image = images(dtype, channels)
        for kernel, padding in itertools.product(KERNELS, PADDINGS):
            out = stn.sample(image, grid, kernel=kernel, padding=padding)
            yield f"{dtype} x {channels}, {name}, {kernel}, {padding}", [out]


def gradients():
    """Gradients by image and grid; those by matrices and coefficients are summed over the output."""
    for dtype, channels, (name, grid) in itertools.product(("float32", "float64"), (1, 3, 5), grids()):
        image = images(dtype, channels)
        for kernel, padding in itertools.product(KERNELS[1:], PADDINGS):
            out, backprop = stn.sample_vjp(image, grid, kernel=kernel, padding=padding)
            yield f"{dtype} x {channels}, {name}, {kernel}, {padding}", list(backprop(numbers(*out.shape).astype(dtype)))


def network():
    localisation = nn.Chain(nn.Conv2d(8, 3), nn.MaxPool(2), nn.ReLU(), nn.Flatten(), nn.Dense(16), nn.ReLU())
    layers = [nn.SpatialTransformer(localisation, "affine"), nn.Conv2d(12, 5, padding=2), nn.ReLU(), nn.MaxPool(2)]
    layers += [nn.Conv2d(16, 3), nn.MaxPool(2), nn.ReLU(), nn.Flatten(), nn.Dense(32), nn.ReLU(), nn.Dropout(0.2), nn.Dense(10)]
    return nn.Classifier(nn.Chain(*layers), (16, 16, 1), 10)


def training(optimizer, checkpoint):
    """Twenty steps; the model, and the checkpoint written at their end."""
    model = network()
    X, y = numbers(640, 16, 16, 1).astype(np.float32), np.arange(640) * 7 % 10
    stn.fit(
        model, X, y, epochs=2, batch_size=64, optimizer=optimizer, learning_rate=1e-3, label_smoothing=0.1, weight_decay=0.01,
        clip_norm=5.0, learning_rate_multipliers={"localisation": 0.1}, seed=3, progress=False, checkpoint=checkpoint,
    )  # fmt: skip
    return model
