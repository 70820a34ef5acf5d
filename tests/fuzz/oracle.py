"""Equations 5 to 7 of arXiv 1506.02025 for every kernel and padding, as plain matrices: slow, obvious, no kernel is called."""

from __future__ import annotations

import numpy as np

from stn_numba.sampler.interpolation import KERNELS, PiecewisePolynomial

TENT = PiecewisePolynomial([-1, 0, 1], [[1, -1], [0, 1]])
REPEATING = ("symmetric", "reflect101", "wrap")
FARTHEST = 2.0**31  # beyond so many pixels a repeating image is taken to end


def in_pixels(points, shape, align_corners):
    """Positions (..., 2) in pixels (x, y)."""
    size = np.array(shape[::-1], float)
    with np.errstate(all="ignore"):
        return points * ((size - 1) / 2 if align_corners else size / 2) + (size - 1) / 2


def pixel_of(tap, size, padding):
    """The pixel that each tap reads, -1 for none."""
    if padding == "border":
        return np.clip(tap, 0, size - 1)
    if padding == "wrap":
        return tap % size
    if padding == "symmetric":
        folded = tap % (2 * size)
        return np.where(folded < size, folded, 2 * size - 1 - folded)
    if padding == "reflect101":
        folded = tap % max(2 * (size - 1), 1)
        return np.where(folded < size, folded, 2 * (size - 1) - folded)
    return np.where((tap >= 0) & (tap < size), tap, -1)


def axis_matrix(x, size, kernel, padding, slope=False):
    """(M, size + 1): what each of M positions reads of each pixel of an axis; the last column is what lies outside."""
    matrix = np.zeros((len(x), size + 1))
    seen = np.isfinite(x) | (np.isinf(x) & (padding == "border"))
    sign = np.ones(len(x))
    if padding in REPEATING:
        seen &= np.abs(x) < FARTHEST
        period = {"wrap": size, "symmetric": 2 * size, "reflect101": max(2 * (size - 1), 1)}[padding]
        x = np.rint(x) if kernel == "nearest" else x  # ties go to the even pixel, before the image is repeated
        x = np.where(seen, x, 0) % period
    else:
        near = np.clip(np.where(seen, x, 0), -40.0, size + 40.0)
        x = near
    if kernel == "nearest":
        taps, weights = [np.rint(x).astype(int)], [np.zeros(len(x)) if slope else np.ones(len(x))]
    else:
        k = TENT if kernel == "bilinear" else kernel if isinstance(kernel, PiecewisePolynomial) else KERNELS[kernel]()
        first = np.floor(x).astype(int) - k.taps // 2 + 1
        taps = [first + step for step in range(k.taps)]
        weights = [(k.derivative() if slope else k)(x - tap) for tap in taps]
    for tap, weight in zip(taps, weights, strict=True):
        np.add.at(matrix, (np.arange(len(x)), pixel_of(tap, size, padding)), weight * sign * seen)
    return matrix


def sampled(image, pixels, kernel, padding, fill):
    """(M, C) read from an image (H, W, C) at pixel positions (M, 2)."""
    H, W, C = image.shape
    across, down = axis_matrix(pixels[:, 0], W, kernel, padding), axis_matrix(pixels[:, 1], H, kernel, padding)
    inner = np.einsum("mh,mw,hwc->mc", down[:, :-1], across[:, :-1], image.astype(float))
    value = np.broadcast_to(0.0 if fill is None else np.asarray(fill, float), C)
    if padding == "constant":
        inner += value * (1 - down[:, :-1].sum(1) * across[:, :-1].sum(1))[:, None]
    elif fill is not None:
        inner = np.where(visible(pixels, (H, W))[:, None], inner, value)
    return inner


def visible(pixels, shape):
    """(M,): whether a position lies within the outer edges of the image."""
    H, W = shape
    x, y = pixels.T
    return (x >= -0.5) & (x <= W - 0.5) & (y >= -0.5) & (y <= H - 0.5)


def image_gradient(shape, pixels, kernel, padding, fill, d_out):
    """(H, W, C): gradient by the image for one by the output (M, C)."""
    across, down = (axis_matrix(pixels[:, k], shape[1 - k], kernel, padding)[:, :-1] for k in (0, 1))
    d_out = np.where(visible(pixels, shape[:2])[:, None], d_out, 0) if fill is not None and padding != "constant" else d_out
    return np.einsum("mh,mw,mc->hwc", down, across, d_out)


def steady(pixels, shape, kernel, padding, fill, near=1e-4):
    """(M,): whether the result is a smooth function at and near a position; where it jumps, rounding decides."""
    with np.errstate(all="ignore"):
        half, sizes = pixels % 1.0, np.array(shape[::-1], float)
        firm = ~((np.abs(half - 0.5) < near).any(1)) if kernel == "nearest" else np.ones(len(pixels), bool)
        if fill is not None and padding != "constant":
            firm &= (np.abs(pixels + 0.5) > near).all(1) & (np.abs(pixels - (sizes - 0.5)) > near).all(1)
        # far away float64 no longer tells where in a repeating image a position is, and the product with a size rounds
        return firm & ((np.abs(pixels) < 1e6) | ~np.isfinite(pixels) | (padding not in REPEATING)).all(1)
