"""A slow, obvious sampler in plain NumPy: equations 5 to 7 of arXiv 1506.02025 for every kernel, padding and fill.

Along each axis a position reads a few pixels (`axis_taps`), written as a matrix of weights (`axis_matrix`). The samples are the
image times the matrices of both axes; derivatives of the weights give the gradients. No kernel of the library is called.
"""

from __future__ import annotations

import numpy as np

from stn_numba.sampler.interpolation import KERNELS, PiecewisePolynomial

TENT = PiecewisePolynomial([-1, 0, 1], [[1, -1], [0, 1]])
NUMPY_MODES = {"border": "edge", "symmetric": "symmetric", "reflect101": "reflect", "wrap": "wrap"}
PERIODS = {"wrap": lambda size: size, "symmetric": lambda size: 2 * size, "reflect101": lambda size: max(2 * (size - 1), 1)}
FARTHEST = 2.0**31  # a repeated image is taken to end this many pixels away


def in_pixels(points, shape, align_corners):
    """Normalized positions (..., 2) in pixels (x, y)."""
    size = np.array(shape[::-1], float)
    with np.errstate(all="ignore"):
        return points * ((size - 1) / 2 if align_corners else size / 2) + (size - 1) / 2


def pixels_of_taps(taps, size, padding):
    """The pixel that each tap reads, `size` for none. NumPy's own padding decides."""
    if padding not in NUMPY_MODES or not taps.size:
        return np.where((taps >= 0) & (taps < size), taps, size)
    before, after = max(0, -taps.min()), max(0, taps.max() - size + 1)
    return np.pad(np.arange(size), (before, after), mode=NUMPY_MODES[padding])[taps + before]


def axis_taps(x, size, kernel, padding):
    """(pixels, weights, slopes), each (taps, M), that M positions read along one axis; `size` stands for the outside."""
    seen = np.isfinite(x) | (np.isinf(x) & (padding == "border"))
    if padding in PERIODS:
        seen &= np.abs(x) < FARTHEST
        x = np.rint(x) if kernel == "nearest" else x  # ties go to the even pixel, before the image is repeated
        x = np.where(seen, x, 0) % PERIODS[padding](size)
    else:
        x = np.clip(np.where(seen, x, 0), -60.0, size + 60.0)  # farther out all taps lie beyond the edge
    if kernel == "nearest":
        taps = np.rint(x).astype(int)[None]
        weights, slopes = np.ones(taps.shape), np.zeros(taps.shape)
    else:
        k = TENT if kernel == "bilinear" else kernel if isinstance(kernel, PiecewisePolynomial) else KERNELS[kernel]()
        taps = np.floor(x).astype(int) - k.taps // 2 + 1 + np.arange(k.taps)[:, None]
        weights, slopes = k(x - taps), k.derivative()(x - taps)
    return pixels_of_taps(taps, size, padding), weights * seen, slopes * seen


def axis_matrix(x, size, kernel, padding):
    """Two matrices (M, size): the weight that each position gives to each pixel of an axis, and its derivative by x."""
    pixels, *values = axis_taps(x, size, kernel, padding)
    matrices = np.zeros((2, len(x), size + 1))
    for matrix, value in zip(matrices, values, strict=True):
        np.add.at(matrix, (np.arange(len(x)), pixels), value)
    return matrices[..., :-1]


def reads_fill(pixels, shape, kernel, padding, fill):
    """(M, 1): whether positions lie beyond the outer edges, where `fill` is read; with "constant" pixels there hold it."""
    if fill is None or padding == "constant":
        return np.zeros((len(pixels), 1), bool)
    H, W = shape
    x, y = np.rint(pixels).T if kernel == "nearest" else pixels.T  # a tie at the edge may go to a pixel beyond it
    return ~((x >= -0.5) & (x <= W - 0.5) & (y >= -0.5) & (y <= H - 0.5))[:, None]


def outside_value(image, padding, fill):
    """(C,): what pixels beyond the edge hold."""
    return np.broadcast_to(fill if fill is not None and padding == "constant" else 0.0, image.shape[-1])


def read_one(image, pixels, kernel, padding, fill):
    """(M, C) for one image (H, W, C) and positions (M, 2)."""
    H, W, C = image.shape
    (across, _), (down, _) = axis_matrix(pixels[:, 0], W, kernel, padding), axis_matrix(pixels[:, 1], H, kernel, padding)
    out = np.einsum("mh,mw,hwc->mc", down, across, image, optimize=True)
    out += outside_value(image, padding, fill) * (1 - down.sum(1) * across.sum(1))[:, None]
    return np.where(reads_fill(pixels, (H, W), kernel, padding, fill), np.broadcast_to(0.0 if fill is None else fill, C), out)


def gradients_of_one(image, pixels, d_out, kernel, padding, fill):
    """(d_image (H, W, C), d_pixels (M, 2)) for one image and the gradient of its output (M, C)."""
    H, W, _ = image.shape
    across, d_across = axis_matrix(pixels[:, 0], W, kernel, padding)
    down, d_down = axis_matrix(pixels[:, 1], H, kernel, padding)
    d_out = np.where(reads_fill(pixels, (H, W), kernel, padding, fill), 0, d_out)
    above = image - outside_value(image, padding, fill)
    d_image = np.einsum("mh,mw,mc->hwc", down, across, d_out, optimize=True)
    d_x = np.einsum("mh,mw,hwc,mc->m", down, d_across, above, d_out, optimize=True)
    d_y = np.einsum("mh,mw,hwc,mc->m", d_down, across, above, d_out, optimize=True)
    return d_image, np.stack([d_x, d_y], axis=-1)


def pairs(image, pixels):
    """(n, index of its image, index of its grid) of each output; a batch of one serves all."""
    count = len(pixels) if len(image) == 1 else len(image)
    return [(n, n if len(image) > 1 else 0, n if len(pixels) > 1 else 0) for n in range(count)]


def read(image, pixels, kernel="bilinear", padding="zeros", fill=None):
    """(N, h, w, C): what images (N, H, W, C) hold at pixel positions (N, h, w, 2)."""
    arguments, shape = (kernel, padding, fill), (*pixels.shape[1:3], image.shape[3])
    rows = [
        read_one(image[m].astype(float), pixels[g].reshape(-1, 2).astype(float), *arguments) for _, m, g in pairs(image, pixels)
    ]
    return np.array(rows).reshape(len(rows), *shape)


def gradients(image, pixels, d_out, kernel="bilinear", padding="zeros", fill=None):
    """(d_image, d_pixels): gradients of <d_out, out> by the images and by the pixel positions."""
    d_image, d_pixels = np.zeros(image.shape), np.zeros(pixels.shape)
    for n, m, g in pairs(image, pixels):
        d_rows = d_out[n].reshape(d_out.shape[1] * d_out.shape[2], d_out.shape[3]).astype(float)
        one = gradients_of_one(image[m].astype(float), pixels[g].reshape(-1, 2).astype(float), d_rows, kernel, padding, fill)
        d_image[m] += one[0]
        d_pixels[g] += one[1].reshape(pixels.shape[1:])
    return d_image, d_pixels


def sample(image, points, padding="zeros", align_corners=True):
    """`read` at normalized positions (N, h, w, 2)."""
    return read(image, in_pixels(points, image.shape[1:3], align_corners), padding=padding)
