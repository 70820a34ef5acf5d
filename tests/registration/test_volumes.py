"""Registration of volumes, against the truth."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.registration.models.volumes.positions import VolumePositionsModel
from tests.registration.volume_scenes import FishEye, VolumeScene, mean_error, volume_pair

AFFINE = stn.get_transform("affine", ndim=3)
THETA = np.array([1.03, 0.08, -0.05, 0.06, -0.07, 0.96, 0.04, -0.05, 0.03, -0.06, 1.05, 0.04])
SHAPE = (28, 30, 32)


@pytest.mark.parametrize("kernel", ["bilinear", "cubic"])
def test_an_affine_map_with_gain_and_bias(kernel):
    moving, fixed = volume_pair(AFFINE, THETA, gain=1.3, bias=20)
    result = stn.register(moving, fixed, AFFINE, kernel=kernel)
    assert result.success
    assert mean_error(result, AFFINE, THETA) < (0.005 if kernel == "cubic" else 0.05)
    np.testing.assert_allclose(result.gain, 1.3, atol=0.005 if kernel == "cubic" else 0.05)
    np.testing.assert_allclose(result.bias, 20, atol=0.05)
    assert result.correlation > 0.999
    assert result.pixel_matrix().shape == (1, 4, 4)
    np.testing.assert_array_equal(result.warp(moving), stn.warp(moving, result.theta[0], AFFINE))


@pytest.mark.parametrize("name", ["translation", "rigid", "similarity", "projective"])
def test_other_matrices_by_name(name):
    transform = stn.get_transform(name, ndim=3).for_image(SHAPE)
    theta = transform.identity() + np.random.default_rng(0).normal(0, 0.04, transform.n_params)
    result = stn.register(*volume_pair(transform, theta), name, options={"ndim": 3})
    assert result.success
    assert mean_error(result, transform, theta) < 0.01


@pytest.mark.parametrize(
    ("name", "options"),
    [("bspline", {"control_points": (5, 5, 5)}), ("tps", {"control_points": (2, 2, 2)}), ("flow", {"shape": (3, 3, 3)})],
)
def test_flexible_maps(name, options):
    transform = stn.get_transform(name, **options)
    theta = transform.identity() + np.random.default_rng(0).normal(0, 0.06, transform.n_params)
    result = stn.register(*volume_pair(transform, theta, shape=(32, 32, 32)), name, options=options)
    assert result.success
    assert mean_error(result, transform, theta) < 0.05


def test_a_flow_of_all_voxels_is_registered_on_a_coarse_lattice():
    shape = (32, 32, 32)
    truth = stn.get_transform("flow", shape=(2, 2, 2))
    theta = np.random.default_rng(0).normal(0, 0.06, truth.n_params)
    result = stn.register(*volume_pair(truth, theta, shape=shape), "flow", options={"shape": shape})
    assert result.success
    assert mean_error(result, truth, theta) < 0.1
    assert np.isnan(result.covariance[0, 0, 0])


def test_a_transform_of_ones_own():
    result = stn.register(*volume_pair(FishEye(), [0.08]), FishEye())
    assert result.success
    np.testing.assert_allclose(result.theta, [[0.08]], atol=5e-4)


def test_volumes_of_different_sizes_and_anisotropic_ones():
    moving, fixed = volume_pair(AFFINE, THETA, shape=(12, 40, 44), fixed_shape=(14, 36, 66))
    result = stn.register(moving, fixed, AFFINE)
    assert result.success
    assert [level.shape for level in result.levels] == [(14, 18, 33), (14, 36, 66)]
    assert mean_error(result, AFFINE, THETA) < 0.02
    assert result.warp(moving).shape == (14, 36, 66)


@pytest.mark.parametrize("align_corners", [True, False])
def test_theta_follows_the_convention(align_corners):
    scene, points = VolumeScene(), np.moveaxis(np.indices(SHAPE)[::-1], 0, -1) / 15.0
    moving, fixed = scene(points), scene(points + np.array([1.25, -0.5, 0.75]) / 15)
    result = stn.register(moving, fixed, "translation", options={"ndim": 3}, align_corners=align_corners)
    np.testing.assert_allclose(result.apply([[10, 12, 8]], "pixels")[0, 0], [11.25, 11.5, 8.75], atol=0.01)
    np.testing.assert_allclose(result.apply_inverse([[11.25, 11.5, 8.75]], "pixels")[0, 0], [10, 12, 8], atol=0.01)


def test_noise_and_its_covariance():
    found = []
    for seed in range(8):
        moving, fixed = volume_pair(AFFINE, THETA)
        noise = np.random.default_rng(seed).normal(0, 0.5, SHAPE)
        found.append(stn.register(moving, fixed + noise, AFFINE))
    assert all(mean_error(each, AFFINE, THETA) < 0.05 for each in found)
    scatter = np.sqrt(np.mean(np.var([each.theta[0] for each in found], axis=0)))
    predicted = np.sqrt(np.mean(np.diagonal(found[0].covariance[0])))
    assert abs(np.log(scatter / predicted)) < 0.5


def test_inverted_contrast_and_channels():
    pairs = [volume_pair(AFFINE, THETA, seed=k) for k in range(2)]
    moving, fixed = (np.stack(volumes, axis=-1) for volumes in zip(*pairs, strict=True))
    result = stn.register(moving, fixed * [1, -3], AFFINE)
    assert result.success
    np.testing.assert_allclose(result.gain, [[1, -3]], rtol=0.03)
    assert mean_error(result, AFFINE, THETA) < 0.01


@pytest.mark.parametrize("masked", ["moving", "fixed"])
def test_masked_voxels_do_not_count(masked):
    moving, fixed = volume_pair(AFFINE, THETA)
    volume, mask = {"moving": moving, "fixed": fixed}[masked], np.ones(SHAPE, bool)
    mask[10:16, 8:16, 9:17] = False
    volume[~mask] = np.random.default_rng(0).normal(0, 50, np.count_nonzero(~mask))
    result = stn.register(moving, fixed, AFFINE, **{f"{masked}_mask": mask})
    assert result.success
    assert mean_error(result, AFFINE, THETA) < 0.01
    volume[~mask] = np.nan
    np.testing.assert_array_equal(stn.register(moving, fixed, AFFINE).theta, result.theta)


def test_a_robust_measure_and_local_normalization():
    moving, fixed = volume_pair(AFFINE, THETA, noise=0.02)
    lit = (fixed + 10) * np.linspace(0.6, 1.4, SHAPE[2])
    assert mean_error(stn.register(moving, lit, AFFINE, normalize="local"), AFFINE, THETA) < 0.2
    fixed[8:18, 8:20, 8:18] = VolumeScene(5)(np.random.default_rng(0).uniform(-1, 1, (10, 12, 10, 3)))
    error = mean_error(stn.register(moving, fixed, AFFINE, robust="tukey"), AFFINE, THETA)
    assert error < 0.05
    assert error < mean_error(stn.register(moving, fixed, AFFINE), AFFINE, THETA)


def test_a_penalty_keeps_a_lattice_smooth():
    transform = stn.get_transform("bspline", control_points=(4, 4, 4))
    moving, fixed = volume_pair(transform, transform.identity(), shape=(20, 22, 24), noise=0.5)
    free, smooth = (stn.register(moving, fixed, transform, penalty=weight) for weight in (0.0, 1e-2))
    assert np.abs(smooth.theta).mean() < 0.5 * np.abs(free.theta).mean()


def test_unrelated_and_flat_volumes_are_no_success():
    moving, _ = volume_pair(AFFINE, THETA, seed=1)
    for fixed in (volume_pair(AFFINE, THETA, seed=2)[0], np.full(SHAPE, 7.0), np.full(SHAPE, np.nan)):
        result = stn.register(moving, fixed, AFFINE)
        assert not result.success
        assert np.isfinite(result.theta).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 4), (2, 2, 2), (3, 5, 7)])
def test_tiny_volumes_are_answered(shape):
    moving = np.random.default_rng(0).random(shape)
    result = stn.register(moving, moving[::-1], AFFINE)
    assert result.theta.shape == (1, 12)
    assert np.isfinite(result.theta).all()


def test_the_same_bits_with_any_number_of_threads():
    moving, fixed = volume_pair(AFFINE, THETA, shape=(40, 42, 45), noise=0.1)
    results = [stn.register(moving, fixed, AFFINE, num_threads=count, robust="huber") for count in (1, 2, 3)]
    assert all(np.array_equal(each.theta, results[0].theta) for each in results)


@pytest.mark.parametrize("reference", ["first", "previous", "mean"])
def test_a_stack_of_volumes(reference):
    transform = stn.get_transform("translation", ndim=3)
    thetas = np.cumsum(np.r_[np.zeros((1, 3)), np.random.default_rng(0).normal(0, 0.06, (2, 3))], axis=0)
    frames = [volume_pair(transform, -theta)[1] for theta in thetas]
    result = stn.register_stack(frames, reference, transform)
    assert result.success.all()
    np.testing.assert_allclose(result.theta - result.theta[0], thetas, atol=0.005 if reference != "mean" else 0.02)
    assert result.warp(frames).shape == (3, *SHAPE)


def test_the_general_model_is_as_exact_as_that_of_matrices(monkeypatch):
    monkeypatch.setattr("stn_numba.registration.run.model_of", lambda transform, pixels: VolumePositionsModel(transform))
    result = stn.register(*volume_pair(AFFINE, THETA), AFFINE)
    assert mean_error(result, AFFINE, THETA) < 0.005


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"moving": np.zeros((8, 8))}, r"moving: expected \(D, H, W\) or \(D, H, W, C\), got \(8, 8\)"),
        ({"moving": np.zeros((8, 8, 8, 30))}, "at most 16 channels"),
        ({"fixed_mask": np.ones((3, 3, 3), bool)}, r"fixed_mask: expected \(8, 8, 8\)"),
        ({"initial": np.zeros(5)}, r"initial: expected \(12,\)"),
        ({"search": True}, "search: expected False or 'auto' for volumes"),
        ({"transform": "affine"}, r"moving: .* volumes \(D, H, W\) take a transform with ndim=3"),
        ({"transform": stn.get_transform("bspline", control_points=(12, 12, 12)), "initial": np.zeros(3)}, "initial"),
    ],
)
def test_errors_name_the_argument(arguments, message):
    arguments = {"moving": np.zeros((8, 8, 32)), "fixed": np.zeros((8, 8, 8)), "transform": AFFINE, **arguments}
    if "fixed_mask" in arguments:
        arguments["moving"] = np.zeros((8, 8, 8))
    with pytest.raises((TypeError, ValueError), match=message):
        stn.register(**arguments)
