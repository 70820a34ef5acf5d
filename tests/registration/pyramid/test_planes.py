import numpy as np
import pytest

from stn_numba.registration.pyramid.planes import as_planes, as_stack

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64", "bool"])
def test_planes_have_mean_0_and_deviation_1(dtype):
    image = (RNG.random((20, 30, 2)) * 200).astype(dtype)
    image[0] = 0
    planes = as_planes(image, None, "moving")
    assert planes.values.shape == (1, 2, 20, 30)
    assert planes.values.dtype == np.float32
    np.testing.assert_allclose(planes.mean, [image.mean(axis=(0, 1))], rtol=1e-6)
    np.testing.assert_allclose(planes.deviation, [image.std(axis=(0, 1))], rtol=1e-5)
    np.testing.assert_allclose(planes.values.std(axis=(2, 3)), 1, rtol=1e-4)
    assert planes.weight is None


def test_pixels_that_do_not_count_are_left_out_of_the_mean():
    image, mask = RNG.random((20, 30)), np.ones((20, 30), bool)
    image[:5], mask[:5], image[10, 10] = 1e6, False, np.nan
    planes = as_planes(image, mask, "fixed")
    counted = mask & np.isfinite(image)
    np.testing.assert_array_equal(planes.weight, [counted])
    np.testing.assert_allclose(planes.mean, [[image[counted].mean()]], rtol=1e-6)
    np.testing.assert_array_equal(planes.values[0, 0, 2], planes.values[0, 0, 5])
    assert np.abs(planes.values).max() < 3


def test_flat_images_are_zero():
    for value in (0.0, 7.0, 1e9, np.nan):
        planes = as_planes(np.full((5, 5), value), None, "fixed")
        np.testing.assert_array_equal(planes.values, 0)
        np.testing.assert_array_equal(planes.deviation, 0)


def test_a_small_contrast_on_a_large_mean_is_kept():
    image = 1e7 + RNG.normal(0, 1e-2, (30, 30))
    np.testing.assert_allclose(as_planes(image, None, "fixed").values.std(), 1, rtol=1e-3)


def test_units_of_another_image():
    first, second = (as_planes(image, None, "x") for image in (RNG.random((9, 9)) * 5, RNG.random((9, 9)) + 3))
    same = first.with_units_of(second)
    image = same.values * same.deviation[..., None, None] + same.mean[..., None, None]
    np.testing.assert_allclose(image, first.values * first.deviation[0, 0] + first.mean[0, 0], rtol=1e-4)
    np.testing.assert_array_equal(same.mean, second.mean)


def test_stacks_have_one_mask_or_one_for_each_frame():
    frames = RNG.random((3, 8, 9))
    assert as_stack(frames, None).values.shape == (3, 1, 8, 9)
    assert as_stack(frames[..., None], np.ones((8, 9), bool)).weight.shape == (3, 8, 9)
    masks = np.arange(3)[:, None, None] * np.ones((8, 9), int)
    np.testing.assert_array_equal(as_stack(frames, masks).weight[:, 0, 0], [0, 1, 1])


def test_wrong_masks_are_named():
    with pytest.raises(TypeError, match="fixed_mask: expected a mask of bool"):
        as_planes(np.zeros((3, 3)), np.ones((3, 3)), "fixed")
    with pytest.raises(ValueError, match=r"frames_mask: expected \(8, 9\)"):
        as_stack(np.zeros((3, 8, 9)), np.ones((9, 8), bool))
