import numpy as np
import pytest
from scipy import ndimage

from stn_numba import limit_threads
from stn_numba.registration.pyramid.filters import halve, smooth, spline_coefficients
from stn_numba.registration.pyramid.volume_filters import halve_axes, smooth_all, splines_of

SHAPES = [(1, 1, 1), (2, 3, 1), (5, 8, 9), (16, 17, 40)]


def volumes(shape, count=2):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axes", [(True, True, True), (False, True, True), (False, False, True), (True, False, False)])
def test_some_axes_are_halved(shape, axes):
    volume = volumes(shape)
    found, expected, keep = halve_axes(volume, axes), volume.astype(np.float64), [slice(None)]
    for axis, chosen in enumerate(axes, 1):
        keep.append(slice(None, None, 2 if chosen else 1))
        if chosen and expected.shape[axis] > 2:
            expected = ndimage.correlate1d(expected, np.array([1, 4, 6, 4, 1]) / 16, axis, mode="mirror")
    expected = expected[tuple(keep)]
    assert found.shape == expected.shape
    if min(shape) > 2:
        np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(halve_axes(np.ones_like(volume), axes), 1, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_smoothing_is_that_of_scipy(shape, sigma):
    volume = volumes(shape)
    if min(shape) > 4 * sigma:
        expected = ndimage.gaussian_filter(volume.astype(np.float64), (0, sigma, sigma, sigma), mode="mirror")
        np.testing.assert_allclose(smooth_all(volume, sigma), expected, atol=1e-5)
    np.testing.assert_allclose(smooth_all(np.ones_like(volume), sigma), 1, atol=1e-6)


def test_odd_smoothing_keeps_slopes():
    ramp = np.einsum("a,zyx->azyx", [1, -2], np.arange(9.0)[:, None, None] + 2 * np.arange(8)[:, None] - np.arange(11))
    np.testing.assert_allclose(smooth_all(ramp.astype(np.float32), 0.7, odd=True), ramp, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 2, 2), (5, 8, 9), (7, 6, 20)])
def test_splines_are_natural_along_every_axis(shape):
    volume = volumes(shape)
    found = splines_of(volume).astype(np.float64)[(slice(None), *(slice(size + 2) for size in shape))]
    values = found
    for axis in (1, 2, 3):
        lines = np.moveaxis(values, axis, 0)
        values = np.moveaxis((lines[:-2] + 4 * lines[1:-1] + lines[2:]) / 6, 0, axis)
        ends = np.stack([lines[0] - 2 * lines[1] + lines[2], lines[-3] - 2 * lines[-2] + lines[-1]])
        np.testing.assert_allclose(ends, 0, atol=1e-4)
    np.testing.assert_allclose(values, volume, atol=2e-5)


def test_images_go_to_the_filters_of_images():
    image = volumes((30, 40))
    np.testing.assert_array_equal(halve_axes(image, (True, True)), halve(image))
    np.testing.assert_array_equal(smooth_all(image, 0.7), smooth(image, 0.7))
    np.testing.assert_array_equal(splines_of(image), spline_coefficients(image))


def test_the_same_bits_with_any_number_of_threads():
    volume, found = volumes((40, 41, 42)), []
    for count in (1, 2, 3):
        with limit_threads(count):
            found.append([halve_axes(volume, (True,) * 3), smooth_all(volume, 1.0), splines_of(volume)])
    for other in found[1:]:
        for value, expected in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(value, expected)
