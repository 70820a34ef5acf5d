"""Random images, kernels, transforms and grids of every kind."""

from __future__ import annotations

import numpy as np

from stn_numba import DenseGrid, get_transform
from stn_numba.sampler.interpolation import PiecewisePolynomial

KINDS = ("dense", "affine", "homography", "basis")
BASIC_PADDINGS = ("zeros", "border")
OWN_KERNELS = {
    "box": PiecewisePolynomial([-0.5, 0.5], [[1]]),
    "quadratic": PiecewisePolynomial([-1.5, -0.5, 0.5, 1.5], [[0.5, -1, 0.5], [0, 1, -1], [0, 0.5, 0.5]]),
    "lopsided": PiecewisePolynomial([-0.25, 0.5, 2.75], [[0.3, -0.2], [1.1, 0.4], [0.2, 1]]),
    "narrow": PiecewisePolynomial([-0.2, 0.1], [[3], [1]]),
    "of degree 7": PiecewisePolynomial([-2, 0, 2], np.random.default_rng(0).uniform(-0.5, 0.5, (8, 2))),
}
UNEVEN_KERNELS = ("lopsided", "narrow", "of degree 7")  # not symmetric, and their weights do not always sum to 1


def random_image(*shape, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def strided_image(rng, shape, dtype, strides):
    """A random read-only image with the strides asked for: "plain", "stepped", "reversed" or "fortran"."""
    twice = [2 * size for size in shape]
    values = rng.integers(0, 100, twice) if np.dtype(dtype).kind in "iu" else rng.normal(size=twice)
    whole = values.astype(dtype)
    first = tuple(slice(0, size) for size in shape)
    image = {
        "plain": np.ascontiguousarray(whole[first]),
        "stepped": whole[(slice(None, None, 2),) * len(shape)],
        "reversed": whole[first][:, *(slice(None, None, -1),) * (len(shape) - 1)],
        "fortran": np.asfortranarray(whole[first]),
    }[strides]
    image.flags.writeable = False
    return image


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
