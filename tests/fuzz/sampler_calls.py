"""Random calls of `sample`, `sample_vjp` and `warp` that must succeed, each held against the oracle.

Images, positions, gradients and outputs lie between inaccessible pages, with any strides.
"""

from __future__ import annotations

import itertools

import numpy as np

import stn_numba as stn
from stn_numba.grid import displacement_axis
from stn_numba.sampler.interpolation import KERNELS, bicubic
from stn_numba.sampler.padding import PADDINGS
from tests.fuzz import oracle
from tests.fuzz.guarded import guarded, laid_out, untouched

FAR = (np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-310, 3e9, -3e9, 2.0**31, -0.0, 1.0, -1.0, 1.0000001, -1.0000001, 1e300)
CHOICES = ("nearest", "bilinear", "bilinear", *KERNELS, bicubic(-0.5), oracle.TENT)
FILLS = (None, None, 7.0, -0.25, True)
CHANNELS = (0, 1, 1, 1, 2, 3, 3, 3, 4, 5, 8, 9, 17)
TRANSFORMS = {name: stn.get_transform(name) for name in ("affine", "projective", "tps")}
TRANSFORMS["tps 2 x 3"] = stn.get_transform("tps", control_points=(2, 3))
FLOATS = ("float32", "float64")
EVERY_DTYPE = ("float32", "float64", "uint8", "int8", "uint16", "int16", "int32")


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def size(rng):
    return int(pick(rng, (rng.integers(1, 4), rng.integers(1, 10), rng.integers(1, 40))))


def strewn(rng, array):
    """Unusual strides in guarded memory."""
    if rng.random() < 0.4:
        return guarded(array, at_end=rng.random() < 0.7)
    return guarded(array, **layout_of(rng, array.ndim))


def layout_of(rng, ndim):
    return {
        "at_end": bool(rng.random() < 0.6),
        "order": rng.permutation(ndim).tolist(),
        "gaps": [int(pick(rng, (0, 0, 0, 1, 3))) for _ in range(ndim)],
        "negative": [axis for axis in range(ndim) if rng.random() < 0.25],
    }


def random_image(rng, shape, dtype):
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


class Case:
    """A call and everything that is needed to know its answer."""

    def __init__(self, rng, dtypes, positions):
        self.rng, self.dtype = rng, pick(rng, dtypes)
        self.layout, self.padding = pick(rng, ("NHWC", "NCHW")), pick(rng, (None, *PADDINGS))
        self.kernel, self.align_corners = pick(rng, CHOICES), bool(rng.random() < 0.6)
        batch = int(pick(rng, (0, 1, 1, 2, 3)))
        self.images, self.grids = pick(rng, ((batch, batch), (1, batch), (batch, 1)))
        self.batch = self.grids if self.images == 1 else self.images
        self.H, self.W, self.C = size(rng), size(rng), int(pick(rng, CHANNELS))
        self.h, self.w = (size(rng), size(rng)) if rng.random() < 0.95 else (int(rng.integers(0, 2)), int(rng.integers(0, 700)))
        self.fill = pick(rng, FILLS)
        if rng.random() < 0.1:
            self.fill = np.abs(rng.normal(size=self.C))  # unsigned images hold no negative number
        self.antialias = bool(rng.random() < 0.06)
        self.num_threads = pick(rng, (None, 1, 1, 2, 3))
        self.rounded = False  # whether the grid's numbers are so large that rounding alone says where positions lie
        self.image = self.make_image()
        self.grid, self.pixels, self.options = self.make_grid(positions)

    @property
    def judged_padding(self):
        if self.padding is None:
            return "zeros" if self.fill is None else "constant"
        if self.padding == "reflection":
            return "reflect101" if self.align_corners else "symmetric"
        return self.padding

    def make_image(self):
        shape = (self.images, self.H, self.W, self.C)
        self.values = random_image(self.rng, shape, self.dtype)
        shown = self.values.transpose(0, 3, 1, 2) if self.layout == "NCHW" else self.values
        if self.rng.random() < 0.05:
            shown = shown.astype(shown.dtype.newbyteorder())
        image = strewn(self.rng, shown)
        image.flags.writeable = bool(self.rng.random() < 0.5)
        return image

    def make_grid(self, positions):
        """(grid, its positions in pixels (N, h, w, 2), options that say how to read it)."""
        kind = pick(self.rng, ("dense", "dense", "pixels", "displacement", "Grid", "basis", *TRANSFORMS))
        dtype = pick(self.rng, positions)
        if kind in TRANSFORMS:
            return self.transformed_grid(TRANSFORMS[kind])
        if kind == "basis":
            return self.basis_grid()
        return self.dense_grid(kind, dtype)

    def transformed_grid(self, transform):
        theta = transform.identity() + self.rng.normal(0, 0.3, (self.grids, transform.n_params))
        if self.rng.random() < 0.1 and theta.size:
            theta[0, self.rng.integers(theta.shape[1])] = pick(self.rng, FAR)
        with np.errstate(all="ignore"):
            grid = transform.forward(strewn(self.rng, theta), (self.h, self.w), self.align_corners)[0]
            self.rounded = np.abs(grid.values).max(initial=0) > 100  # float64 tells positions to 1e-11 pixels no more
            return grid, self.in_pixels(grid.dense().astype(float)), {}

    def basis_grid(self):
        basis, coefficients = self.rng.normal(size=(self.h * self.w, 3)), self.rng.normal(size=(self.grids, 2, 3)) / 2
        basis, coefficients = strewn(self.rng, basis), strewn(self.rng, coefficients)
        grid = stn.BasisGrid(basis, coefficients, (self.h, self.w), align_corners=self.align_corners)
        return grid, self.in_pixels(grid.dense()), {}

    def dense_grid(self, kind, dtype):
        points = self.rng.uniform(-1.4, 1.4, (self.grids, self.h, self.w, 2))
        if kind == "pixels":
            points = (points + 1) / 2 * np.array((self.W, self.H)) - 0.5
        flat = points.reshape(-1)
        for _ in range(self.rng.integers(0, 4) if flat.size else 0):
            flat[self.rng.integers(flat.size)] = pick(self.rng, FAR)
        with np.errstate(all="ignore"):
            points = points.astype(dtype)
            pixels = points.astype(float) if kind == "pixels" else self.in_pixels(points.astype(float))
            if kind == "displacement":
                pixels = pixels - self.in_pixels(np.zeros(2)) + self.undisplaced()
        points = strewn(self.rng, points)
        if kind == "Grid":
            return stn.DenseGrid(points, align_corners=self.align_corners), pixels, {}
        options = {"pixels": {"units": "pixels"}, "displacement": {"displacement": True}}.get(kind, {})
        return points, pixels, {"align_corners": self.align_corners} | options

    def in_pixels(self, points):
        return oracle.in_pixels(points, (self.H, self.W), self.align_corners)

    def undisplaced(self):
        """(h, w, 2): where in the image, in pixels, displacements of zero lie."""
        along = [
            np.arange(m) * step + start
            for n, m in ((self.W, self.w), (self.H, self.h))
            for step, start in [displacement_axis(n, m, self.align_corners)]
        ]
        return np.stack(np.meshgrid(*along), axis=-1)

    def call_options(self):
        given = {"kernel": self.kernel, "padding": self.padding, "fill": self.fill, "layout": self.layout}
        return given | self.options | {"antialias": self.antialias, "num_threads": self.num_threads}

    def laid(self, array):
        return array.transpose(0, 3, 1, 2) if self.layout == "NCHW" else array

    def judged(self):
        """Rows of (image, positions (M, 2), output row)."""
        for n in range(self.batch):
            yield n if self.images > 1 else 0, self.pixels[n if self.grids > 1 else 0].reshape(self.h * self.w, 2), n

    def steady(self, pixels):
        if self.rounded:
            return np.zeros(len(pixels), bool)
        return oracle.steady(pixels, (self.H, self.W), self.kernel, self.judged_padding, self.fill)

    def check(self, out):
        """The output, in the call's layout, against the oracle."""
        assert out.shape == self.laid(np.empty((self.batch, self.h, self.w, self.C))).shape
        assert out.dtype == np.dtype(self.dtype)
        if self.antialias:
            return
        rows = (
            (out.transpose(0, 2, 3, 1) if self.layout == "NCHW" else out)
            .reshape(self.batch, self.h * self.w, self.C)
            .astype(float)
        )
        for image, pixels, n in self.judged():
            expected = oracle.sampled(self.values[image], pixels, self.kernel, self.judged_padding, self.fill)
            close(rows[n], expected, self.dtype, self.steady(pixels))


def close(got, expected, dtype, firm):
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        expected, tolerance = np.clip(expected, limits.min, limits.max), 0.55
    else:
        tolerance = 1e-6 if dtype == "float64" else 1e-3
    off = np.abs(got - expected)[firm]
    assert (off <= tolerance).all(), f"off by {np.nanmax(off) if off.size else 0:.3g}, or not a number"


def forward(rng, dtypes, positions):
    """`sample`, with and without `out`."""
    case = Case(rng, dtypes, positions)
    if rng.random() < 0.5:
        case.check(stn.sample(case.image, case.grid, **case.call_options()))
        return
    shape = case.laid(np.empty((case.batch, case.h, case.w, case.C), bool)).shape
    out, flat = laid_out(shape, case.dtype, **layout_of(rng, 4))
    assert stn.sample(case.image, case.grid, **case.call_options(), out=out).base is not None or not out.size
    case.check(out)
    assert untouched(flat, out), "written beside the output"


def backward(rng, dtypes, positions):
    """`sample_vjp`, both gradients."""
    case = Case(rng, [dtype for dtype in dtypes if dtype in FLOATS], positions)
    case.antialias &= case.kernel != "nearest"  # the most frequent of several pixels has no gradient
    out, backprop = stn.sample_vjp(case.image, case.grid, **case.call_options())
    case.check(out)
    d_rows = rng.normal(size=(case.batch, case.h * case.w, case.C))
    for _, pixels, n in case.judged():
        d_rows[n][~(case.steady(pixels) & smooth(pixels, case))] = 0
    d_out = case.laid(d_rows.reshape(case.batch, case.h, case.w, case.C)).astype(case.dtype)
    d_image, d_grid = backprop(strewn(rng, d_out))
    assert d_image.shape == case.image.shape
    if not case.antialias:
        check_image_gradient(case, d_image, d_rows)
        check_grid_gradient(case, d_grid, d_rows)


def smooth(pixels, case):
    """(M,): whether a position is off the kinks of bilinear kernels and of the edges, by more than a difference's step."""
    with np.errstate(all="ignore"):
        on_pixel = np.abs(pixels - np.rint(pixels)) < 1e-3
        on_edge = np.abs(pixels * 2 - np.rint(pixels * 2)) < 2e-3
        return np.isfinite(pixels).all(1) & (np.abs(pixels) < 1e5).all(1) & ~(on_pixel | on_edge).any(1)


def check_image_gradient(case, d_image, d_rows):
    expected = np.zeros((case.images, case.H, case.W, case.C))
    for image, pixels, n in case.judged():
        where = np.where(np.abs(d_rows[n]).sum(1) > 0)[0]
        expected[image] += oracle.image_gradient(
            expected.shape[1:], pixels[where], case.kernel, case.judged_padding, case.fill, d_rows[n][where]
        )
    got = d_image.transpose(0, 2, 3, 1) if case.layout == "NCHW" else d_image
    tolerance = 1e-6 if case.dtype == "float64" else 1e-4
    off = np.abs(got - expected)
    assert (off <= tolerance * (1 + np.abs(expected).max(initial=0) + d_rows.size)).all(), f"d_image off by {off.max():.3g}"


def check_grid_gradient(case, d_grid, d_rows, step=1e-5):
    """Central differences of the oracle, pulled back to the grid's own numbers in plain NumPy."""
    d_dense = np.zeros((case.batch, case.h * case.w, 2))
    scale = 1.0 if case.options.get("units") else in_scale(case)
    for (image, pixels, n), axis in itertools.product(case.judged(), (0, 1)):
        where = np.where(np.abs(d_rows[n]).sum(1) > 0)[0]
        arguments = case.kernel, case.judged_padding, case.fill
        sides = [
            oracle.sampled(case.values[image], pixels[where] + sign * step * np.eye(2)[axis], *arguments) for sign in (1, -1)
        ]
        d_pixels = ((sides[0] - sides[1]) / (2 * step) * d_rows[n][where]).sum(1)
        d_dense[n, where, axis] = d_pixels * (scale if np.isscalar(scale) else scale[axis])
    if case.kernel == "nearest":
        d_dense[...] = 0
    d_dense = d_dense.reshape(case.batch, case.h, case.w, 2)
    if case.grids == 1 != case.batch:
        d_dense = d_dense.sum(0, keepdims=True)
    is_grid = isinstance(case.grid, stn.Grid)
    with np.errstate(all="ignore"):
        expected = case.grid.pull_back(d_dense) if is_grid else d_dense
        exact = np.isfinite(case.grid.values if is_grid else case.grid).all()
    assert d_grid.shape == expected.shape
    if not exact and not isinstance(case.grid, stn.DenseGrid | np.ndarray):
        return
    off, most = np.abs(d_grid - expected), np.abs(expected).max(initial=0)
    tolerance = 1e-5 if case.dtype == "float64" and d_grid.dtype == np.float64 else 2e-3
    assert (off <= tolerance * (1 + most) * (1 + np.sqrt(d_rows.size))).all(), f"d_grid off by {off.max():.3g} of {most:.3g}"


def in_scale(case):
    size = np.array((case.W, case.H), float)
    return (size - 1) / 2 if case.align_corners else size / 2


def warped(rng, dtypes, positions):
    """`warp`, of images with any number of axes."""
    case = Case(rng, dtypes, positions)
    name = pick(rng, list(TRANSFORMS))
    transform = TRANSFORMS[name]
    rows = 1 if case.images != 1 else max(case.grids, 1)
    theta = transform.identity() + rng.normal(0, 0.3, (rows, transform.n_params))
    image = case.image
    if case.images == 1:
        image = image[0]
        if case.C == 1 and rng.random() < 0.5:
            image = image[0] if case.layout == "NCHW" else image[..., 0]
    grid, _ = transform.forward(theta, (case.h, case.w), case.align_corners)
    case.grids, case.grid, case.options = rows, grid, {}
    case.batch = rows if case.images == 1 else case.images
    case.pixels = case.in_pixels(grid.dense())
    out = stn.warp(
        image, strewn(rng, theta), transform if " " in name else name, (case.h, case.w),
        align_corners=case.align_corners, **case.call_options(),
    )  # fmt: skip
    assert out.ndim == image.ndim + (image.ndim < 4 and rows > 1)
    case.check(out.reshape(case.laid(np.empty((case.batch, case.h, case.w, case.C), bool)).shape))


CALLS = {"sample": forward, "sample_vjp": backward, "warp": warped}
