"""Positions that are NaN, infinite or huge, and accesses at the edges of arrays."""

import os
import subprocess
import sys

import numpy as np
import pytest

import stn_numba as stn
from tests.sampler.examples import BASIC_PADDINGS, KINDS, random_grid, random_image

BAD = [np.nan, np.inf, -np.inf, 1e38, -1e38, 1e300, -1e300]
DTYPES = [np.float32, np.float64]


def gradients(image, grid, padding):
    out, backprop = stn.sample_vjp(image, grid, padding=padding)
    return out, *backprop(np.ones_like(out))


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spot", [(0,), (1,), (0, 1)])
def test_non_finite_and_huge_positions_read_zero_and_have_no_gradient(bad, dtype, spot):
    image, points = random_image(1, 5, 6, 2, dtype=dtype), np.full((1, 2, 2, 2), 0.1)
    points[..., spot] = bad
    for array in gradients(image, points, "zeros"):
        assert not array.any()
        assert np.isfinite(array).all()


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("dtype", DTYPES)
def test_under_border_padding_infinity_is_the_edge_and_nan_is_zero(bad, dtype):
    image, points = random_image(1, 5, 6, 1, dtype=dtype), np.zeros((1, 1, 1, 2))
    points[..., 0] = bad
    out, d_image, d_grid = gradients(image, points, "border")
    expected = 0 if np.isnan(bad) else image[0, 2, 5 if bad > 0 else 0, 0]
    np.testing.assert_allclose(out.item(), expected, rtol=1e-6)
    assert d_grid[0, 0, 0, 0] == 0
    assert np.isfinite(d_grid).all()
    assert np.isfinite(d_image).all()


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["affine", "projective", "tps"])
def test_a_non_finite_theta_keeps_everything_finite(name, dtype, bad):
    transform = stn.get_transform(name)
    image = random_image(1, 5, 6, 1, dtype=dtype)
    for k in range(min(transform.n_params, 9)):
        theta = transform.identity()[None]
        theta[0, k] = bad
        for padding in BASIC_PADDINGS:
            grid, to_theta = transform.forward(theta, (4, 3))
            out, d_image, d_grid = gradients(image, grid, padding)
            for array in (out, d_image, d_grid, to_theta(d_grid)):
                assert np.isfinite(array).all(), (k, padding)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("padding", BASIC_PADDINGS)
@pytest.mark.parametrize("name", ["affine", "projective", "tps"])
def test_an_entirely_non_finite_theta_has_no_gradient(name, padding, bad):
    transform = stn.get_transform(name)
    grid, to_theta = transform.forward(np.full((1, transform.n_params), bad), (4, 3))
    out, _, d_grid = gradients(random_image(1, 5, 6, 1), grid, padding)
    assert np.isfinite(out).all()
    assert not to_theta(d_grid).any()


def between_guards(array):
    """The same values as a contiguous view into the middle of a larger buffer of NaN."""
    buffer = np.full(array.size + 2000, np.nan, array.dtype)
    view = buffer[1000:-1000].reshape(array.shape)
    view[...] = array
    return view


@pytest.mark.parametrize("padding", BASIC_PADDINGS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(5, 6), (1, 6), (5, 1), (1, 1)])
def test_values_next_to_the_image_are_never_read(kind, padding, size):
    image = between_guards(random_image(2, *size, 1))
    grid = random_grid(kind, 2, (9, 8))
    grid.values = between_guards(grid.values * 1.5)
    out, backprop = stn.sample_vjp(image, grid, padding=padding)
    for array in (out, *backprop(between_guards(np.ones_like(out)))):
        assert np.isfinite(array).all()


UNDER_BOUNDS_CHECKS = """
import itertools
import numba, numpy as np
import stn_numba as stn

@numba.njit
def planted(array, k):
    return array[k]

try:
    planted(np.zeros(3), 3)
except IndexError:
    print("checks are on")

bad = np.array([np.nan, np.inf, -np.inf, 1e38, -1e38, 1e300, -1.0, 1.0, 1.0000001, -1.0000001, 0.3])
points = np.array(list(itertools.product(bad, bad))).reshape(1, len(bad), len(bad), 2)
grids = [stn.DenseGrid(points), stn.DenseGrid(points, align_corners=False)]
for name, value, k in itertools.product(("affine", "projective", "tps"), bad, (0, 2, 7)):
    t = stn.get_transform(name)
    theta = t.identity()
    theta[k % t.n_params] = value
    grids.append(t.forward(theta[None], (3, 4))[0])
for size, padding, grid in itertools.product([(1, 1), (1, 4), (4, 1), (2, 2), (3, 5)], ("zeros", "border"), grids):
    out, backprop = stn.sample_vjp(np.ones((1, *size, 2), np.float32), grid, padding=padding, num_threads=1)
    for array in (out, *backprop(out)):
        assert np.isfinite(array).all()
print("nothing left the arrays")
"""


def test_no_index_leaves_the_arrays_under_bounds_checks(tmp_path):
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", UNDER_BOUNDS_CHECKS], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split("\n")[:2] == ["checks are on", "nothing left the arrays"]


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 17])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_nan_pixels_do_not_reach_positions_outside(channels, layout):
    shape = (1, 4, 5, channels) if layout == "NHWC" else (1, channels, 4, 5)
    xs, ys = np.array([-1.0, 5.0, -1.0, 2.0, 2.0]), np.array([1.0, 1.0, -1.0, -1.0, 4.0])
    positions = np.stack([xs, ys], axis=-1)[None, None]
    out = stn.sample(np.full(shape, np.nan), positions, units="pixels", layout=layout)
    assert np.array_equal(out, np.zeros_like(out))
