import itertools

import numpy as np
import pytest

from stn_numba.kernels.registration import codes
from stn_numba.registration import sums
from tests.registration import oracle

NAMES = {codes.LINEAR: "bilinear", codes.B_SPLINE: "spline", codes.KEYS: "keys"}


def axes_of(h, w):
    """Normalized coordinates of pixel centers, with align_corners=False."""
    return 2 / w, 1 / w - 1, 2 / h, 1 / h - 1


def pixel_matrix(theta, H, W):
    """From normalized coordinates through a matrix to pixels."""
    to_pixels = np.array([[W / 2, 0, (W - 1) / 2], [0, H / 2, (H - 1) / 2], [0, 0, 1.0]])
    return np.ascontiguousarray(to_pixels @ theta)


def random_theta(rng, projective=False, size=0.2):
    theta = np.eye(3) + size * rng.uniform(-1, 1, (3, 3))
    theta[2] = (*(0.3 * rng.uniform(-1, 1, 2)), 1) if projective else (0, 0, 1)
    return theta


def images(rng, *shape):
    return rng.uniform(0, 2, shape).astype(np.float32)


def check(got, wanted, tolerance=2e-5):
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * max(np.nanmax(np.abs(wanted)), 1))


def check_pair(moving, fixed, matrix, axes, *, kernel=0, projective=False, mask=None, weight=None, robust=0, lighting=None):
    """Compare the sums of one pair with the oracle's."""
    planes = sums.prepare(moving[None], NAMES[kernel])
    mask_planes = None if mask is None else sums.prepare_mask(mask[None], NAMES[kernel])
    weights = None if weight is None else weight[None]
    light = None if lighting is None else np.array([lighting], float)
    options = {"kernel": kernel, "projective": projective, "robust": robust, "lighting": light}
    found = sums.matrix_sums(
        planes, fixed[None], matrix[None], axes, moving.shape, mask=mask_planes, fixed_weight=weights, **options
    )
    products, count = oracle.matrix_sums(moving, fixed, matrix, axes, kernel, projective, mask, weight, robust, lighting)
    check(found.products[0], products)
    check(found.count[0], count)
    return count


@pytest.mark.parametrize("projective", [False, True])
@pytest.mark.parametrize("kernel", NAMES)
def test_sums_are_those_of_the_oracle(kernel, projective):
    rng = np.random.default_rng(kernel)
    for moving_shape, fixed_shape in [((20, 30), (17, 23)), ((9, 40), (5, 300)), ((30, 7), (33, 8))]:
        moving, fixed = images(rng, *moving_shape), images(rng, *fixed_shape)
        matrix = pixel_matrix(random_theta(rng, projective), *moving_shape)
        assert check_pair(moving, fixed, matrix, axes_of(*fixed_shape), kernel=kernel, projective=projective) > 50


@pytest.mark.parametrize("robust", [codes.NOT_ROBUST, codes.HUBER, codes.TUKEY])
@pytest.mark.parametrize(("with_mask", "with_weight"), [(False, False), (True, False), (False, True), (True, True)])
def test_masks_and_robust_weights(with_mask, with_weight, robust):
    rng = np.random.default_rng(5)
    moving, fixed = images(rng, 21, 18), images(rng, 13, 27)
    mask = (images(rng, 21, 18) * (rng.random((21, 18)) < 0.9)).astype(np.float32) if with_mask else None
    weight = np.maximum(images(rng, 13, 27) - 0.5, 0) if with_weight else None
    for kernel, projective in [(codes.LINEAR, False), (codes.B_SPLINE, True)]:
        matrix = pixel_matrix(random_theta(rng, projective), 21, 18)
        options = {"kernel": kernel, "projective": projective, "robust": robust, "lighting": (0.9, 0.1, 0.4)}
        assert check_pair(moving, fixed, matrix, axes_of(13, 27), mask=mask, weight=weight, **options) > 20


@pytest.mark.parametrize("kernel", NAMES)
def test_every_small_size(kernel):
    rng = np.random.default_rng(1)
    sizes = [(1, 1), (1, 2), (2, 1), (1, 5), (4, 1), (2, 2), (3, 3), (5, 7)]
    for moving_shape, fixed_shape in itertools.product(sizes, sizes):
        moving, fixed = images(rng, *moving_shape), images(rng, *fixed_shape)
        shrink = np.array([[0.83, 0, 1e-5], [0, 0.77, 1e-5], [0, 0, 1]])  # no position is on a kink
        for theta in (shrink, random_theta(rng)):
            check_pair(moving, fixed, pixel_matrix(theta, *moving_shape), axes_of(*fixed_shape), kernel=kernel)


@pytest.mark.parametrize("kernel", NAMES)
def test_last_pixels_count(kernel):
    rng = np.random.default_rng(2)
    image = images(rng, 5, 9)
    axes = 2 / 8, -1.0, 2 / 4, -1.0  # align_corners=True
    matrix = np.array([[4, 0, 4], [0, 2, 2], [0, 0, 1.0]])
    assert check_pair(image, image, matrix, axes, kernel=kernel) == image.size
    found = sums.matrix_read(sums.prepare(image[None], NAMES[kernel]), matrix[None], axes, (5, 9), (5, 9), kernel=kernel)
    check(found[0], oracle.matrix_read(image, matrix, axes, (5, 9), kernel))
    if kernel != codes.B_SPLINE:
        check(found[0], image)


def test_no_overlap_and_points_behind_the_horizon():
    rng = np.random.default_rng(3)
    moving, fixed, axes = images(rng, 12, 14), images(rng, 11, 19), axes_of(11, 19)
    away = np.eye(3)
    away[0, 2] = 3
    behind = np.diag([1.0, 1, -1])
    horizon = np.array([[1, 0, 0], [0, 1, 0], [1.5, 0.3, 0.2]])
    for theta, projective in [(away, False), (away, True), (behind, True), (-np.eye(3), True)]:
        assert check_pair(moving, fixed, pixel_matrix(theta, 12, 14), axes, projective=projective) == 0
    assert check_pair(moving, fixed, pixel_matrix(horizon, 12, 14), axes, projective=True) > 0


@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e30, 1e12, 3e9])
def test_bad_matrices_read_nothing_outside(kernel, bad):
    rng = np.random.default_rng(4)
    moving, fixed, axes = sums.prepare(images(rng, 1, 6, 7), NAMES[kernel]), images(rng, 1, 5, 300), axes_of(5, 300)
    for place in itertools.product(range(3), repeat=2):
        for projective in (False, True):
            matrix = pixel_matrix(np.eye(3), 6, 7)[None].copy()
            matrix[0][place] = bad
            if place[0] == 2 and not projective:
                continue
            with np.errstate(all="ignore"):
                options = {"kernel": kernel, "projective": projective}
                found = sums.matrix_sums(moving, fixed, matrix, axes, (6, 7), **options)
                out = sums.matrix_read(moving, matrix, axes, (6, 7), (5, 300), **options)
            assert np.isfinite(found.products).all()
            assert found.count[0] == np.isfinite(out).sum()


def test_pixels_without_weight_may_be_nan():
    rng = np.random.default_rng(6)
    moving, fixed = images(rng, 15, 16), images(rng, 15, 16)
    mask, weight = np.ones_like(moving), np.ones_like(fixed)
    mask[3, 4] = weight[7, 7] = 0
    moving[3, 4] = fixed[7, 7] = np.nan
    matrix = pixel_matrix(random_theta(rng), 15, 16)
    found = sums.matrix_sums(
        moving[None], fixed[None], matrix[None], axes_of(15, 16), (15, 16), mask=mask[None], fixed_weight=weight[None]
    )
    assert np.isfinite(found.products).all()
    wanted, _ = oracle.matrix_sums(
        np.nan_to_num(moving), np.nan_to_num(fixed), matrix, axes_of(15, 16), 0, False, mask, weight, 0, None
    )
    check(found.products[0], wanted)


def test_pairs_by_index():
    rng = np.random.default_rng(7)
    moving, fixed, axes = images(rng, 3, 14, 15), images(rng, 2, 40, 13), axes_of(40, 13)
    matrix = np.stack([pixel_matrix(random_theta(rng), 14, 15) for _ in range(4)])
    m, f = np.array([2, 0, 2, 1]), np.array([0, 1, 1, 0])
    together = sums.matrix_sums(moving, fixed, matrix, axes, (14, 15), moving_index=m, fixed_index=f)
    values = sums.matrix_read(moving, matrix, axes, (14, 15), (40, 13), moving_index=m)
    for k in range(4):
        one, alone = slice(m[k], m[k] + 1), matrix[k : k + 1]
        single = sums.matrix_sums(moving[one], fixed[f[k] : f[k] + 1], alone, axes, (14, 15))
        assert np.array_equal(together.products[k], single.products[0])
        read = sums.matrix_read(moving[one], alone, axes, (14, 15), (40, 13))
        assert np.array_equal(values[k], read[0], equal_nan=True)
    one_moving = sums.matrix_sums(moving[:1], fixed, matrix[:2], axes, (14, 15))
    by_index = sums.matrix_sums(moving, fixed, matrix[:2], axes, (14, 15), moving_index=np.zeros(2, int))
    assert np.array_equal(one_moving.products, by_index.products)


@pytest.mark.parametrize("projective", [False, True])
def test_threads_give_the_same_bits(projective):
    rng = np.random.default_rng(8)
    moving, fixed, axes = images(rng, 2, 300, 310), images(rng, 2, 290, 301), axes_of(290, 301)
    matrix = np.stack([pixel_matrix(random_theta(rng, projective), 300, 310) for _ in range(2)])
    found = [sums.matrix_sums(moving, fixed, matrix, axes, (300, 310), projective=projective, num_threads=k) for k in (1, 2, 3)]
    for other in found[1:]:
        assert np.array_equal(found[0].products, other.products)
        assert np.array_equal(found[0].count, other.count)


def test_mask_of_read():
    rng = np.random.default_rng(9)
    moving, mask = images(rng, 15, 16), (rng.random((15, 16)) < 0.8).astype(np.float32)
    matrix = pixel_matrix(random_theta(rng), 15, 16)
    for kernel, name in NAMES.items():
        planes, masks = sums.prepare(moving[None], name), sums.prepare_mask(mask[None], name)
        found = sums.matrix_read(planes, matrix[None], axes_of(13, 21), (15, 16), (13, 21), kernel=kernel, mask=masks)
        check(found[0], oracle.matrix_read(moving, matrix, axes_of(13, 21), (13, 21), kernel, mask))
