"""Random calls of `sample`, `sample_vjp` and `warp` that must succeed, each compared with the oracle.

Images, positions, gradients and outputs lie between inaccessible pages, with any strides.
"""

from __future__ import annotations

import numpy as np

import stn_numba as stn
from tests.fuzz.guarded import laid_out, untouched
from tests.fuzz.sampler_case import TRANSFORMS, Case, pick, random_layout, random_strides
from tests.sampler import oracle

FLOATS = ("float32", "float64")
EVERY_DTYPE = ("float32", "float64", "uint8", "int8", "uint16", "int16", "int32")


def forward(rng, dtypes, positions):
    """`sample`, with and without `out`."""
    case = Case(rng, dtypes, positions)
    if rng.random() < 0.5:
        check_output(case, stn.sample(case.image, case.grid, **case.call_options()))
        return
    out, flat = laid_out(case.out_shape(), case.dtype, **random_layout(rng, 4))
    assert stn.sample(case.image, case.grid, **case.call_options(), out=out).base is not None or not out.size
    check_output(case, out)
    assert untouched(flat, out), "written beside the output"


def backward(rng, dtypes, positions):
    """`sample_vjp`, both gradients."""
    case = Case(rng, [dtype for dtype in dtypes if dtype in FLOATS], positions)
    case.antialias &= case.kernel != "nearest"  # the most frequent of several pixels has no gradient
    out, backprop = stn.sample_vjp(case.image, case.grid, **case.call_options())
    check_output(case, out)
    d_out = rng.normal(size=(case.batch, case.h, case.w, case.C)) * case.smooth()[..., None]
    d_image, d_grid = backprop(random_strides(rng, case.in_layout(d_out).astype(case.dtype)))
    assert d_image.shape == case.image.shape
    if not case.antialias:
        expected_image, d_pixels = oracle.gradients(case.values, case.pixels, d_out, *case.reading)
        check_image_gradient(case, d_image, expected_image, d_out.size)
        check_grid_gradient(case, d_grid, d_pixels, d_out.size)


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
        image, random_strides(rng, theta), transform if " " in name else name, (case.h, case.w),
        align_corners=case.align_corners, **case.call_options(),
    )  # fmt: skip
    assert out.ndim == image.ndim + (image.ndim < 4 and rows > 1)
    check_output(case, out.reshape(case.out_shape()))


def check_output(case, out):
    """Compare an output, in the call's layout, with the oracle."""
    assert out.shape == case.out_shape()
    assert out.dtype == np.dtype(case.dtype)
    if case.antialias:
        return
    expected = oracle.read(case.values, case.pixels, *case.reading)
    if np.dtype(case.dtype).kind in "iu":
        limits = np.iinfo(case.dtype)
        expected, tolerance = np.clip(expected, limits.min, limits.max), 0.55
    else:
        tolerance = 1e-6 if case.dtype == "float64" else 1e-3
    off = np.abs(case.as_nhwc(out).astype(float) - expected)[np.broadcast_to(case.steady(), expected.shape[:3])]
    assert (off <= tolerance).all(), f"off by {np.nanmax(off) if off.size else 0:.3g}, or not a number"


def check_image_gradient(case, d_image, expected, n_values):
    tolerance = 1e-6 if case.dtype == "float64" else 1e-4
    off = np.abs(case.as_nhwc(d_image) - expected)
    assert (off <= tolerance * (1 + np.abs(expected).max(initial=0) + n_values)).all(), f"d_image off by {off.max():.3g}"


def check_grid_gradient(case, d_grid, d_pixels, n_values):
    """Compare with the oracle's gradient by pixel positions, pulled back to the grid's own numbers in plain NumPy."""
    d_points = d_pixels * (1.0 if case.options.get("units") else pixels_per_unit(case))
    is_grid = isinstance(case.grid, stn.Grid)
    with np.errstate(all="ignore"):
        expected = case.grid.pull_back(d_points) if is_grid else d_points
        finite = np.isfinite(case.grid.values if is_grid else case.grid).all()
    assert d_grid.shape == expected.shape
    if not finite and not isinstance(case.grid, stn.DenseGrid | np.ndarray):
        return
    off, most = np.abs(d_grid - expected), np.abs(expected).max(initial=0)
    tolerance = 1e-5 if case.dtype == "float64" and d_grid.dtype == np.float64 else 2e-3
    assert (off <= tolerance * (1 + most) * (1 + np.sqrt(n_values))).all(), f"d_grid off by {off.max():.3g} of {most:.3g}"


def pixels_per_unit(case):
    size = np.array((case.W, case.H), float)
    return (size - 1) / 2 if case.align_corners else size / 2


CALLS = {"sample": forward, "sample_vjp": backward, "warp": warped}
