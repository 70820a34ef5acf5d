"""Equation 5 as it is written, any kernel and padding tap by tap, and random grids of every kind: slow and obvious."""

from __future__ import annotations

import numpy as np

from stn_numba import DenseGrid, get_transform
from stn_numba.sampler.interpolation import KERNELS, PiecewisePolynomial

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


TENT = PiecewisePolynomial([-1, 0, 1], [[1, -1], [0, 1]])
WITHOUT_EDGE = ("zeros", "constant")


def index(tap, size, padding):
    """The pixel a tap reads, None for none; NumPy's own padding is the judge."""
    mode = {"border": "edge", "symmetric": "symmetric", "reflect101": "reflect", "wrap": "wrap"}.get(padding)
    if mode is None or 0 <= tap < size:
        return tap if 0 <= tap < size else None
    if mode == "edge":
        return 0 if tap < 0 else size - 1
    before, after = max(0, -tap), max(0, tap - size + 1)
    return int(np.pad(np.arange(size), (before, after), mode=mode)[tap + before])


def axis_taps(x, size, kernel, padding):
    """[(pixel, weight, its derivative by x), ...] of one axis; the pixel None stands for what lies outside."""
    if not np.isfinite(x) and not (padding == "border" and np.isinf(x)):
        return []
    if padding in (*WITHOUT_EDGE, "border"):
        if not -60 <= x <= size + 60:  # all taps lie beyond the edge, wherever exactly
            x = (-60.0 if x < 0 else size + 60.0) + (x % 1.0 if np.isfinite(x) else 0.0)
    else:
        if abs(x) >= 2**31:
            return []
        if isinstance(kernel, str) and kernel == "nearest":
            x = np.rint(x)  # ties go to the even pixel, before the image is repeated
        period = {"wrap": size, "symmetric": 2 * size, "reflect101": max(2 * (size - 1), 1)}[padding]
        x -= np.floor(x / period) * period
    if isinstance(kernel, str) and kernel == "nearest":
        return [(index(int(np.rint(x)), size, padding), 1.0, 0.0)]
    k = kernel if isinstance(kernel, PiecewisePolynomial) else TENT if kernel == "bilinear" else KERNELS[kernel]()
    slope, first = k.derivative(), int(np.floor(x)) - k.taps // 2 + 1
    return [(index(tap, size, padding), float(k(x - tap)), float(slope(x - tap))) for tap in range(first, first + k.taps)]


def readings(image, pixels, kernel, padding, fill):
    """For each output pixel: (n, i, j), taps across, taps down; or None where it is `fill` throughout."""
    H, W = image.shape[1:3]
    for n, i, j in np.ndindex(max(len(image), len(pixels)), *pixels.shape[1:3]):
        x, y = (float(p) for p in pixels[min(n, len(pixels) - 1), i, j])
        inside = -0.5 <= x <= W - 0.5 and -0.5 <= y <= H - 0.5
        if fill is not None and padding != "constant" and not inside:
            yield (n, i, j), None, None
        else:
            yield (n, i, j), axis_taps(x, W, kernel, padding), axis_taps(y, H, kernel, padding)


def naive_read(image, pixels, kernel, padding, fill):
    """(N, h, w, C) by loops, at pixel positions (N, h, w, 2)."""
    C = image.shape[3]
    value = np.broadcast_to(0.0 if fill is None else fill, C)
    beyond = value if padding == "constant" else np.zeros(C)
    out = np.zeros((max(len(image), len(pixels)), *pixels.shape[1:3], C))
    for (n, i, j), across, down in readings(image, pixels, kernel, padding, fill):
        if across is None:
            out[n, i, j] = value
            continue
        out[n, i, j] = beyond * (1 - sum(u * v for _, u, _ in across for _, v, _ in down))
        for column, u, _ in across:
            for row, v, _ in down:
                out[n, i, j] += u * v * (beyond if None in (row, column) else image[min(n, len(image) - 1), row, column])
    return out


def naive_gradients(image, pixels, d_out, kernel, padding, fill):
    """Gradients of <d_out, out> by the image and by the pixel positions, by loops."""
    C = image.shape[3]
    beyond = np.broadcast_to(0.0 if fill is None or padding != "constant" else fill, C)
    d_image, d_pixels = np.zeros(image.shape), np.zeros(pixels.shape)
    for (n, i, j), across, down in readings(image, pixels, kernel, padding, fill):
        m, g, d = min(n, len(image) - 1), min(n, len(pixels) - 1), d_out[n, i, j].astype(float)
        for column, u, du in across or ():
            for row, v, dv in down:
                if None not in (row, column):
                    d_image[m, row, column] += u * v * d
                    total = np.dot(image[m, row, column].astype(float) - beyond, d)
                    d_pixels[g, i, j] += du * v * total, u * dv * total
    return d_image, d_pixels
