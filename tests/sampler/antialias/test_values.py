"""Which positions antialiasing averages, and that other results do not change."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.sampler.antialias import MAX_FACTOR
from stn_numba.sampler.interpolation import KERNELS, PiecewisePolynomial
from stn_numba.sampler.padding import PADDINGS
from tests.sampler import oracle
from tests.sampler.antialias.examples import IDENTITY, SHRUNK, averaged_positions, factors, single_grid, smooth_points
from tests.sampler.examples import random_image, random_transform


def test_a_reduction_to_a_quarter_is_the_mean_over_blocks():
    image = random_image(2, 32, 48, 3)
    out = stn.warp(image, IDENTITY, shape=(8, 12), align_corners=False, antialias=True)
    np.testing.assert_allclose(out, image.reshape(2, 8, 4, 12, 4, 3).mean(axis=(2, 4)), atol=1e-12)


@pytest.mark.parametrize("kind", ["zone plate", "checkerboard"])
def test_a_reduction_to_a_quarter_does_not_alias(kind):
    y, x = np.mgrid[:256, :256]
    image = np.cos(np.pi * (x**2 + y**2) / 512) if kind == "zone plate" else 1.0 - 2 * ((x + y) % 2)
    theta = [1, 0.06, 0.003, -0.06, 1, 0.002]  # a slight turn, so that plain positions meet the pattern at every phase
    plain, averaged = (stn.warp(image, theta, shape=(64, 64), padding="border", antialias=a) for a in (False, True))
    fine = slice(None) if kind == "checkerboard" else slice(32, None)  # where the pattern is finer than the output pixels
    before, after = (np.mean(out[fine, fine] ** 2) for out in (plain, averaged))
    assert before > 0.05
    assert after < before / 30


@pytest.mark.parametrize("kind", ["dense", "affine", "homography", "basis"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_positions_within_each_cell_are_averaged(kind, align_corners):
    image = random_image(2, 13, 17, 2)
    if kind == "dense":
        grid = stn.DenseGrid(smooth_points(2, SHRUNK), align_corners=align_corners)
    else:
        transform, theta = random_transform(kind, 2, seed=2)
        grid = transform.forward(theta, SHRUNK, align_corners)[0]
    out = stn.sample(image, grid, antialias=True)
    for n in range(2):
        one = single_grid(grid, n)
        q = factors(one, (13, 17))
        assert min(q) > 1
        if kind in ("affine", "homography"):
            down, across = np.array(q)
            finer = stn.MatrixGrid(one.values, (SHRUNK[0] * down, SHRUNK[1] * across), align_corners=False)
            points = finer.dense() if not align_corners else exact_aligned(transform, theta[n], q)
            every = (
                points.reshape(1, SHRUNK[0], down, SHRUNK[1], across, 2).transpose(2, 4, 0, 1, 3, 5).reshape(-1, 1, *SHRUNK, 2)
            )
        else:
            every = averaged_positions(one.dense(), q)
        expected = np.mean([oracle.sample(image[n : n + 1], points, "zeros", align_corners) for points in every], axis=0)
        np.testing.assert_allclose(out[n : n + 1], expected, atol=1e-10)


def exact_aligned(transform, theta, q):
    """Positions of the finer grid where -1 and +1 are pixel centers: cells reach half a pixel beyond them."""
    x, y = (
        (-1 + 2 * ((np.arange(size * parts) + 0.5) / parts - 0.5) / (size - 1))
        for size, parts in zip(SHRUNK[::-1], q[::-1], strict=True)
    )
    x, y = np.meshgrid(x, y)
    return transform.apply(theta[None], np.stack([x.ravel(), y.ravel()], axis=-1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("name", ["affine", "projective", "tps", "dense"])
@pytest.mark.parametrize(("zoom", "turn"), [(1.0, 0.0), (0.4, 0.0), (1.0, 0.7), (0.6, 2.0)])
def test_nothing_changes_without_minification(name, dtype, zoom, turn):
    image = (np.abs(random_image(2, 21, 21, 3)) * 50).astype(dtype)
    c, s = zoom * np.cos(turn), zoom * np.sin(turn)
    transform = stn.get_transform("affine" if name == "dense" else name)
    theta = np.array([[c, -s, 0.1, s, c, 0]]) if name == "affine" else None
    if name == "dense":
        grid = transform.forward([[c, -s, 0.1, s, c, 0]], (21, 21))[0].dense().astype(np.float32)
    else:
        theta = transform.identity()[None] * zoom if theta is None else theta
        grid = transform.forward(theta.astype(np.float32), (21, 21))[0]
    np.testing.assert_array_equal(stn.sample(image, grid, antialias=True), stn.sample(image, grid))
    if np.dtype(dtype).kind == "f":
        (out, back), (plain, plain_back) = (stn.sample_vjp(image, grid, antialias=a) for a in (True, False))
        for got, expected in zip((out, *back(plain)), (plain, *plain_back(plain)), strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("fill", [None, 3.0])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel", ["bilinear", *KERNELS, PiecewisePolynomial([-1, 0, 1], [[1, -1], [0, 1]])])
def test_every_kernel_padding_and_fill_is_averaged(kernel, padding, fill):
    image, points = random_image(1, 15, 18, 2), smooth_points(1, SHRUNK)
    q = factors(stn.DenseGrid(points), (15, 18), padding if fill is None else "zeros")
    options = {"kernel": kernel, "padding": padding, "fill": fill}
    expected = np.mean([stn.sample(image, part, **options) for part in averaged_positions(points, q)], axis=0)
    np.testing.assert_allclose(stn.sample(image, points, antialias=True, **options), expected, atol=1e-9)


@pytest.mark.parametrize("fill", [None, 3])
@pytest.mark.parametrize("padding", PADDINGS)
def test_nearest_takes_the_most_frequent_value(padding, fill):
    labels, points = np.random.default_rng(0).integers(0, 3, (1, 15, 18, 2)), smooth_points(1, SHRUNK)
    q = factors(stn.DenseGrid(points), (15, 18), padding if fill is None else "zeros")
    options = {"kernel": "nearest", "padding": padding, "fill": fill}
    readings = np.stack([stn.sample(labels, part, **options) for part in averaged_positions(points, q)])
    counts = (readings == np.arange(4).reshape(4, 1, 1, 1, 1, 1)).sum(axis=1)
    np.testing.assert_array_equal(stn.sample(labels, points, antialias=True, **options), counts.argmax(axis=0))


def test_factors_are_limited_and_ignore_positions_outside_the_image():
    assert factors(stn.MatrixGrid(np.eye(3)[None], (3, 4), align_corners=False), (999, 20)) == (MAX_FACTOR, 5)
    points = np.zeros((1, 4, 4, 2)) + 0.01 * stn.base_points((4, 4)).reshape(4, 4, 2)
    points[0, 0] = 1e9  # far outside: a common way to mark "no position"
    assert factors(stn.DenseGrid(points), (20, 20)) == (1, 1)
    assert factors(stn.DenseGrid(points), (20, 20), "border") == (MAX_FACTOR, 1)
    horizon = np.array([[[0.5, 0, 0], [0, 0, 5.0], [0, 0.5, 0.3]]])  # only rows far outside are steep
    assert max(factors(stn.MatrixGrid(horizon, (20, 20)), (20, 20))) < MAX_FACTOR
    assert max(factors(stn.MatrixGrid(horizon, (20, 20)), (20, 20), "wrap")) == MAX_FACTOR


def test_with_a_fill_far_positions_are_ignored_for_every_padding():
    points = 0.01 * stn.base_points((4, 4)).reshape(1, 4, 4, 2)
    points[0, 0] = 1e9
    image, options = random_image(1, 20, 20, 1), {"padding": "border", "fill": 0.0}
    np.testing.assert_array_equal(stn.sample(image, points, antialias=True, **options), stn.sample(image, points, **options))
