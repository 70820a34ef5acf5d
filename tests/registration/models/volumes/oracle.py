"""What models of volumes compute, in plain NumPy and float64."""

import itertools

import numpy as np

from stn_numba.registration.models import Sums
from stn_numba.registration.models.lighting import robust_weights
from stn_numba.transform.points import apply_each

ROUNDING = 2.0**-14


def linear(f):
    return [1 - f, f], [0 * f - 1, 0 * f + 1]


def cubic(f):
    """Weights of the coefficients of a cubic spline, and their derivatives."""
    g = 1 - f
    return (
        [g**3 / 6, (4 - 6 * f**2 + 3 * f**3) / 6, (4 - 6 * g**2 + 3 * g**3) / 6, f**3 / 6],
        [-(g**2) / 2, (3 * f**2 - 4 * f) / 2, (4 * g - 3 * g**2) / 2, f**2 / 2],
    )


def read(moving, positions, size, weigh=linear):
    """Values (M,), NaN outside, and gradients (M, 3) by x, y, z at positions (M, 3) in voxels."""
    limits = np.array(size[::-1])
    with np.errstate(invalid="ignore"):
        inside = ((positions >= -ROUNDING) & (positions <= limits - 1 + ROUNDING)).all(axis=1)
    positions = np.where(inside[:, None], positions, 0)
    first = np.clip(np.floor(positions).astype(int), 0, np.maximum(limits - 2, 0))
    weights, slopes = zip(*(weigh(positions[:, axis] - first[:, axis]) for axis in range(3)), strict=True)
    value, gradient = np.zeros(len(positions)), np.zeros((len(positions), 3))
    for taps in itertools.product(range(len(weights[0])), repeat=3):
        x, y, z = (first[:, axis] + taps[axis] for axis in range(3))
        number = moving[tuple(np.minimum(each, length - 1) for each, length in zip((z, y, x), moving.shape, strict=True))]
        value += number * np.prod([weights[axis][taps[axis]] for axis in range(3)], axis=0)
        for axis in range(3):
            factors = [(slopes if k == axis else weights)[k][taps[k]] for k in range(3)]
            gradient[:, axis] += number * np.prod(factors, axis=0)
    return np.where(inside, value, np.nan), np.where(inside[:, None], gradient, 0.0)


def voxels_of(transform, level, theta):
    """Positions (M, 3) in voxels of the moving volume that one row of theta reads."""
    mapped = np.asarray(apply_each(transform, theta[None], level.points()), np.float64)[0]
    return mapped * np.diag(level.to_pixels)[:3] + level.to_pixels[:3, 3]


def model_values(transform, level, theta, pairs):
    """As `Model.values`."""
    result = np.empty((len(theta), level.channels, *level.shape))
    for k, row in enumerate(theta):
        for channel, plane in enumerate(level.planes_of(pairs[k : k + 1])[0]):
            moving = level.moving[plane].astype(np.float64)
            found = read(moving, voxels_of(transform, level, row), level.moving_size, cubic if level.cubic else linear)[0]
            result[k, channel] = found.reshape(level.shape)
    return result


def weight_of(level, positions, value, moving, fixed):
    """Weights (M,) without the robust factor."""
    weight = np.isfinite(value).astype(np.float64)
    if level.fixed_weight is not None:
        weight *= level.fixed_weight[fixed].ravel()
    if level.moving_weight is not None:
        mask = level.moving_weight[moving].astype(np.float64)
        weight *= np.nan_to_num(read(mask, positions, level.moving_size)[0])
        bare = (mask <= 0).astype(np.float64)  # a voxel next to one without weight does not count
        weight *= np.nan_to_num(read(bare, positions, level.moving_size)[0]) == 0
    return weight


def model_sums(transform, level, theta, pairs, lighting):
    """As `Model.sums`."""
    count, size = [], theta.shape[1]
    products = np.zeros((len(theta), level.channels, size + 3, size + 3))
    for k, row in enumerate(theta):
        positions, light = voxels_of(transform, level, row), lighting.take(np.array([k]))
        jacobian = np.nan_to_num(transform.theta_jacobian(row[None], level.points())[0]) * np.diag(level.to_pixels)[:3, None]
        for channel, (moving, fixed) in enumerate(zip(*level.planes_of(pairs[k : k + 1]), strict=True)):
            image, other = level.moving[moving].astype(np.float64), level.fixed[fixed].astype(np.float64).ravel()
            value, gradient = read(image, positions, level.moving_size, cubic if level.cubic else linear)
            weight = weight_of(level, positions, value, moving, fixed)
            value = np.nan_to_num(value)
            if channel == 0:
                count.append(weight.sum())
            if light.gain is not None:
                residuals = light.gain[0, channel] * value + light.bias[0, channel] - other
                weight = weight * robust_weights(residuals, light.robust, light.scale[0, channel])
            rows = np.concatenate([np.einsum("ma,map->pm", gradient, jacobian), [value, np.ones(len(value)), other]])
            products[k, channel] = (rows * weight) @ rows.T
    return Sums(products[..., :size, :size], products[..., :size, size:], products[..., size:, size:], np.array(count))
