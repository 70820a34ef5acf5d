import numpy as np
import pytest

import stn_numba as stn
from tests.registration.scenes import SHAPE, Scene, corner_error, pair

AFFINE = stn.get_transform("affine")
THETA = np.array([0.97, 0.06, 0.05, -0.04, 1.03, -0.08])


class FishEye(stn.Transform):
    n_params = 1

    def identity(self):
        return np.zeros(1)

    def apply(self, theta, points):
        theta, points = np.asarray(theta), np.asarray(points)
        return points + theta[:, None] * points * np.sum(points**2, axis=-1, keepdims=True)


@pytest.mark.parametrize("kernel", ["bilinear", "cubic"])
def test_an_affine_map_with_gain_and_bias(kernel):
    moving, fixed = pair(AFFINE, THETA, gain=1.3, bias=20)
    result = stn.register(moving, fixed, kernel=kernel)
    assert result.success
    assert corner_error(result, AFFINE, THETA) < (0.002 if kernel == "cubic" else 0.05)
    np.testing.assert_allclose(result.gain, 1.3, atol=0.02)
    np.testing.assert_allclose(result.bias, 20, atol=0.05)
    assert result.correlation > 0.999


def test_the_warped_image_looks_like_the_fixed_one():
    moving, fixed = pair(AFFINE, THETA)
    result = stn.register(moving, fixed)
    warped = stn.warp(moving, result.theta, "affine", kernel="bicubic", fill=np.nan)
    seen = np.isfinite(warped)
    assert np.abs(warped - fixed)[seen].max() < 0.05 * np.std(fixed)
    np.testing.assert_array_equal(result.warp(moving, kernel="bicubic", fill=np.nan), warped)


def test_a_black_frame_of_a_warped_image_does_not_pull_the_map():
    moving, _ = pair(AFFINE, THETA, shape=(128, 140))
    for angle in (0.2, -0.3):
        theta = np.array([np.cos(angle), -np.sin(angle), 0.2, np.sin(angle), np.cos(angle), -0.1])
        fixed = stn.warp(moving, theta, "affine", kernel="bicubic", fill=moving.min() - np.std(moving))
        result = stn.register(moving, fixed)
        assert result.success
        assert corner_error(result, AFFINE, theta) < 0.01


@pytest.mark.parametrize("kernel", ["cubic", "bilinear"])
def test_100_random_maps_are_found(kernel):
    moving, _ = pair(AFFINE, THETA, shape=(160, 170))
    rng = np.random.default_rng(0)
    for _ in range(100):
        angle, scale, shift = np.deg2rad(rng.uniform(-20, 20)), 1 + rng.uniform(-0.2, 0.2, 2), rng.uniform(-0.2, 0.2, (2, 1))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        theta = np.concatenate([turn * scale, shift], axis=1).ravel()
        exact = pair(AFFINE, theta, shape=(160, 170))[1]
        fixed = exact if kernel == "cubic" else stn.warp(moving, theta, "affine")
        result = stn.register(moving, fixed, kernel=kernel)
        assert result.success
        assert corner_error(result, AFFINE, theta) < 0.003


def test_images_of_different_sizes():
    moving, fixed = pair(AFFINE, THETA, fixed_shape=(80, 130))
    result = stn.register(moving, fixed)
    assert result.success
    assert corner_error(result, AFFINE, THETA) < 0.005
    assert result.warp(moving).shape == (80, 130)


@pytest.mark.parametrize("align_corners", [True, False])
def test_theta_follows_the_convention(align_corners):
    scene = Scene()
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    points = np.stack([x, y], axis=-1) / 50.0
    moving, fixed = scene(points), scene(points + np.array([3.25, -1.5]) / 50)
    result = stn.register(moving, fixed, align_corners=align_corners)
    np.testing.assert_allclose(result.pixel_matrix()[0], [[1, 0, 3.25], [0, 1, -1.5], [0, 0, 1]], atol=0.001)
    np.testing.assert_allclose(result.apply([[10, 20]], "pixels")[0, 0], [13.25, 18.5], atol=0.001)
    np.testing.assert_allclose(result.apply_inverse([[13.25, 18.5]], "pixels")[0, 0], [10, 20], atol=0.001)


def test_a_homography():
    transform, theta = stn.get_transform("projective"), np.array([1.02, 0.05, 0.03, -0.04, 0.98, 0.02, 0.03, -0.05])
    result = stn.register(*pair(transform, theta), "projective")
    assert result.success
    assert corner_error(result, transform, theta) < 0.005


def test_a_thin_plate_spline():
    transform = stn.get_transform("tps", control_points=(3, 3))
    theta = transform.identity() + np.random.default_rng(0).normal(0, 0.03, 18)
    result = stn.register(*pair(transform, theta), "tps", options={"control_points": (3, 3)})
    assert result.success
    points = np.random.default_rng(1).uniform(-0.9, 0.9, (30, 2))
    off = (result.apply(points) - transform.apply(theta[None], points)) * np.array([55.5, 47.5])
    assert np.linalg.norm(off, axis=-1).max() < 0.05


def test_a_transform_of_ones_own_without_a_gradient():
    moving, fixed = pair(FishEye(), [0.08])
    result = stn.register(moving, fixed, FishEye())
    assert result.success
    np.testing.assert_allclose(result.theta, [[0.08]], atol=2e-4)


def test_inverted_contrast():
    moving, fixed = pair(AFFINE, THETA, gain=-1)
    result = stn.register(moving, fixed)
    assert result.success
    assert result.correlation < -0.99
    assert corner_error(result, AFFINE, THETA) < 0.01


@pytest.mark.parametrize("robust", ["huber", "tukey"])
def test_robust_measures_ignore_what_covers_the_image(robust):
    moving, fixed = pair(AFFINE, THETA, noise=0.02)
    fixed[20:60, 30:70] = Scene(5)(np.random.default_rng(0).uniform(-1, 1, (40, 40, 2)))
    error = corner_error(stn.register(moving, fixed, robust=robust), AFFINE, THETA)
    assert error < (0.03 if robust == "tukey" else 0.15)
    assert error < corner_error(stn.register(moving, fixed), AFFINE, THETA)


@pytest.mark.parametrize("masked", ["moving", "fixed"])
def test_masked_pixels_do_not_count(masked):
    moving, fixed = pair(AFFINE, THETA)
    image, mask = {"moving": moving, "fixed": fixed}[masked], np.ones(SHAPE, bool)
    mask[30:60, 40:80] = False
    clean = stn.register(moving, fixed, **{f"{masked}_mask": mask})
    image[~mask] = np.random.default_rng(0).normal(0, 50, np.count_nonzero(~mask))
    result = stn.register(moving, fixed, **{f"{masked}_mask": mask})
    assert result.success
    np.testing.assert_allclose(result.theta, clean.theta, atol=1e-6)
    assert corner_error(result, AFFINE, THETA) < 0.003
    image[~mask] = np.nan
    np.testing.assert_array_equal(stn.register(moving, fixed).theta, result.theta)


def test_channels_share_theta_but_not_gain():
    moving, fixed = (np.stack(images, axis=-1) for images in zip(*(pair(AFFINE, THETA, seed=k) for k in range(3)), strict=True))
    result = stn.register(moving, fixed * [1, 2, -3])
    assert result.success
    assert corner_error(result, AFFINE, THETA) < 0.005
    np.testing.assert_allclose(result.gain, [[1, 2, -3]], rtol=0.02)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "int64"])
def test_dtypes(dtype):
    moving, fixed = (np.round(127 + 30 * image / np.std(image)).clip(0, 255).astype(dtype) for image in pair(AFFINE, THETA))
    assert corner_error(stn.register(moving, fixed), AFFINE, THETA) < 0.02


def test_the_mean_of_an_image_costs_no_accuracy():
    moving, fixed = pair(AFFINE, THETA)
    result = stn.register(moving + 1e7, fixed * 1e-3 - 1e5)
    assert corner_error(result, AFFINE, THETA) < 0.005


def test_measure_squares_takes_intensities_as_they_are():
    moving, fixed = pair(AFFINE, THETA)
    result = stn.register(moving, fixed, measure="squares")
    assert corner_error(result, AFFINE, THETA) < 0.005
    np.testing.assert_array_equal(result.gain, [[1.0]])
    np.testing.assert_array_equal(result.bias, [[0.0]])


def test_uneven_lighting():
    moving, fixed = pair(AFFINE, THETA)
    lit = (fixed + 10) * np.linspace(0.6, 1.4, SHAPE[1])
    result = stn.register(moving, lit, normalize="local")
    assert result.success
    assert corner_error(result, AFFINE, THETA) < 0.1


def test_initial_parameters():
    far = np.array([1, 0, 0.9, 0, 1, 0.4])
    moving, fixed = pair(AFFINE, far)
    near = far + np.array([0.02, 0.01, 0.03, -0.02, 0.01, 0.02])
    result = stn.register(moving, fixed, initial=near, search=False)
    assert corner_error(result, AFFINE, far) < 0.02


def test_search_finds_large_motions():
    angle = np.pi / 3
    theta = np.array([np.cos(angle), -np.sin(angle), 0.2, np.sin(angle), np.cos(angle), -0.1])
    moving, fixed = pair(AFFINE, theta, shape=(128, 128))
    assert not stn.register(moving, fixed, search=False).success
    for search in (True, "auto"):
        result = stn.register(moving, fixed, search=search)
        assert result.success
        assert corner_error(result, AFFINE, theta) < 0.01


def test_unrelated_and_flat_images_are_no_success():
    moving, _ = pair(AFFINE, THETA, seed=1)
    for fixed in (pair(AFFINE, THETA, seed=2)[0], np.full(SHAPE, 7.0), np.full(SHAPE, np.nan)):
        for first, second in ((moving, fixed), (fixed, moving)):
            result = stn.register(first, second)
            assert not result.success
            assert np.isfinite(result.theta).all()
            assert np.isfinite(result.correlation)


def test_an_image_registered_to_itself_stays_in_place():
    moving, _ = pair(AFFINE, THETA)
    result = stn.register(moving, moving)
    assert result.success
    np.testing.assert_allclose(result.theta, [AFFINE.identity()], atol=1e-6)


def test_the_same_bits_with_any_number_of_threads():
    moving, fixed = pair(AFFINE, THETA, shape=(200, 210), noise=0.1)
    results = [stn.register(moving, fixed, num_threads=count, robust="huber") for count in (1, 2, 3)]
    assert all(np.array_equal(each.theta, results[0].theta) for each in results)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (3, 50), (5, 7)])
def test_tiny_images_are_answered(shape):
    moving = np.random.default_rng(0).random(shape)
    result = stn.register(moving, moving[::-1])
    assert result.theta.shape == (1, 6)
    assert np.isfinite(result.theta).all()


def test_the_covariance_predicts_the_scatter():
    truth, found = THETA, []
    for seed in range(24):
        moving, fixed = pair(AFFINE, truth)
        noise = np.random.default_rng(seed).normal(0, 0.3, SHAPE)
        found.append(stn.register(moving, fixed + noise, search=False))
    scatter = np.std([each.theta[0] for each in found], axis=0)
    predicted = np.sqrt(np.diagonal(np.mean([each.covariance[0] for each in found], axis=0)))
    assert (np.abs(np.log(scatter / predicted)) < 0.6).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"moving": np.zeros(5)}, r"moving: expected \(H, W\) or \(H, W, C\), got \(5,\)"),
        ({"moving": np.zeros((3, 8, 8, 1))}, "register_stack"),
        ({"moving": np.zeros((8, 8, 3))}, "channels"),
        ({"moving": np.zeros((0, 8))}, "at least one pixel"),
        ({"fixed_mask": np.ones((3, 3), bool)}, r"fixed_mask: expected \(8, 8\)"),
        ({"initial": np.zeros(5)}, r"initial: expected \(6,\)"),
        ({"initial": np.full(6, np.nan)}, "initial: expected finite"),
        ({"robust": "tukeys"}, "robust: expected one of huber, tukey"),
        ({"measure": "ssd"}, "measure: expected one of correlation, squares"),
        ({"kernel": "linear"}, "kernel: expected one of bilinear, cubic"),
        ({"search": "yes"}, "search: expected True, False or 'auto'"),
        ({"transform": "afine"}, "did you mean 'affine'"),
    ],
)
def test_errors_name_the_argument(arguments, message):
    arguments = {"moving": np.zeros((8, 8)), "fixed": np.zeros((8, 8)), **arguments}
    with pytest.raises((TypeError, ValueError), match=message):
        stn.register(**arguments)


def test_complex_images_are_refused():
    with pytest.raises(TypeError, match="moving: expected real numbers, got dtype complex128"):
        stn.register(np.zeros((8, 8), complex), np.zeros((8, 8)))
