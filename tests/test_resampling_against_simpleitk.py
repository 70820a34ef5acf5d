"""`resample` agrees with SimpleITK's Resample, inside and at the rim."""

import numpy as np
import pytest

from stn_numba import ImageGeometry, resample

sitk = pytest.importorskip("SimpleITK")

RNG = np.random.default_rng(1)


def turn(ndim, amount=1.0):
    """A random rotation; a small one for small amounts."""
    q, r = np.linalg.qr(np.eye(ndim) + amount * RNG.normal(size=(ndim, ndim)))
    q = q * np.sign(np.diag(r))
    q[:, 0] *= np.sign(np.linalg.det(q))
    return q


def image_of(array, spacing, direction, center):
    """An image of SimpleITK whose center lies at `center`."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetDirection(direction.ravel().tolist())
    middle = direction @ ((np.array(array.shape[::-1]) - 1) / 2 * spacing)
    image.SetOrigin((np.array(center) - middle).tolist())
    return image


def pair(ndim, dtype=np.float64):
    """A volume, and an empty one with other voxels that overlaps it."""
    shape, other = ((12, 14, 11), (7, 10, 13)) if ndim == 3 else ((12, 14), (9, 10))
    center = RNG.uniform(-50, 50, ndim)
    array = np.cumsum(RNG.normal(size=shape), axis=-1).astype(dtype)
    moving = image_of(array, (0.8, 1.1, 2.3)[:ndim], turn(ndim), center)
    fixed = image_of(np.zeros(other), (1.3, 0.9, 1.7)[:ndim], turn(ndim), center + 0.4)
    return array, moving, fixed, center


@pytest.mark.parametrize("with_matrix", [True, False])
@pytest.mark.parametrize("kernel", ["linear", "nearest"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_resample(ndim, kernel, with_matrix):
    array, moving, fixed, center = pair(ndim)
    affine = sitk.AffineTransform(ndim)
    matrix = np.eye(ndim + 1)
    if with_matrix:
        affine.SetMatrix((turn(ndim, 0.1) * 1.1).ravel().tolist())
        affine.SetCenter(center.tolist())
        affine.SetTranslation([0.3, -0.2, 0.5][:ndim])
        matrix[:-1, :-1] = np.reshape(affine.GetMatrix(), (ndim, ndim))
        matrix[:-1, -1] = affine.TransformPoint([0.0] * ndim)
    interpolator = sitk.sitkLinear if kernel == "linear" else sitk.sitkNearestNeighbor
    expected = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, affine, interpolator, -7.0, sitk.sitkFloat64))
    source, target = ImageGeometry.from_simpleitk(moving), ImageGeometry.from_simpleitk(fixed)
    got = resample(array, source, target, matrix=matrix, kernel=kernel, padding="border", fill=-7)
    assert np.mean(expected != -7) > 0.2
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_points_lie_where_simpleitk_has_them():
    _, moving, _, _ = pair(3)
    geometry = ImageGeometry.from_simpleitk(moving)
    assert geometry.shape == sitk.GetArrayFromImage(moving).shape
    index = RNG.uniform(-3, 20, 3)
    physical = moving.TransformContinuousIndexToPhysicalPoint(index.tolist())
    np.testing.assert_allclose(geometry.index_to_physical @ [*index, 1], [*physical, 1], atol=1e-10)
    back = moving.TransformPhysicalPointToContinuousIndex(physical)
    np.testing.assert_allclose(geometry.physical_to_index @ [*physical, 1], [*back, 1], atol=1e-10)


def test_a_region_of_an_image_is_an_exact_crop():
    array, moving, _, _ = pair(3, np.float32)
    part = moving[2:9, 3:8, 1:12]
    got = resample(array, ImageGeometry.from_simpleitk(moving), ImageGeometry.from_simpleitk(part))
    np.testing.assert_array_equal(got, sitk.GetArrayFromImage(part))
