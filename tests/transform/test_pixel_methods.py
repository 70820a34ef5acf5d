"""Matrices between pixels, from theta and back, for transforms that are matrices."""

import numpy as np
import pytest

import stn_numba as stn
from tests.transform.fitting.examples import KINDS, theta_of

IN, OUT = (20, 31), (15, 24)
IMAGE = np.random.default_rng(0).random(IN)
MATRICES = {name: transform for name, transform in KINDS.items() if isinstance(transform, stn.MatrixTransform)}
EVERY = pytest.mark.parametrize("transform", MATRICES.values(), ids=MATRICES)
BOTH = pytest.mark.parametrize("align_corners", [True, False])


@EVERY
@BOTH
def test_the_grid_of_the_pixel_matrix_is_the_warp(transform, align_corners):
    theta = theta_of(transform, np.random.default_rng(1))
    pixels = transform.pixel_matrix(theta, IN, OUT, align_corners)
    assert (pixels.shape, pixels.dtype) == ((3, 3, 3), np.float64)
    out = stn.sample(np.repeat(IMAGE[None, ..., None], 3, 0), stn.grid_from_pixel_matrix(pixels, IN, OUT))
    expected = stn.warp(IMAGE, theta, transform, OUT, align_corners=align_corners)
    np.testing.assert_allclose(out[..., 0], expected, atol=1e-12)
    other_way = transform.pixel_matrix(theta, IN, OUT, align_corners, inverse=True)
    np.testing.assert_allclose(other_way @ pixels, (other_way @ pixels)[:, 2:, 2:] * np.eye(3), atol=1e-9)
    assert (other_way[:, 2, 2] == 1).all()


@EVERY
@BOTH
@pytest.mark.parametrize("inverse", [False, True])
def test_from_pixel_matrix_undoes_pixel_matrix(transform, align_corners, inverse):
    theta = theta_of(transform, np.random.default_rng(2))
    pixels = transform.pixel_matrix(theta, IN, OUT, align_corners, inverse=inverse)
    for factor in (1.0, -3.0):
        found = transform.from_pixel_matrix(factor * pixels, IN, OUT, align_corners, inverse=inverse)
        np.testing.assert_allclose(found, theta, atol=1e-9)
    single = transform.from_pixel_matrix(pixels[0], IN, OUT, align_corners, inverse=inverse)
    np.testing.assert_allclose(single, theta[:1], atol=1e-9)


def test_simple_matrices_are_exact():
    affine, projective = MATRICES["affine"], MATRICES["projective"]
    assert affine.from_pixel_matrix(np.eye(3), (9, 17), (9, 17)).tolist() == [affine.identity().tolist()]
    assert projective.from_pixel_matrix(np.eye(2, 3), (9, 17), (9, 17)).tolist() == [projective.identity().tolist()]
    assert affine.pixel_matrix(affine.identity()[None], (7, 13), (7, 13)).tolist() == [np.eye(3).tolist()]


def test_a_rotation_of_pixels_is_a_rotation_of_a_wide_image():
    c, s = np.cos(0.3), np.sin(0.3)
    center = np.array([[1, 0, 15], [0, 1, 9.5], [0, 0, 1]])
    pixels = center @ [[c, -s, 0], [s, c, 0], [0, 0, 1]] @ np.linalg.inv(center)
    np.testing.assert_allclose(MATRICES["turn"].from_pixel_matrix(pixels, IN, IN), [[0.3]], atol=1e-12)


def test_maps_of_another_kind_are_refused():
    shear, perspective = [[1, 0.2, 0], [0, 1, 0]], [[1, 0, 0], [0, 1, 0], [0.01, 0, 1]]
    for name in ("similarity", "attention", "turn"):
        with pytest.raises(ValueError, match=r"matrix: expected the map of a .*, got one that differs .* off by"):
            MATRICES[name].from_pixel_matrix(shear, IN, OUT)
    with pytest.raises(ValueError, match="matrix: expected the map of a Affine"):
        MATRICES["affine"].from_pixel_matrix(perspective, IN, OUT)
    with pytest.raises(ValueError, match="center of the output lies at or behind its horizon"):
        MATRICES["projective"].from_pixel_matrix([[1, 0, 0], [0, 1, 0], [1, 0, -11.5]], IN, OUT)


BAD = {
    "flat": ((np.ones(6), IN, OUT), r"matrix: expected \(2, 3\) or .* got \(6,\); take np.reshape"),
    "square": ((np.eye(2), IN, OUT), r"matrix: expected \(2, 3\) or \(3, 3\), or N of them, got \(2, 2\)"),
    "deep": ((np.ones((1, 1, 3, 3)), IN, OUT), r"got \(1, 1, 3, 3\)"),
    "nan": ((np.full((3, 3), np.nan), IN, OUT), "matrix: expected finite numbers"),
    "thin": ((np.eye(3), (1, 5), OUT), "in_shape: expected at least 2 x 2 pixels with align_corners=True"),
    "singular": ((np.zeros((3, 3)), IN, OUT), "has no inverse"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_matrices_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MATRICES["affine"].from_pixel_matrix(*arguments)


def test_singular_matrices_have_no_inverse():
    with pytest.raises(ValueError, match="matrix: expected a matrix that has an inverse"):
        MATRICES["affine"].from_pixel_matrix(np.zeros((2, 3)), IN, OUT, inverse=True)
    with pytest.raises(ValueError, match="theta: expected a matrix that has an inverse"):
        MATRICES["affine"].pixel_matrix(np.zeros((1, 6)), IN, OUT, inverse=True)
    with pytest.raises(TypeError, match="out_shape"):
        MATRICES["affine"].pixel_matrix(np.zeros((1, 6)), IN, 5)


def test_opencv_and_scikit_image_read_the_same_positions():
    cv2, transform = pytest.importorskip("cv2"), pytest.importorskip("skimage.transform")
    theta = np.array([[0.9, 0.1, 0.05, -0.2, 1.1, 0.1, 0.15, -0.1]])
    pixels = MATRICES["projective"].pixel_matrix(theta, IN, OUT)[0]
    smooth = cv2.GaussianBlur(IMAGE, (0, 0), 2)
    out = stn.warp(smooth, theta[0], "projective", OUT)
    theirs = cv2.warpPerspective(smooth, pixels, OUT[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    inside = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(out[inside], theirs[inside], atol=2e-3)
    np.testing.assert_allclose(out[inside], transform.warp(smooth, pixels, output_shape=OUT)[inside], atol=1e-9)
