"""Equation 5 as it is written, pixel by pixel, and random grids of every kind: slow and obvious."""

from __future__ import annotations

import numpy as np

from stn_numba import DenseGrid, get_transform

KINDS = ("dense", "affine", "homography", "basis")
PADDINGS = ("zeros", "border")


def pixel(x, size, align_corners):
    return (x + 1) / 2 * (size - 1) if align_corners else ((x + 1) * size - 1) / 2


def read(channel, x, y):
    """The double sum over all input pixels."""
    H, W = channel.shape
    total = 0.0
    for n in range(H):
        for m in range(W):
            total += channel[n, m] * max(0.0, 1 - abs(x - m)) * max(0.0, 1 - abs(y - n))
    return total


def naive_sample(image, points, padding="zeros", align_corners=True):
    (H, W, C), (N, h, w) = image.shape[1:], points.shape[:3]
    out = np.zeros((N, h, w, C))
    for n, i, j, c in np.ndindex(out.shape):
        x, y = pixel(points[n, i, j, 0], W, align_corners), pixel(points[n, i, j, 1], H, align_corners)
        if padding == "border":
            x, y = min(max(x, 0), W - 1), min(max(y, 0), H - 1)
        out[n, i, j, c] = read(image[n, :, :, c], x, y)
    return out


def random_transform(kind, batch, seed=0):
    """(transform, theta) whose region lies partly outside the image."""
    rng = np.random.default_rng(seed)
    transform = get_transform({"affine": "affine", "homography": "projective", "basis": "tps"}[kind])
    theta = transform.identity() + rng.normal(0, 0.15, (batch, transform.n_params))
    return transform, theta


def random_grid(kind, batch, shape, align_corners=True, seed=0):
    if kind == "dense":
        points = np.random.default_rng(seed).uniform(-1.4, 1.4, (batch, *shape, 2))
        return DenseGrid(points, align_corners=align_corners)
    transform, theta = random_transform(kind, batch, seed)
    return transform.forward(theta, shape, align_corners)[0]


def random_image(*shape, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)
