"""Flows."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import stn_numba as stn
from stn_transforms.flow import Flow

RNG = np.random.default_rng(0)


def theta_of(flow):
    return np.moveaxis(flow, 3, 1).reshape(len(flow), -1)


def test_an_output_of_the_size_of_the_field_has_one_displacement_a_pixel():
    flow = RNG.normal(0, 0.1, (2, 5, 7, 2))
    grid, _ = Flow(shape=(5, 7)).forward(theta_of(flow), (5, 7))
    np.testing.assert_allclose(grid.dense(), stn.base_points((5, 7)).reshape(5, 7, 2) + flow, atol=1e-14)


def test_warps_are_those_of_displacement_fields():
    image, flow = RNG.random((2, 6, 8, 3)), RNG.normal(0, 0.1, (2, 6, 8, 2))
    expected = stn.sample(image, flow, displacement=True)
    np.testing.assert_allclose(stn.warp(image, theta_of(flow), Flow((6, 8))), expected, atol=1e-12)


@pytest.mark.parametrize("align_corners", [True, False])
def test_other_sizes_are_interpolated_bilinearly(align_corners):
    flow = RNG.standard_normal((1, 4, 6, 2))
    axes = np.linspace(-1, 1, 4), np.linspace(-1, 1, 6)
    base = stn.base_points((9, 5), align_corners)
    expected = base + RegularGridInterpolator(axes, flow[0])(base[:, ::-1])
    grid, _ = Flow((4, 6)).forward(theta_of(flow), (9, 5), align_corners)
    np.testing.assert_allclose(grid.dense()[0].reshape(-1, 2), expected, atol=1e-12)


def test_one_pixel_shifts_everything():
    points = RNG.uniform(-1, 1, (5, 2))
    np.testing.assert_array_equal(Flow((1, 1)).apply([[0.5, -1]], points)[0], np.add(points, [0.5, -1]))
    np.testing.assert_allclose(Flow((1, 2)).apply([[0, 1, 0, 0]], [[0, 0.7]]), [[[0.5, 0.7]]])


@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [((0, 5), ValueError, "expected at least one row"), ((5, -1), ValueError, ">= 0"), ("12", TypeError, "two whole numbers")],
)
def test_bad_shapes_are_refused(shape, error, message):
    with pytest.raises(error, match=f"shape: .*{message}"):
        Flow(shape=shape)
