"""Samples against the oracle, for every kind of grid."""

import numpy as np
import pytest

import stn_numba as stn
from tests.sampler import oracle
from tests.sampler.examples import BASIC_PADDINGS, KINDS, random_grid, random_image

SIZES = [((5, 7), (4, 3)), ((1, 6), (3, 2)), ((6, 1), (2, 3)), ((1, 1), (3, 3)), ((4, 4), (1, 1))]


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding", BASIC_PADDINGS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("in_shape", "out_shape"), SIZES)
def test_bilinear_samples_agree_with_the_oracle(kind, padding, align_corners, in_shape, out_shape):
    image = random_image(2, *in_shape, 2)
    grid = random_grid(kind, 2, out_shape, align_corners)
    expected = oracle.sample(image, grid.dense(), padding, align_corners)
    np.testing.assert_allclose(stn.sample(image, grid, padding=padding), expected, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_agrees_to_rounding(kind):
    image = random_image(2, 9, 8, 3)
    grid = random_grid(kind, 2, (5, 6))
    out = stn.sample(image.astype(np.float32), grid)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, oracle.sample(image, grid.dense()), atol=2e-5)


def test_plain_positions_and_a_grid_give_the_same():
    image, grid = random_image(2, 5, 5, 1), random_grid("dense", 2, (3, 3), align_corners=False)
    plain = stn.sample(image, grid.dense(), align_corners=False)
    np.testing.assert_array_equal(plain, stn.sample(image, grid))


def test_memory_order_does_not_change_the_result():
    image, grid = random_image(2, 6, 5, 3), random_grid("dense", 2, (4, 4))
    expected = stn.sample(image, grid)
    for same in (np.asfortranarray(image), image.astype(">f8"), np.ascontiguousarray(image[:, ::-1])[:, ::-1]):
        np.testing.assert_array_equal(stn.sample(same, grid), expected)


def test_the_image_is_not_changed():
    image, grid = random_image(1, 6, 5, 2), random_grid("homography", 1, (4, 4))
    before = image.copy()
    out, backprop = stn.sample_vjp(image, grid)
    backprop(out)
    np.testing.assert_array_equal(image, before)


def test_sample_and_sample_vjp_return_the_same():
    image, grid = random_image(1, 6, 5, 2), random_grid("basis", 1, (4, 4))
    np.testing.assert_array_equal(stn.sample(image, grid), stn.sample_vjp(image, grid)[0])
