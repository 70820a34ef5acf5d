"""Interpolation kernels: their weights, and a new one added to the table."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.sampler import interpolation
from stn_numba.sampler.interpolation import PiecewisePolynomial
from stn_numba.testing import check_vjp
from tests.sampler import oracle
from tests.sampler.examples import random_image

STEP = PiecewisePolynomial([-1, 0, 1], [[-2, 2], [3, -3], [0, 0], [0, 1]])  # smoothstep, even, of sum 1


@pytest.fixture
def added(monkeypatch):
    monkeypatch.setitem(interpolation.KERNELS, "smoothstep", lambda: STEP)
    return "smoothstep"


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection", "wrap"])
def test_an_added_kernel_is_read_and_differentiated(added, padding):
    image, points = random_image(2, 5, 6, 3), np.random.default_rng(0).uniform(-0.9, 0.9, (2, 3, 4, 2))
    check_vjp(lambda image, points: stn.sample_vjp(image, points, kernel=added, padding=padding), image, points)
    as_data = stn.sample(image, points, kernel=STEP, padding=padding)
    np.testing.assert_array_equal(stn.sample(image, points, kernel=added, padding=padding), as_data)


def test_an_added_kernel_works_in_every_layout_and_dtype(added):
    image, pixels = (
        (random_image(1, 5, 6, 3) * 40 + 100).astype(np.uint8),
        np.random.default_rng(0).uniform(-1, 6, (1, 3, 4, 2)),
    )
    expected = oracle.read(image.astype(float), pixels, STEP, "border", None)
    options = {"kernel": added, "padding": "border", "units": "pixels"}
    assert np.abs(stn.sample(image, pixels, **options) - expected).max() <= 0.501
    planes = stn.sample(image.transpose(0, 3, 1, 2), pixels, layout="NCHW", **options)
    np.testing.assert_array_equal(planes.transpose(0, 2, 3, 1), stn.sample(image, pixels, **options))
    turned = stn.warp(image, [0.9, -0.1, 0, 0.1, 0.9, 0], kernel=added, antialias=True)
    assert turned.dtype == np.uint8


def test_an_error_lists_an_added_kernel(added):
    with pytest.raises(
        ValueError, match="kernel: expected one of nearest, .*, smoothstep, or a PiecewisePolynomial.* 'smoothstep'\\?"
    ):
        stn.sample(np.ones((1, 2, 2, 1)), np.zeros((1, 1, 1, 2)), kernel="smoothstpe")


def test_kernels_are_partitions_of_unity_and_interpolate():
    for make in interpolation.KERNELS.values():
        k = make()
        fractions = np.linspace(0, 0.999, 50)
        weights = k(fractions[:, None] + k.taps // 2 - 1 - np.arange(k.taps))
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(interpolation.KERNELS["bicubic"]()([-1.0, 0.0, 1.0]), [0, 1, 0])
    exact = np.sinc([0.3, 1.7]) * np.sinc(np.array([0.3, 1.7]) / 3)
    np.testing.assert_allclose(interpolation.KERNELS["lanczos3"]()([0.3, 1.7]), exact, atol=0.01)
