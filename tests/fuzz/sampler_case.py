"""A random call of the sampler, with everything that is needed to know its answer."""

from __future__ import annotations

import numpy as np

import stn_numba as stn
from stn_numba.grid import displacement_axis
from stn_numba.sampler.interpolation import KERNELS, bicubic
from stn_numba.sampler.padding import PADDINGS
from tests.fuzz.guarded import guarded
from tests.sampler import oracle

FAR = (np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-310, 3e9, -3e9, 2.0**31, -0.0, 1.0, -1.0, 1.0000001, -1.0000001, 1e300)
CHOICES = ("nearest", "bilinear", "bilinear", *KERNELS, bicubic(-0.5), oracle.TENT)
FILLS = (None, None, 7.0, -0.25, True)
CHANNELS = (0, 1, 1, 1, 2, 3, 3, 3, 4, 5, 8, 9, 17)
TRANSFORMS = {name: stn.get_transform(name) for name in ("affine", "projective", "tps")}
TRANSFORMS["tps 2 x 3"] = stn.get_transform("tps", control_points=(2, 3))


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def random_size(rng):
    return int(pick(rng, (rng.integers(1, 4), rng.integers(1, 10), rng.integers(1, 40))))


def random_layout(rng, ndim):
    return {
        "at_end": bool(rng.random() < 0.6),
        "order": rng.permutation(ndim).tolist(),
        "gaps": [int(pick(rng, (0, 0, 0, 1, 3))) for _ in range(ndim)],
        "negative": [axis for axis in range(ndim) if rng.random() < 0.25],
    }


def random_strides(rng, array):
    """A copy in guarded memory, often with unusual strides."""
    if rng.random() < 0.4:
        return guarded(array, at_end=rng.random() < 0.7)
    return guarded(array, **random_layout(rng, array.ndim))


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
        self.H, self.W, self.C = random_size(rng), random_size(rng), int(pick(rng, CHANNELS))
        self.h, self.w = random_size(rng), random_size(rng)
        if rng.random() < 0.05:
            self.h, self.w = int(rng.integers(0, 2)), int(rng.integers(0, 700))
        self.fill = pick(rng, FILLS)
        if rng.random() < 0.1:
            self.fill = np.abs(rng.normal(size=self.C))  # unsigned images hold no negative number
        self.antialias = bool(rng.random() < 0.06)
        self.num_threads = pick(rng, (None, 1, 1, 2, 3))
        self.rounded = False  # whether the grid's numbers are so large that rounding alone decides where positions lie
        self.image = self.make_image()
        self.grid, self.pixels, self.options = self.make_grid(positions)

    @property
    def resolved_padding(self):
        """The padding as the oracle names it."""
        if self.padding is None:
            return "zeros" if self.fill is None else "constant"
        if self.padding == "reflection":
            return "reflect101" if self.align_corners else "symmetric"
        return self.padding

    @property
    def reading(self):
        """Kernel, padding and fill for the oracle."""
        return self.kernel, self.resolved_padding, self.fill

    def make_image(self):
        self.values = random_image(self.rng, (self.images, self.H, self.W, self.C), self.dtype)
        shown = self.in_layout(self.values)
        if self.rng.random() < 0.05:
            shown = shown.astype(shown.dtype.newbyteorder())
        image = random_strides(self.rng, shown)
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
            grid = transform.forward(random_strides(self.rng, theta), (self.h, self.w), self.align_corners)[0]
            self.rounded = np.abs(grid.values).max(initial=0) > 100  # float64 no longer tells positions to 1e-11 pixels
            return grid, self.in_pixels(grid.dense().astype(float)), {}

    def basis_grid(self):
        basis, coefficients = self.rng.normal(size=(self.h * self.w, 3)), self.rng.normal(size=(self.grids, 2, 3)) / 2
        basis, coefficients = random_strides(self.rng, basis), random_strides(self.rng, coefficients)
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
        points = random_strides(self.rng, points)
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

    def in_layout(self, array):
        return array.transpose(0, 3, 1, 2) if self.layout == "NCHW" else array

    def as_nhwc(self, array):
        return array.transpose(0, 2, 3, 1) if self.layout == "NCHW" else array

    def out_shape(self):
        return self.in_layout(np.empty((self.batch, self.h, self.w, self.C), bool)).shape

    def steady(self):
        """(N, h, w) of the grid: whether the result is continuous near a position; where it jumps, rounding decides."""
        pixels, sizes, near = self.pixels, np.array((self.W, self.H), float), 1e-4
        if self.rounded:
            return np.zeros(pixels.shape[:3], bool)
        with np.errstate(all="ignore"):
            steady = np.ones(pixels.shape, bool)
            if self.kernel == "nearest":
                steady &= np.abs(pixels % 1.0 - 0.5) >= near
            if self.fill is not None and self.resolved_padding != "constant":
                steady &= (np.abs(pixels + 0.5) > near) & (np.abs(pixels - (sizes - 0.5)) > near)
            if self.resolved_padding in oracle.PERIODS:  # far away float64 no longer tells where in an image a position is
                steady &= (np.abs(pixels) < 1e6) | ~np.isfinite(pixels)
        return steady.all(-1)

    def smooth(self):
        """(N, h, w) of the grid: whether a position is also off the kinks of bilinear kernels, which lie at whole pixels."""
        pixels = self.pixels
        with np.errstate(all="ignore"):
            on_kink = np.abs(pixels * 2 - np.rint(pixels * 2)) < 2e-3
            return self.steady() & (np.isfinite(pixels) & (np.abs(pixels) < 1e5) & ~on_kink).all(-1)
