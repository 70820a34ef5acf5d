"""A slow, obvious sampler in plain NumPy: equations 5 to 7 of arXiv 1506.02025 for every kernel, padding and fill.

Along each axis a position reads a few pixels (`axis_taps`), written as a matrix of weights (`axis_matrix`). The samples are the
image times the matrices of all axes, two or three; derivatives of the weights give the gradients. No kernel of the library is
called.
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
    pixels = np.rint(pixels) if kernel == "nearest" else pixels  # a tie at the edge may go to a pixel beyond it
    return ~np.all((pixels >= -0.5) & (pixels <= np.array(shape[::-1]) - 0.5), axis=1, keepdims=True)


def outside_value(image, padding, fill):
    """(C,): what pixels beyond the edge hold."""
    return np.broadcast_to(fill if fill is not None and padding == "constant" else 0.0, image.shape[-1])


def matrices_of(image, pixels, kernel, padding):
    """`axis_matrix` of each axis of an image (H, W, C), or (D, H, W, C), in the order of its axes."""
    coordinates = reversed(range(pixels.shape[1]))
    return [axis_matrix(pixels[:, k], size, kernel, padding) for k, size in zip(coordinates, image.shape, strict=False)]


def contracted(weights, image):
    """(M, C): an image times a matrix of weights (M, size) for each axis."""
    axes = "dhw"[-len(weights) :]
    return np.einsum(",".join(f"m{axis}" for axis in axes) + f",{axes}c->mc", *weights, image, optimize=True)


def read_one(image, pixels, kernel, padding, fill):
    """(M, C) for one image (H, W, C) and positions (M, 2), or a volume and positions (M, 3)."""
    weights = [values for values, _ in matrices_of(image, pixels, kernel, padding)]
    total = np.prod([values.sum(1) for values in weights], axis=0)
    out = contracted(weights, image) + outside_value(image, padding, fill) * (1 - total)[:, None]
    outside = np.broadcast_to(0.0 if fill is None else fill, image.shape[-1])
    return np.where(reads_fill(pixels, image.shape[:-1], kernel, padding, fill), outside, out)


def gradients_of_one(image, pixels, d_out, kernel, padding, fill):
    """(d_image, d_pixels) for one image and the gradient of its output (M, C)."""
    pairs_of_axes = matrices_of(image, pixels, kernel, padding)
    weights, axes = [values for values, _ in pairs_of_axes], "dhw"[-len(pairs_of_axes) :]
    d_out = np.where(reads_fill(pixels, image.shape[:-1], kernel, padding, fill), 0, d_out)
    above = image - outside_value(image, padding, fill)
    terms = ",".join(f"m{axis}" for axis in axes)
    d_image = np.einsum(f"{terms},mc->{axes}c", *weights, d_out, optimize=True)
    d_pixels = []
    for k, (_, slopes) in enumerate(pairs_of_axes):
        d_pixels.insert(0, np.sum(contracted([*weights[:k], slopes, *weights[k + 1 :]], above) * d_out, axis=1))
    return d_image, np.stack(d_pixels, axis=-1)


def pairs(image, pixels):
    """(n, index of its image, index of its grid) of each output; a batch of one serves all."""
    count = len(pixels) if len(image) == 1 else len(image)
    return [(n, n if len(image) > 1 else 0, n if len(pixels) > 1 else 0) for n in range(count)]


def read(image, pixels, kernel="bilinear", padding="zeros", fill=None):
    """(N, h, w, C): what images (N, H, W, C) hold at pixel positions (N, h, w, 2), or volumes with an axis more."""
    arguments, shape, axes = (kernel, padding, fill), (*pixels.shape[1:-1], image.shape[-1]), pixels.shape[-1]
    rows = [
        read_one(image[m].astype(float), pixels[g].reshape(-1, axes).astype(float), *arguments)
        for _, m, g in pairs(image, pixels)
    ]
    return np.array(rows).reshape(len(rows), *shape)


def gradients(image, pixels, d_out, kernel="bilinear", padding="zeros", fill=None):
    """(d_image, d_pixels): gradients of <d_out, out> by the images and by the pixel positions."""
    d_image, d_pixels = np.zeros(image.shape), np.zeros(pixels.shape)
    for n, m, g in pairs(image, pixels):
        positions = pixels[g].reshape(-1, pixels.shape[-1])
        d_rows = d_out[n].reshape(len(positions), d_out.shape[-1])
        one = gradients_of_one(image[m].astype(float), positions.astype(float), d_rows.astype(float), kernel, padding, fill)
        d_image[m] += one[0]
        d_pixels[g] += one[1].reshape(pixels.shape[1:])
    return d_image, d_pixels


def sample(image, points, padding="zeros", align_corners=True):
    """`read` at normalized positions (N, h, w, 2)."""
    return read(image, in_pixels(points, image.shape[1:3], align_corners), padding=padding)
