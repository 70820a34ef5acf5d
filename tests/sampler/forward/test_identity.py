"""Identity parameters return the image."""

import numpy as np
import pytest

import stn_numba as stn
from tests.sampler.examples import BASIC_PADDINGS, random_image

SHAPES = [(1, 1), (1, 7), (8, 1), (5, 5), (6, 6), (7, 4), (28, 28), (60, 33)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding", BASIC_PADDINGS)
@pytest.mark.parametrize("name", ["affine", "projective", "tps"])
def test_identity_parameters_return_the_image(name, padding, align_corners, dtype):
    transform = stn.get_transform(name)
    for shape in SHAPES:
        image = random_image(*shape, 2, dtype=dtype)
        out = stn.warp(image, transform.identity(), transform=transform, padding=padding, align_corners=align_corners)
        assert out.dtype == dtype
        if name == "tps":
            np.testing.assert_allclose(out, image, atol=1e-5 if dtype == np.float32 else 1e-12)
        else:
            np.testing.assert_array_equal(out, image)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("align_corners", [True, False])
def test_affine_identity_is_exact_at_every_size(align_corners, dtype):
    for size in range(1, 130):
        image = random_image(size, 131 - size, dtype=dtype)
        out = stn.warp(image, [1, 0, 0, 0, 1, 0], align_corners=align_corners)
        assert np.array_equal(out, image), size


@pytest.mark.parametrize("align_corners", [True, False])
def test_a_float32_identity_theta_is_exact_too(align_corners):
    image, theta = random_image(2, 13, 9, 1, dtype=np.float32), np.tile(np.float32([1, 0, 0, 0, 1, 0]), (2, 1))
    np.testing.assert_array_equal(stn.warp(image, theta, align_corners=align_corners), image)
