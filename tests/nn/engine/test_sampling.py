"""Sampling during training, in parts and without a grid, against the plain sampler."""

import numpy as np
import pytest

from stn_numba.kernels.runtime import dispatch
from stn_numba.nn import Chain, Conv2d, Flatten, MaxPool, ReLU, SpatialTransformer
from stn_numba.nn.engine.sampling import Sampling, sample_parts
from stn_numba.sampler import sample_vjp
from stn_numba.transform.registry import get_transform

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "sampling", [Sampling(), Sampling("bicubic"), Sampling(padding="border"), Sampling("bilinear", "wrap", True)]
)
def test_the_number_of_threads_changes_no_bit(training, sampling):
    x, theta = RNG.random((32, 40, 40, 4)).astype(np.float32), (np.eye(2, 3).ravel() + 0.2 * RNG.standard_normal((32, 6)))
    grid, _ = get_transform("affine").forward(theta.astype(np.float32), (40, 40))
    results = []
    for count in (1, 2):
        with dispatch.limited(count):
            out, backprop = sample_parts(x, grid, sampling, training=training)
            results.append([out, *backprop(np.cos(out), True)])
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
    expected, expected_backprop = sample_vjp(x, grid, **sampling._asdict())
    np.testing.assert_allclose(results[0][0], expected, atol=1e-4)
    np.testing.assert_allclose(results[0][1], expected_backprop(np.cos(results[0][0]))[0], atol=2e-3)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling("cubic", "border")])
def test_volumes_in_parts_agree_with_the_sampler(training, sampling):
    x, theta = RNG.random((5, 24, 20, 30, 2)).astype(np.float32), np.eye(3, 4).ravel() + 0.2 * RNG.standard_normal((5, 12))
    grid, _ = get_transform("affine", ndim=3).forward(theta, (20, 24, 30))
    expected, expected_backprop = sample_vjp(x, grid, **sampling._asdict())
    for count in (1, 2):
        with dispatch.limited(count):
            out, backprop = sample_parts(x, grid, sampling, training=training)
            d_image, d_grid = backprop(np.cos(out), True)
        np.testing.assert_array_equal(out, expected)
        np.testing.assert_allclose(d_image, expected_backprop(np.cos(out))[0], atol=1e-4)
        np.testing.assert_allclose(d_grid, expected_backprop(np.cos(out))[1], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("C", [1, 3])
@pytest.mark.parametrize("align_corners", [True, False])
def test_affine_sampling_in_parts_agrees_with_the_sampler(C, align_corners):
    x, theta = RNG.random((6, 9, 8, C)), RNG.standard_normal((6, 6))
    theta[0], theta[1, 0], theta[2, 2], theta[3] = [1, 0, 0, 0, 1, 0], np.nan, 1e30, [1, 0, 1.9, 0, 1, -1.9]
    grid, _ = get_transform("affine").forward(theta, (7, 10), align_corners)
    (out, backprop), (expected, expected_backprop) = sample_parts(x, grid, training=True), sample_vjp(x, grid)
    np.testing.assert_allclose(out, expected, atol=1e-12)
    d_out = RNG.standard_normal(out.shape)
    (d_image, d_grid), (expected_d_image, expected_d_grid) = backprop(d_out, True), expected_backprop(d_out)
    np.testing.assert_allclose(d_image, expected_d_image, atol=1e-12)
    finite = [n for n in range(6) if n != 1]
    np.testing.assert_allclose(d_grid[finite], expected_d_grid[finite], rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("transform", ["affine", "projective"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_a_transformer_has_the_same_gradients_in_training_and_inference(transform, align_corners):
    layer, x = SpatialTransformer(Flatten(), transform, (7, 10), align_corners=align_corners), RNG.random((5, 9, 8, 2))
    layer.initialize(x.shape[1:], np.random.default_rng(0), np.float64)
    layer.params["localisation.theta.bias"] += (
        0.1 * RNG.standard_normal(6).repeat(2)[: layer.transform.n_params] * (np.arange(layer.transform.n_params) < 6)
    )
    y, backprop = layer.forward(x, np.random.default_rng(0))
    expected, expected_backprop = layer.forward(x)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    (dx, gradients), (expected_dx, expected_gradients) = backprop(np.cos(y)), expected_backprop(np.cos(y))
    np.testing.assert_allclose(dx, expected_dx, atol=1e-10)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected_gradients[name], rtol=1e-9, atol=1e-9)


def test_a_transformer_has_the_same_output_in_training_and_inference():
    layer = SpatialTransformer(Chain(Conv2d(2, 3), MaxPool(2), ReLU(), Flatten()), "affine", initial=[0.8, 0.1, 0, 0.1, 0.8, 0])
    layer.initialize((9, 9, 1), RNG, np.float32)
    x = RNG.random((20, 9, 9, 1), np.float32)
    np.testing.assert_allclose(layer.forward(x, RNG)[0], layer.forward(x)[0], atol=1e-6)
