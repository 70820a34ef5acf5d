"""What models compute, in plain NumPy and float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.models import Sums
from stn_numba.registration.models.lighting import Lighting, robust_weights
from stn_numba.transform.points import apply_each

__all__ = ["model_sums", "model_values", "read_with_gradient", "row_sums", "weights_of"]

Array = NDArray[Any]


def read_with_gradient(
    moving: Array, positions: Array, size: tuple[int, int], *, cubic: bool = False
) -> tuple[Array, Array, Array]:
    """Return values, NaN outside, and both gradients (h, w) of an image at positions (h, w, 2) in its pixels."""
    h, w = size
    x, y = positions[..., 0], positions[..., 1]
    with np.errstate(invalid="ignore"):
        inside = (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    left, top = np.minimum(x.astype(int), max(w - 2, 0)), np.minimum(y.astype(int), max(h - 2, 0))
    weigh = _cubic if cubic else _linear
    (across, d_across), (down, d_down) = weigh(x - left), weigh(y - top)
    value = slope_x = slope_y = np.zeros(x.shape)
    for j in range(len(down)):
        row = np.minimum(top + j, moving.shape[0] - 1)
        for i in range(len(across)):
            tap = moving[row, np.minimum(left + i, moving.shape[1] - 1)]
            value = value + down[j] * across[i] * tap
            slope_x = slope_x + down[j] * d_across[i] * tap
            slope_y = slope_y + d_down[j] * across[i] * tap
    return np.where(inside, value, np.nan), np.where(inside, slope_x, 0.0), np.where(inside, slope_y, 0.0)


def _linear(f: Array) -> tuple[list[Array], list[Array]]:
    return [1 - f, f], [0 * f - 1, 0 * f + 1]


def _cubic(f: Array) -> tuple[list[Array], list[Array]]:
    """Weights of the coefficients of a cubic spline, and their derivatives."""
    g = 1 - f
    return (
        [g**3 / 6, (4 - 6 * f**2 + 3 * f**3) / 6, (4 - 6 * g**2 + 3 * g**3) / 6, f**3 / 6],
        [-(g**2) / 2, (3 * f**2 - 4 * f) / 2, (4 * g - 3 * g**2) / 2, f**2 / 2],
    )


def row_sums(jacobian: Array, value: Array, slope_x: Array, slope_y: Array, fixed: Array, weight: Array) -> Array:
    """Return sums of w q q^T, q = (derivatives by theta, value, 1, fixed), for a Jacobian (P, h * w, 2) of positions."""
    derivatives = slope_x.ravel() * jacobian[..., 0] + slope_y.ravel() * jacobian[..., 1]
    rows = np.concatenate([derivatives, [value.ravel(), np.ones(value.size), fixed.ravel()]])
    result: Array = (rows * weight.ravel()) @ rows.T
    return result


def pixels_of(transform: Any, level: Any, theta: Array) -> Array:
    """Positions (h, w, 2) in pixels of the moving image that one row of theta reads."""
    mapped = np.asarray(apply_each(transform, theta[None], level.points()), np.float64)[0]
    return (mapped * np.diag(level.to_pixels)[:2] + level.to_pixels[:2, 2]).reshape(*level.shape, 2)


def model_values(transform: Any, level: Any, theta: Array, pairs: Array) -> Array:
    """As `Model.values`."""
    result = np.empty((len(theta), level.channels, *level.shape))
    for k, row in enumerate(theta):
        positions = pixels_of(transform, level, row)
        for channel, plane in enumerate(level.planes_of(pairs[k : k + 1])[0]):
            moving = level.moving[plane].astype(np.float64)
            result[k, channel] = read_with_gradient(moving, positions, level.moving_size, cubic=level.cubic)[0]
    return result


def model_sums(transform: Any, level: Any, theta: Array, pairs: Array, lighting: Any) -> Sums:
    """As `Model.sums`."""
    parts = [_of_pair(transform, level, row, pairs[k], lighting.take(np.array([k]))) for k, row in enumerate(theta)]
    products, count = (np.array(each) for each in zip(*parts, strict=True))
    size = theta.shape[1]
    return Sums(products[..., :size, :size], products[..., :size, size:], products[..., size:, size:], count)


def weights_of(lighting: Lighting, moving: Array, fixed: Array, channel: int) -> Any:
    """Robust weights of the pixels of one channel of the only pair."""
    if lighting.gain is None:
        return 1.0
    residuals = lighting.gain[0, channel] * moving + lighting.bias[0, channel] - fixed
    return robust_weights(residuals, lighting.robust, lighting.scale[0, channel]).astype(np.float32)


def _of_pair(transform: Any, level: Any, theta: Array, pair: int, lighting: Any) -> tuple[Array, float]:
    positions, products = pixels_of(transform, level, theta), []
    slopes = transform.theta_jacobian(theta[None], level.points())[0]
    jacobian = np.moveaxis(np.nan_to_num(slopes), 2, 0) * np.diag(level.to_pixels)[:2]
    for channel, (moving, fixed) in enumerate(zip(*level.planes_of(np.array([pair])), strict=True)):
        image, other = level.moving[moving].astype(np.float64), level.fixed[fixed].astype(np.float64)
        value, slope_x, slope_y = read_with_gradient(image, positions, level.moving_size, cubic=level.cubic)
        weight = np.isfinite(value).astype(np.float64)
        if level.fixed_weight is not None:
            weight *= level.fixed_weight[fixed]
        if level.moving_weight is not None:
            weight *= np.nan_to_num(read_with_gradient(level.moving_weight[moving], positions, level.moving_size)[0])
            # A pixel next to one without weight does not count
            bare = (level.moving_weight[moving] <= 0).astype(np.float64)
            weight *= np.nan_to_num(read_with_gradient(bare, positions, level.moving_size)[0]) == 0
        value, count = np.nan_to_num(value), float(weight.sum())
        products.append(
            row_sums(jacobian, value, slope_x, slope_y, other, weight * weights_of(lighting, value, other, channel))
        )
    return np.array(products), count
