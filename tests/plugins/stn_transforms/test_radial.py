"""Radial lens distortion."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.testing import check_vjp
from stn_numba.transform import Transform
from stn_transforms.radial import Radial

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("align_corners", [True, False])
def test_the_formula_of_opencv_in_pixels(align_corners):
    """As in OpenCV's documentation of calib3d, with f_x = f_y = f."""
    shape, f, center, k = (48, 100), 70.0, np.array([52.0, 20.0]), np.array([-0.3, 0.1, -0.02])
    pixels = RNG.uniform(0, 1, (30, 2)) * shape[::-1]
    straight = (pixels - center) / f
    r2 = np.sum(straight**2, axis=1, keepdims=True)
    expected = straight * (1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3) * f + center

    half = (shape[0] - align_corners) / 2
    theta = np.concatenate([k * (half / f) ** np.array([2, 4, 6]), stn.to_normalized([center], shape, align_corners)[0]])
    transform = Radial().for_image(shape, align_corners)
    mapped = transform.apply(theta[None], stn.to_normalized(pixels, shape, align_corners))[0]
    np.testing.assert_allclose(stn.to_pixels(mapped, shape, align_corners), expected, atol=1e-10)


def test_opencv_undistorts_alike():
    cv2 = pytest.importorskip("cv2")
    shape, f, k = (41, 81), 60.0, (-0.25, 0.08, 0.01)
    camera = np.array([[f, 0, 40], [0, f, 20], [0, 0, 1]])
    image = cv2.GaussianBlur(RNG.random(shape, np.float32), (0, 0), 2)
    expected = cv2.undistort(image, camera, np.array([k[0], k[1], 0, 0, k[2]]))
    theta = [*np.multiply(k, (20 / f) ** np.array([2, 4, 6])), 0, 0]
    np.testing.assert_allclose(stn.warp(image, theta, Radial()), expected, atol=0.01)


def test_the_radius_is_1_at_the_middle_of_the_upper_edge():
    theta = [[0.1, 0, 0, 0, 0]]
    assert Radial(aspect=2).apply(theta, [[0, -1], [0.5, 0]]).round(12).tolist() == [[[0, -1.1], [0.55, 0]]]


def test_the_center_stays_in_place():
    theta = [[0.3, -0.2, 0.1, 0.25, -0.5]]
    assert Radial().apply(theta, [[0.25, -0.5]]).tolist() == [[[0.25, -0.5]]]


@pytest.mark.parametrize("aspect", [None, 2.5])
def test_gradients_of_large_distortions(aspect):
    theta, points = RNG.normal(0, 0.5, (3, 5)), RNG.uniform(-1, 1, (8, 2))
    check_vjp(lambda theta: Radial(aspect).apply_vjp(theta, points), theta)


def test_derivatives_by_position_agree_with_differences():
    theta, points = RNG.normal(0, 0.3, (3, 5)), RNG.uniform(-1, 1, (3, 8, 2))
    transform = Radial(2.0)
    expected = Transform.points_jacobian(transform, theta, points)
    np.testing.assert_allclose(transform.points_jacobian(theta, points), expected, atol=1e-7)


def test_the_inverse_goes_back():
    theta, points = [[-0.05, 0.01, 0, 0.1, 0]], RNG.uniform(-1, 1, (20, 2))
    transform = Radial(1.5)
    np.testing.assert_allclose(transform.apply_inverse(theta, transform.apply(theta, points)[0])[0], points, atol=1e-9)
