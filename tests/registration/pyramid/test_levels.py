import numpy as np

from stn_numba import base_points, get_transform, to_pixels
from stn_numba.registration.models import model_of
from stn_numba.registration.pyramid.levels import make_levels
from stn_numba.registration.pyramid.planes import as_planes
from tests.registration.scenes import Scene

RNG = np.random.default_rng(0)


def levels_of(moving, fixed, align_corners=True, mask=None):
    return make_levels(as_planes(moving, mask, "moving"), as_planes(fixed, None, "fixed"), align_corners)


def test_levels_halve_until_the_shorter_side_is_small():
    levels = levels_of(np.ones((200, 300)), np.ones((150, 400)))
    assert [level.shape for level in levels] == [(150, 400), (75, 200), (38, 100)]
    assert [level.depth for level in levels] == [0, 1, 2]


def test_a_small_image_has_one_level():
    assert len(levels_of(np.ones((20, 300)), np.ones((150, 400)))) == 1


def test_positions_of_each_level_are_those_of_the_images():
    for align_corners in (True, False):
        scene, shape = Scene(shortest=0.5), (129, 161)
        image = scene(base_points(shape, align_corners)).reshape(shape)
        for level in levels_of(image, image, align_corners):
            seen = scene(level.points()).reshape(level.shape)
            inner = (slice(3, -3),) * 2
            assert np.corrcoef(seen[inner].ravel(), level.fixed[0][inner].ravel())[0, 1] > 0.999
            pixels = to_pixels(level.points(), shape, align_corners) / 2**level.depth
            homogeneous = np.c_[level.points(), np.ones(len(pixels))] @ level.to_pixels.T
            np.testing.assert_allclose(homogeneous[:, :2] / homogeneous[:, 2:], pixels, atol=1e-9)


def test_planes_of_pairs_count_channels_and_share_a_single_image():
    levels = levels_of(RNG.random((60, 60, 3)), RNG.random((60, 60, 3)))
    moving, fixed = levels[0].planes_of(np.array([0, 0]))
    np.testing.assert_array_equal(moving, [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(fixed, moving)


def test_masked_pixels_do_not_leak_into_coarse_levels():
    image, mask = RNG.random((100, 100)), np.ones((100, 100), bool)
    mask[40:60, 40:60] = False
    clean = levels_of(image, image, mask=mask)
    image[~mask] = 1e5
    for level, other in zip(clean, levels_of(image, image, mask=mask), strict=True):
        np.testing.assert_array_equal(level.moving, other.moving)
        np.testing.assert_array_equal(level.moving_weight, other.moving_weight)


def test_smoothing_takes_the_weight_of_pixels_next_to_a_mask_but_not_of_scattered_ones():
    mask = np.ones((40, 50), bool)
    mask[:, 30:] = False
    level = levels_of(np.tile(np.arange(50.0), (40, 1)), np.ones((40, 50)), mask=mask)[0].smoothed(0.5)
    np.testing.assert_array_equal(level.moving_weight[0, 5], np.arange(50) < 29)
    scattered = np.indices((40, 50)).sum(axis=0) % 2 == 0
    kept = levels_of(RNG.random((40, 50)), np.ones((40, 50)), mask=scattered)[0].smoothed(0.5)
    np.testing.assert_array_equal(kept.moving_weight[0], scattered)


def test_smoothing_keeps_slopes_up_to_the_edges_with_a_mask_too():
    mask = np.ones((40, 50), bool)
    mask[15:20, 20:30] = False
    ramp = np.add.outer(np.arange(40.0), 2 * np.arange(50.0))
    level = levels_of(ramp, np.ones((40, 50)), mask=mask)[0]
    smoothed, kept = level.smoothed(0.5), slice(0, 10)
    np.testing.assert_allclose(smoothed.moving[0, kept], level.moving[0, kept], atol=1e-5)


def test_splines_pass_through_the_pixels():
    affine = get_transform("affine")
    level = levels_of(RNG.random((9, 12)), np.ones((9, 12)))[0]
    read = model_of(affine).values(level.with_splines(), affine.identity()[None], np.array([0]))
    np.testing.assert_allclose(read[0], level.moving, atol=1e-5)


def test_volumes_halve_their_longest_axes():
    def shapes(*sizes):
        levels = make_levels(*(as_planes(np.zeros(size), None, "moving", 3) for size in sizes), True)
        return [(level.shape, level.steps) for level in levels]

    assert shapes((64, 64, 64), (64, 64, 64)) == [((64,) * 3, (1,) * 3), ((32,) * 3, (2,) * 3), ((16,) * 3, (4,) * 3)]
    assert shapes((10, 40, 90), (10, 33, 70)) == [
        ((10, 33, 70), (1, 1, 1)),
        ((10, 33, 35), (1, 1, 2)),
        ((10, 17, 18), (1, 2, 4)),
    ]


def test_positions_of_levels_of_volumes():
    shape, rng = (11, 40, 71), np.random.default_rng(0)
    waves = rng.normal(0, 3, (3, 4))
    for align_corners in (True, False):
        volume = np.cos(base_points(shape, align_corners) @ waves).sum(axis=1).reshape(shape)
        planes = as_planes(volume, None, "moving", 3)
        for level in make_levels(planes, planes, align_corners):
            seen = np.cos(level.points() @ waves).sum(axis=1).reshape(level.shape)
            inner = (slice(2, -2),) * 3
            assert np.corrcoef(seen[inner].ravel(), level.fixed[0][inner].ravel())[0, 1] > 0.999
            np.testing.assert_array_equal(
                level.points(slice(2, 4)), level.points().reshape(*level.shape, 3)[2:4].reshape(-1, 3)
            )
            pixels = to_pixels(level.points(), shape, align_corners) / level.steps[::-1]
            homogeneous = np.c_[level.points(), np.ones(len(pixels))] @ level.to_pixels.T
            np.testing.assert_allclose(homogeneous[:, :3], pixels, atol=1e-9)
