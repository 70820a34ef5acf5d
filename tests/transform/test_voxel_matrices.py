"""Matrices between voxels, from theta and back, as SciPy has them."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

import stn_numba as stn

IN, OUT = (9, 12, 15), (8, 11, 10)
VOLUME = np.random.default_rng(0).random(IN)
NAMES = ("affine", "projective", "translation", "rigid", "similarity")
EVERY, BOTH = pytest.mark.parametrize("name", NAMES), pytest.mark.parametrize("align_corners", [True, False])


def transform_and_theta(name, rows=3):
    transform = stn.get_transform(name, ndim=3)
    return transform, transform.identity() + np.random.default_rng(1).normal(0, 0.08, (rows, transform.n_params))


@EVERY
@BOTH
@pytest.mark.parametrize("inverse", [False, True])
def test_from_pixel_matrix_undoes_pixel_matrix(name, align_corners, inverse):
    transform, theta = transform_and_theta(name)
    voxels = transform.pixel_matrix(theta, IN, OUT, align_corners, inverse=inverse)
    assert (voxels.shape, voxels.dtype) == ((3, 4, 4), np.float64)
    for factor in (1.0, -3.0):
        found = transform.from_pixel_matrix(factor * voxels, IN, OUT, align_corners, inverse=inverse)
        np.testing.assert_allclose(found, theta, atol=1e-8)
    single = transform.from_pixel_matrix(voxels[0], IN, OUT, align_corners, inverse=inverse)
    np.testing.assert_allclose(single, theta[:1], atol=1e-8)


@EVERY
@BOTH
def test_the_grid_of_the_matrix_is_the_warp(name, align_corners):
    transform, theta = transform_and_theta(name, 1)
    voxels = transform.pixel_matrix(theta, IN, OUT, align_corners)
    out = stn.sample(VOLUME[None, ..., None], stn.grid_from_pixel_matrix(voxels, IN, OUT))[0, ..., 0]
    np.testing.assert_allclose(out, stn.warp(VOLUME, theta[0], transform, OUT, align_corners=align_corners), atol=1e-12)


@BOTH
def test_scipy_reads_the_same_positions(align_corners):
    """SciPy's matrices have the axes (z, y, x)."""
    turn = Rotation.from_rotvec([0.2, -0.1, 0.3]).as_matrix()
    matrix = np.concatenate([turn * [1.1, 0.9, 1.0], [[0.7], [-0.4], [1.3]]], axis=1)  # of z, y, x
    expected = ndimage.affine_transform(VOLUME, matrix, output_shape=OUT, order=1, mode="grid-constant")
    transform = stn.get_transform("affine", ndim=3)
    theta = transform.from_pixel_matrix(matrix[[2, 1, 0]][:, [2, 1, 0, 3]], IN, OUT, align_corners)
    np.testing.assert_allclose(stn.warp(VOLUME, theta[0], transform, OUT, align_corners=align_corners), expected, atol=1e-12)
    assert np.abs(stn.warp(VOLUME, theta[0], transform, OUT, align_corners=not align_corners) - expected).max() > 0.1


@pytest.mark.parametrize("degrees", [30, 120, 179])
@pytest.mark.parametrize("name", ["rigid", "similarity"])
def test_large_rotations_are_found(name, degrees):
    transform = stn.get_transform(name, ndim=3)
    for seed in range(5):
        axis = np.random.default_rng(seed).normal(size=3)
        theta = transform.identity()[None] + 0.0
        theta[0, :3], theta[0, -3:] = np.radians(degrees) * axis / np.linalg.norm(axis), [0.1, -0.2, 0.05]
        voxels = transform.pixel_matrix(theta, IN, OUT)
        found = transform.from_pixel_matrix(voxels, IN, OUT)
        np.testing.assert_allclose(transform.pixel_matrix(found, IN, OUT), voxels, atol=1e-6)


def test_whole_shifts_are_exact():
    affine, shift = stn.get_transform("affine", ndim=3), np.eye(3, 4)
    assert affine.from_pixel_matrix(shift, (9, 17, 5), (9, 17, 5)).tolist() == [affine.identity().tolist()]
    shift[:, 3] = 4, 2, 1  # x, y, z
    theta = stn.get_transform("translation", ndim=3).from_pixel_matrix(shift, (9, 17, 5), (9, 17, 5))
    assert theta.tolist() == [[2.0, 0.25, 0.25]]


def test_maps_of_another_kind_are_refused():
    shear, perspective = np.eye(3, 4), np.eye(4)
    shear[0, 1], perspective[3, 2] = 0.2, 0.01
    for name in ("rigid", "similarity", "translation"):
        with pytest.raises(ValueError, match=r"matrix: expected the map of a .*, got one that differs .* off by"):
            stn.get_transform(name, ndim=3).from_pixel_matrix(shear, IN, OUT)
    with pytest.raises(ValueError, match="matrix: expected the map of a Affine"):
        stn.get_transform("affine", ndim=3).from_pixel_matrix(perspective, IN, OUT)
    with pytest.raises(ValueError, match="center of the output lies at or behind its horizon"):
        stn.get_transform("projective", ndim=3).from_pixel_matrix([*np.eye(3, 4), [1, 0, 0, -4.5]], IN, OUT)


BAD = {
    "image": ((np.eye(3), IN, OUT), r"matrix: expected \(3, 4\) or \(4, 4\), or N of them, got \(3, 3\)"),
    "flat": ((np.ones(12), IN, OUT), r"got \(12,\); take np.reshape\(matrix, \(3, 4\)\)"),
    "nan": ((np.full((4, 4), np.nan), IN, OUT), "matrix: expected finite numbers"),
    "thin": ((np.eye(4), (9, 1, 5), OUT), "in_shape: expected at least 2 x 2 x 2 voxels with align_corners=True"),
    "singular": ((np.zeros((4, 4)), IN, OUT), "has no inverse"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_matrices_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        stn.get_transform("affine", ndim=3).from_pixel_matrix(*arguments)


def test_shapes_have_three_axes():
    with pytest.raises(TypeError, match=r"in_shape: expected three whole numbers \(d, h, w\)"):
        stn.get_transform("affine", ndim=3).from_pixel_matrix(np.eye(4), IN[:2], OUT)
    with pytest.raises(ValueError, match="theta: expected a matrix that has an inverse"):
        stn.get_transform("affine", ndim=3).pixel_matrix(np.zeros((1, 12)), IN, OUT, inverse=True)
