"""Gradients by a float32 image to which very many outputs contribute."""

import numpy as np
import pytest

import stn_numba as stn

COUNT = 4200  # 17,640,000 outputs: float32 stops growing at 16,777,216, when ones are added


@pytest.mark.parametrize("kernel", ["nearest", "bilinear"])
def test_sums_of_ones_are_exact_beyond_the_float32_integers(kernel):
    grid = stn.grid_from_pixel_matrix(np.zeros((2, 3)), (2, 3), (COUNT, COUNT))
    out, backprop = stn.sample_vjp(np.ones((1, 2, 3, 1), np.float32), grid, kernel=kernel)
    d_image, _ = backprop(out, grid=False)
    assert d_image.dtype == np.float32
    assert d_image[0, 0, 0, 0] == COUNT**2
    assert d_image.sum() == COUNT**2


def test_one_image_for_many_grids_is_summed_exactly():
    points = np.zeros((200, 300, 500, 2), np.float32)
    out, backprop = stn.sample_vjp(np.ones((1, 1, 1, 1), np.float32), points)
    assert backprop(out, grid=False)[0].item() == out.size


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", ["affine", "tps"])
@pytest.mark.parametrize("antialias", [False, True])
def test_float32_agrees_with_float64_for_any_number_of_threads(name, layout, antialias):
    rng = np.random.default_rng(0)
    shape = (2, 3, 9, 40) if layout == "NCHW" else (2, 9, 40, 3)
    transform = stn.get_transform(name)
    theta = transform.identity() + rng.normal(0, 0.1, (2, transform.n_params))
    grid, _ = transform.forward(theta, (300, 400))
    image, d_out = rng.random(shape), rng.random((2, 3, 300, 400) if layout == "NCHW" else (2, 300, 400, 3))
    options = {"layout": layout, "antialias": antialias}
    double, single = (
        stn.sample_vjp(image.astype(dtype), grid, **options)[1](d_out.astype(dtype)) for dtype in (np.float64, np.float32)
    )
    for got, expected in zip(single, double, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4)
    alone = stn.sample_vjp(image.astype(np.float32), grid, num_threads=1, **options)[1](d_out.astype(np.float32))
    for got, expected in zip(alone, single, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_sum_of_many_does_not_drift():
    grid = stn.grid_from_pixel_matrix(np.zeros((2, 3)), (2, 3), (1000, 1000))
    d_out = np.full((1, 1000, 1000, 1), 0.1, np.float32)
    d_image, _ = stn.sample_vjp(np.ones((1, 2, 3, 1), np.float32), grid)[1](d_out, grid=False)
    assert d_image[0, 0, 0, 0] == pytest.approx(d_out.sum(dtype=float), rel=1e-4)
