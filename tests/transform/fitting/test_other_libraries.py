"""Fits agree with scikit-image, OpenCV and SciPy."""

import numpy as np
import pytest

import stn_numba as stn
from tests.transform.fitting.examples import KINDS

RNG = np.random.default_rng(0)
# Points that scikit-image's own tests of estimate_transform use, here normalized to an image of 200 x 200.
SOURCE = np.array([[-12.3705, -10.5075], [-10.7865, 15.4305], [8.6985, 10.8675], [11.4975, -9.5715], [7.8435, 7.4835],
                   [-5.3325, 6.5025], [6.7905, -6.3765], [-6.1695, -0.8235]]) / 20  # fmt: skip
TARGET = np.array([[0, 0], [0, 5800], [4900, 5800], [4900, 0], [4479, 4580], [1176, 3660], [3754, 790], [1024, 1931.0]]) / 5800


def test_scikit_image_estimates_the_same_similarity():
    transform = pytest.importorskip("skimage.transform")
    expected = np.asarray(transform.estimate_transform("similarity", SOURCE, TARGET).params)
    matrix = KINDS["similarity"].matrix(KINDS["similarity"].fit_points(SOURCE, TARGET))[0]
    np.testing.assert_allclose(matrix, expected, atol=1e-9)


@pytest.mark.parametrize("name", ["affine", "projective"])
def test_scikit_image_estimates_nearly_the_same(name):
    transform = pytest.importorskip("skimage.transform")
    expected = np.asarray(transform.estimate_transform(name, SOURCE, TARGET).params)
    mine = KINDS[name].apply(KINDS[name].fit_points(SOURCE, TARGET), SOURCE)
    theirs = KINDS["projective"].apply((expected / expected[2, 2]).reshape(1, 9)[:, :8], SOURCE)
    assert np.sum((mine - TARGET) ** 2) <= np.sum((theirs - TARGET) ** 2)  # they minimize an algebraic distance
    np.testing.assert_allclose(mine, theirs, atol=1e-2)
    exact = KINDS[name].apply(KINDS[name].fit_points(SOURCE, TARGET), SOURCE)[0]
    expected = np.asarray(transform.estimate_transform(name, SOURCE, exact).params)
    np.testing.assert_allclose(
        KINDS[name].matrix(KINDS[name].fit_points(SOURCE, exact))[0], expected / expected[2, 2], atol=1e-9
    )


def test_opencv_finds_the_same_homography():
    cv2 = pytest.importorskip("cv2")
    source = RNG.uniform(-1, 1, (40, 2))
    theta = np.array([[0.9, 0.1, 0.05, -0.2, 1.1, 0.1, 0.15, -0.1]])
    target = KINDS["projective"].apply(theta, source)[0] + RNG.normal(0, 0.002, (40, 2))
    expected, _ = cv2.findHomography(source, target)
    np.testing.assert_allclose(KINDS["projective"].fit_points(source, target)[0], expected.ravel()[:8], atol=1e-5)


def test_opencv_rejects_the_same_outliers():
    cv2 = pytest.importorskip("cv2")
    source = RNG.uniform(-1, 1, (60, 2))
    theta = np.array([[0.9, 0.1, 0.05, -0.2, 1.1, 0.1, 0.15, -0.1]])
    target = KINDS["projective"].apply(theta, source)[0]
    target[:20] = RNG.uniform(-1, 1, (20, 2))
    expected, _ = cv2.findHomography(source, target, cv2.RANSAC, 0.01)
    fitted = KINDS["projective"].fit_points(source, target, robust=True)[0]
    np.testing.assert_allclose(fitted, expected.ravel()[:8], atol=1e-5)


def test_scipy_interpolates_with_the_same_spline():
    interpolate = pytest.importorskip("scipy.interpolate")
    source, target = RNG.uniform(-1, 1, (12, 2)), RNG.uniform(-1, 1, (12, 2))
    spline = stn.get_transform("tps", control_points=source)
    theta = spline.fit_points(source, target)
    points = RNG.uniform(-1, 1, (30, 2))
    expected = interpolate.RBFInterpolator(source, target, kernel="thin_plate_spline")(points)
    np.testing.assert_allclose(spline.apply(theta, points)[0], expected, atol=1e-9)
