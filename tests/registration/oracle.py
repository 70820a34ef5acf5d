"""Slow, obvious versions of the kernels of registration, in float64, pixel by pixel."""

import numpy as np

from stn_numba.kernels.registration import codes

PIECES = {  # weights of four taps at a fraction t, highest power first
    codes.B_SPLINE: np.array([[-1, 3, -3, 1], [3, -6, 0, 4], [-3, 3, 3, 1], [1, 0, 0, 0]]) / 6,
    codes.KEYS: np.array([[-1, 2, -1, 0], [3, -5, 0, 2], [-3, 4, 1, 0], [1, -1, 0, 0]]) / 2,
}


def taps(kernel, position, size):
    """[(index, weight, slope)] along an axis, mirrored at the edges."""
    first = int(np.clip(np.floor(position), 0, max(size - 2, 0)))
    t = position - first
    if kernel == codes.LINEAR:
        found = [(first, 1 - t, -1.0), (first + 1, t, 1.0)]
    else:
        found = [(first - 1 + k, np.polyval(p, t), np.polyval(np.polyder(p), t)) for k, p in enumerate(PIECES[kernel])]
    period = max(2 * size - 2, 1)
    return [(min(k % period, (period - k) % period) if size > 1 else 0, weight, slope) for k, weight, slope in found]


def read(image, x, y, kernel):
    """(m, gx, gy) of an image at a position inside."""
    m = gx = gy = 0.0
    for i, v, dv in taps(kernel, y, image.shape[0]):
        for j, u, du in taps(kernel, x, image.shape[1]):
            pixel = float(image[i, j])
            m, gx, gy = m + v * u * pixel, gx + v * du * pixel, gy + dv * u * pixel
    return m, gx, gy


def is_inside(x, y, shape):
    rounding = 2.0**-14
    return -rounding <= x <= shape[1] - 1 + rounding and -rounding <= y <= shape[0] - 1 + rounding


def mask_value(mask, x, y):
    (i0, v0, _), (i1, v1, _) = taps(codes.LINEAR, y, mask.shape[0])
    (j0, u0, _), (j1, u1, _) = taps(codes.LINEAR, x, mask.shape[1])
    four = mask[np.ix_([i0, i1], [j0, j1])].astype(float)
    return np.array([v0, v1]) @ four @ np.array([u0, u1]) if four.min() > 0 else 0.0


def robust_weight(robust, residual, threshold):
    if robust == codes.HUBER:
        return 1.0 if abs(residual) <= threshold else threshold / abs(residual)
    if robust == codes.TUKEY:
        return max(1 - (residual / threshold) ** 2, 0.0) ** 2
    return 1.0


def positions(matrix, axes, h, w):
    """Yield (row, column, u, v, X, Y, Z)."""
    for i in range(h):
        for j in range(w):
            u, v = axes[0] * j + axes[1], axes[2] * i + axes[3]
            yield i, j, u, v, *(matrix @ (u, v, 1))


def matrix_sums(moving, fixed, matrix, axes, kernel, projective, mask, fixed_weight, robust, lighting):
    """(products, count) of one pair."""
    Q, count = np.zeros((12, 12)), 0.0
    for i, j, u, v, X, Y, Z in positions(matrix, axes, *fixed.shape):
        if not (Z > 0 and is_inside(X / Z, Y / Z, moving.shape)):
            continue
        x, y = X / Z, Y / Z
        w = 1.0 if mask is None else mask_value(mask, x, y)
        w *= 1.0 if fixed_weight is None else max(float(fixed_weight[i, j]), 0.0)
        if w == 0:
            continue
        m, gx, gy = read(moving, x, y, kernel)
        f, ones = float(fixed[i, j]), np.array([u, v, 1])
        s = -(gx * x + gy * y) if projective else 0.0
        q = np.concatenate([gx / Z * ones, gy / Z * ones, s / Z * ones, [m, 1, f]])
        count += w
        if robust:
            w *= robust_weight(robust, lighting[0] * m + lighting[1] - f, lighting[2])
        Q += w * np.outer(q, q)
    return Q, count


def matrix_read(moving, matrix, axes, shape, kernel, mask=None):
    out = np.full(shape, np.nan)
    for i, j, _, _, X, Y, Z in positions(matrix, axes, *shape):
        if Z > 0 and is_inside(X / Z, Y / Z, moving.shape) and (mask is None or mask_value(mask, X / Z, Y / Z) > 0):
            out[i, j] = read(moving, X / Z, Y / Z, kernel)[0]
    return out
