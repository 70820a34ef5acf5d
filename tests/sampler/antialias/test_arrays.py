"""Antialiasing of every dtype, layout and batch."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.sampler.interpolation import KERNELS
from tests.sampler.antialias.examples import IDENTITY, SHRUNK, factors, single_grid, smooth_points
from tests.sampler.examples import random_image, random_transform


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int32])
@pytest.mark.parametrize("kernel", ["nearest", "bilinear", *KERNELS])
def test_a_constant_image_stays_constant(kernel, dtype):
    image = np.full((2, 30, 31, 3), 77, dtype)
    points = smooth_points(2, SHRUNK)
    out = stn.sample(image, points, kernel=kernel, padding="border", antialias=True)
    np.testing.assert_allclose(out, 77, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_integers_are_rounded_once_and_clipped(dtype, layout):
    limits = np.iinfo(dtype)
    image = np.random.default_rng(0).integers(limits.min, limits.max, (2, 16, 16, 4), dtype, endpoint=True)
    mean = np.rint(image.reshape(2, 4, 4, 4, 4, 4).mean(axis=(2, 4)))
    if layout == "NCHW":
        image, mean = np.ascontiguousarray(image.transpose(0, 3, 1, 2)), mean.transpose(0, 3, 1, 2)
    options = {"shape": (4, 4), "antialias": True, "align_corners": False, "layout": layout}
    out = stn.warp(image, IDENTITY, **options)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, mean)
    beyond = [1, 0, 9, 0, 1, 0]
    for fill in (limits.min, limits.max):
        assert (stn.warp(image, beyond, fill=fill, **options) == fill).all()


@pytest.mark.parametrize("dtype", [np.float16, np.complex64, np.complex128, np.bool_])
def test_float16_complex_and_bool_images_are_averaged(dtype):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1, 16, 16, 2)) + (1j * rng.normal(size=(1, 16, 16, 2)) if np.dtype(dtype).kind == "c" else 0)
    image = image > 0 if dtype is np.bool_ else image.astype(dtype)
    mean = image.astype(np.complex128).reshape(1, 4, 4, 4, 4, 2).mean(axis=(2, 4))
    kernel = "nearest" if dtype is np.bool_ else "bilinear"
    out = stn.warp(image, IDENTITY, shape=(4, 4), kernel=kernel, align_corners=False, antialias=True)
    assert out.dtype == dtype
    if dtype is np.bool_:  # the majority
        np.testing.assert_array_equal(out, mean.real > 0.5)
    else:
        np.testing.assert_allclose(out.astype(np.complex128), mean, atol=2e-3 if dtype is np.float16 else 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_out_is_written_and_returned(layout, dtype):
    image = (np.abs(random_image(2, 16, 16, 3)) * 40).astype(dtype)
    image = image.transpose(0, 3, 1, 2).copy() if layout == "NCHW" else image
    expected = stn.sample(image, smooth_points(2, SHRUNK), layout=layout, antialias=True)
    whole = np.full((*expected.shape[:3], 2 * expected.shape[3]), 9, dtype)
    out = whole[..., ::2]
    assert np.shares_memory(stn.sample(image, smooth_points(2, SHRUNK), layout=layout, antialias=True, out=out), out)
    np.testing.assert_array_equal(out, expected)
    assert (whole[..., 1::2] == 9).all()


def test_layouts_agree():
    image, points = random_image(2, 16, 16, 3, dtype=np.float32), smooth_points(2, SHRUNK)
    nchw = stn.sample(image.transpose(0, 3, 1, 2).copy(), points, layout="NCHW", antialias=True)
    np.testing.assert_allclose(nchw.transpose(0, 2, 3, 1), stn.sample(image, points, antialias=True), atol=1e-6)


@pytest.mark.parametrize("kind", ["affine", "homography", "basis", "dense"])
def test_a_batch_gives_what_each_image_alone_gives(kind):
    """Grids of different scales, so of different factors."""
    images = random_image(4, 16, 20, 2, dtype=np.float32)
    if kind == "dense":
        points = smooth_points(4, SHRUNK) * np.array([1, 1, 0.2, 0.5]).reshape(4, 1, 1, 1)
        grid = stn.DenseGrid(points)
    else:
        transform, theta = random_transform(kind, 4)
        theta = theta * np.array([1, 1, 0.2, 0.5])[:, None]
        theta[:, 6:] /= 10 if kind == "homography" else 1
        grid = transform.forward(theta, SHRUNK)[0]
    assert len({factors(single_grid(grid, n), (16, 20)) for n in range(4)}) > 1
    d_out = random_image(4, *SHRUNK, 2, dtype=np.float32, seed=4)
    for batch in (images, images[:1]):
        out, backprop = stn.sample_vjp(batch, grid, antialias=True)
        d_image, d_grid = backprop(d_out)
        total = np.zeros_like(images[:1])
        for n in range(4):
            one = batch[n : n + 1] if len(batch) > 1 else batch
            alone, back = stn.sample_vjp(one, single_grid(grid, n), antialias=True)
            np.testing.assert_array_equal(out[n : n + 1], alone)
            d_one, d_grid_one = back(d_out[n : n + 1])
            np.testing.assert_array_equal(d_grid[n : n + 1], d_grid_one)
            total += d_one
            if len(batch) > 1:
                np.testing.assert_array_equal(d_image[n : n + 1], d_one)
        if len(batch) == 1:
            np.testing.assert_allclose(d_image, total, atol=1e-4)
    out, backprop = stn.sample_vjp(images, single_grid(grid, 0), antialias=True)
    np.testing.assert_array_equal(out[3:], stn.sample(images[3:], single_grid(grid, 0), antialias=True))
    one_by_one = [
        stn.sample_vjp(images[n : n + 1], single_grid(grid, 0), antialias=True)[1](d_out[n : n + 1])[1] for n in range(4)
    ]
    np.testing.assert_allclose(backprop(d_out)[1], np.sum(one_by_one, axis=0), rtol=1e-4, atol=1e-4)


def test_the_number_of_threads_changes_no_bit():
    image, theta = random_image(1, 400, 400, 3, dtype=np.float32), stn.get_transform("tps").identity()[None]
    theta = theta + np.random.default_rng(0).normal(0, 0.05, theta.shape)
    grid, _ = stn.get_transform("tps").forward(theta, (130, 130))
    results = []
    for num_threads in (1, 2):
        out, backprop = stn.sample_vjp(image, grid, antialias=True, num_threads=num_threads)
        results.append((out, *backprop(out)))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_warp_averages_gray_and_color_images():
    image = random_image(16, 16, 3)
    out = stn.warp(image, IDENTITY, shape=(4, 4), align_corners=False, antialias=True)
    np.testing.assert_allclose(out, image.reshape(4, 4, 4, 4, 3).mean(axis=(1, 3)), atol=1e-12)
    one = stn.warp(image[..., 0], IDENTITY, shape=(4, 4), align_corners=False, antialias=True, out=np.empty((4, 4)))
    np.testing.assert_allclose(one, out[..., 0], atol=1e-12)
