import numpy as np
import pytest
from scipy import interpolate, ndimage

from stn_numba import limit_threads
from stn_numba.registration.pyramid.filters import halve, noise_left, smooth, spline_coefficients, weighted

SHAPES = [(1, 1), (1, 2), (2, 5), (3, 3), (7, 9), (8, 8), (17, 40), (150, 131)]


def planes(shape, count=2):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.45, 0.7, 3.0])
def test_the_noise_that_smoothing_leaves(sigma):
    noise = planes((400, 400), 1)
    assert abs(np.var(smooth(noise, sigma)[:, 15:-15, 15:-15]) / noise_left(sigma) - 1) < 0.08


@pytest.mark.parametrize("shape", SHAPES)
def test_halve(shape):
    image = planes(shape)
    expected = image.astype(np.float64)
    for axis in (1, 2):
        if expected.shape[axis] > 2:
            expected = ndimage.correlate1d(expected, np.array([1, 4, 6, 4, 1]) / 16, axis, mode="mirror")
    found = halve(image)
    assert found.shape == (2, (shape[0] + 1) // 2, (shape[1] + 1) // 2)
    if min(shape) > 2:
        np.testing.assert_allclose(found, expected[:, ::2, ::2], atol=1e-6)
    np.testing.assert_allclose(halve(np.ones_like(image)), 1, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_smooth(shape, sigma):
    image = planes(shape)
    if min(shape) > 4 * sigma:
        expected = ndimage.gaussian_filter(image.astype(np.float64), (0, sigma, sigma), mode="mirror")
        np.testing.assert_allclose(smooth(image, sigma), expected, atol=1e-5)
    np.testing.assert_allclose(smooth(np.ones_like(image), sigma), 1, atol=1e-5)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if min(shape) > 2])
def test_slopes_go_on_beyond_the_edges(shape):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    plane = (3 * x - 2 * y + 5)[None]
    np.testing.assert_allclose(smooth(plane, 0.6, odd=True), plane, atol=1e-4)
    image = planes(shape)
    expected = np.pad(image.astype(np.float64), ((0, 0), (2, 2), (2, 2)), "reflect", reflect_type="odd")
    weights = np.exp(-0.5 * (np.arange(-2, 3) / 0.4) ** 2)
    for axis in (1, 2):
        expected = ndimage.correlate1d(expected, weights / weights.sum(), axis)
    np.testing.assert_allclose(smooth(image, 0.4, odd=True), expected[:, 2:-2, 2:-2], atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_spline_coefficients(shape):
    image = planes(shape)
    found = spline_coefficients(image)[:, : shape[0] + 2, : shape[1] + 2].astype(np.float64)
    for axis in (1, 2):
        length = found.shape[axis]
        if length > 3:
            low, middle, high = (np.take(found, range(k, length - 2 + k), axis) for k in range(3))
            found = (low + 4 * middle + high) / 6
        else:
            found = np.take(found, [1], axis)
    np.testing.assert_allclose(found, image, atol=1e-5)


def test_splines_are_natural():
    image = planes((1, 40), 1)
    found = spline_coefficients(image)[0, 1, :42].astype(np.float64)
    spline = interpolate.CubicSpline(np.arange(40), image[0, 0], bc_type="natural")
    between = (found[:-3] + 23 * found[1:-2] + 23 * found[2:-1] + found[3:]) / 48
    np.testing.assert_allclose(between, spline(np.arange(39) + 0.5), atol=1e-5)


def test_pixels_without_weight_take_no_part():
    image, weight = planes((20, 30)), np.ones((2, 20, 30), np.float32)
    weight[:, 5:12, 8:20] = 0
    clean = weighted(halve, image, weight)
    image[weight == 0] = 1e6
    for found, expected in zip(weighted(halve, image, weight), clean, strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(clean[0][0, 4, 6], 0)


@pytest.mark.parametrize("function", [halve, lambda image: smooth(image, 0.8), spline_coefficients])
def test_the_same_bits_with_any_number_of_threads(function):
    image, found = planes((300, 210)), []
    for count in (1, 2, 3):
        with limit_threads(count):
            found.append(function(image))
    assert all(np.array_equal(each, found[0]) for each in found)


def test_nan_stays_near():
    image = planes((40, 40))
    image[:, 20, 20] = np.nan
    assert np.isfinite(smooth(image, 1.0)[:, :10]).all()
    assert np.isfinite(halve(image)[:, :5]).all()
