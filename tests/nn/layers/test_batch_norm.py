"""Batch normalization against its definition and against PyTorch, and the state it keeps."""

import numpy as np
import pytest

from stn_numba.kernels.runtime import dispatch
from stn_numba.nn import BatchNorm, Chain, Conv2d, Dense, Flatten, Parallel, ReLU, SpatialTransformer
from stn_numba.nn.layers.container import needs_whole_batch
from stn_numba.testing import check_vjp
from tests.nn.examples import localisation

SHAPES = [(8, 5), (6, 4, 5, 3), (70, 30, 30, 8), (3, 2, 2, 300)]
RNG = np.random.default_rng(0)


def made(shape, dtype=np.float64, **options):
    layer = BatchNorm(**options)
    layer.initialize(shape[1:], RNG, dtype)
    layer.params["scale"][:] = RNG.random(shape[-1]) + 0.5
    layer.params["shift"][:] = RNG.standard_normal(shape[-1])
    return layer


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_outputs_and_running_values_follow_their_definition(shape, dtype):
    layer, x = made(shape, dtype, momentum=0.7), (3 * RNG.standard_normal(shape) + 40).astype(dtype)
    y, _ = layer.forward(x, RNG)
    axes = tuple(range(len(shape) - 1))
    double, scale, shift = x.astype(float), layer.params["scale"].astype(float), layer.params["shift"].astype(float)
    mean, variance, count = double.mean(axes), double.var(axes), x.size // shape[-1]
    tolerance = 2e-5 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(y, scale * (double - mean) / np.sqrt(variance + 1e-5) + shift, rtol=0, atol=tolerance)
    np.testing.assert_allclose(layer.state["mean"], 0.3 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.state["variance"], 0.7 + 0.3 * variance * count / (count - 1), rtol=1e-5)
    predicted, _ = layer.forward(x)
    running = np.sqrt(layer.state["variance"].astype(float) + 1e-5)
    np.testing.assert_allclose(predicted, scale * (double - layer.state["mean"]) / running + shift, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_training_agrees_with_pytorch(shape):
    torch = pytest.importorskip("torch")
    layer, x, dy = made(shape), RNG.standard_normal(shape), RNG.standard_normal(shape)
    kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    module = kind(shape[-1], dtype=torch.float64)
    with torch.no_grad():
        module.weight[:], module.bias[:] = (torch.from_numpy(layer.params[name]) for name in ("scale", "shift"))
    first = (0, *range(len(shape) - 1, 0, -1))  # channels; the other axes may come in any order

    for _ in range(3):  # running values follow
        given = torch.from_numpy(x.transpose(first)).requires_grad_()
        module.zero_grad()
        expected = module(given)
        expected.backward(torch.from_numpy(dy.transpose(first)))
        y, backprop = layer.forward(x, RNG)
        dx, gradients = backprop(dy)
    pairs = [
        (y, expected.detach().numpy().transpose(first)), (dx, given.grad.numpy().transpose(first)),
        (gradients["scale"], module.weight.grad.numpy()), (gradients["shift"], module.bias.grad.numpy()),
        (layer.state["mean"], module.running_mean.numpy()), (layer.state["variance"], module.running_var.numpy()),
        (layer.forward(x)[0], module.eval()(given).detach().numpy().transpose(first)),
    ]  # fmt: skip
    for got, wanted in pairs:
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("with_relu", [False, True])
def test_gradients_are_exact_with_a_relu_too(training, with_relu):
    layer = made((6, 3, 3, 2))
    layer.state["mean"][:], layer.state["variance"][:] = 0.2, 1.7

    def function(x, scale, shift):
        layer.params["scale"][:], layer.params["shift"][:] = scale, shift
        forward = layer.forward_relu if with_relu else layer.forward
        y, backprop = forward(x, RNG if training else None)

        def in_order(dy):
            dx, gradients = backprop(dy)
            return dx, gradients["scale"], gradients["shift"]

        return y, in_order

    check_vjp(function, RNG.standard_normal((6, 3, 3, 2)), layer.params["scale"].copy(), layer.params["shift"].copy())


@pytest.mark.parametrize("training", [False, True])
def test_a_relu_that_follows_is_computed_with_it(training):
    chain, x = Chain(BatchNorm(), ReLU()), RNG.standard_normal((9, 4, 4, 3)).astype(np.float32)
    chain.initialize(x.shape[1:], RNG)
    rng = RNG if training else None
    y, backprop = chain.forward(x, rng)
    inner, inner_backprop = chain.layers["batchnorm1"].forward(x, rng)
    expected, expected_backprop = chain.layers["relu1"].forward(inner)
    dx, gradients = backprop(np.cos(x))
    d, expected_gradients = inner_backprop(expected_backprop(np.cos(x))[0])
    assert np.array_equal(y, expected)
    np.testing.assert_allclose(dx, d, atol=1e-6)
    assert set(gradients) == {"batchnorm1.scale", "batchnorm1.shift"}
    for name, array in expected_gradients.items():
        np.testing.assert_allclose(gradients[f"batchnorm1.{name}"], array, rtol=1e-6)


def test_the_number_of_threads_changes_no_bit():
    x = RNG.standard_normal((64, 40, 40, 8)).astype(np.float32)
    results = []
    for count in (1, 2):
        layer = BatchNorm()
        layer.initialize(x.shape[1:], RNG)
        with dispatch.limited(count):
            y, backprop = layer.forward(x, RNG)
            dx, gradients = backprop(np.cos(y))
        results.append([y, dx, *gradients.values(), *layer.state.values()])
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_a_mean_far_from_zero_costs_no_precision():
    noise = RNG.standard_normal((4000, 1)).astype(np.float32)
    layer = BatchNorm()
    layer.initialize((1,), RNG)
    y, _ = layer.forward(noise + np.float32(4096), RNG)
    x = (noise + np.float32(4096)).astype(float)
    np.testing.assert_allclose(y, (x - x.mean()) / x.std(), atol=1e-3)


def test_prediction_changes_no_state():
    layer = made((4, 3))
    layer.forward(np.ones((4, 3)))
    assert layer.state["mean"].tolist() == [0.0] * 3


def test_values_that_are_not_finite_do_not_spoil_the_running_ones():
    layer, x = made((4, 3)), RNG.standard_normal((4, 3))
    x[1, 2] = np.nan
    with np.errstate(invalid="ignore"):
        y, _ = layer.forward(x, RNG)
    assert np.isnan(y[:, 2]).all()
    assert np.isfinite(layer.state["mean"]).all()
    with np.errstate(invalid="ignore"):
        assert np.isnan(layer.forward_relu(x)[0][1, 2])


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 1, 3), (0, 2, 2, 3)])
def test_a_single_value_for_each_channel_is_refused_in_training(shape):
    layer = made(shape)
    with pytest.raises(ValueError, match="BatchNorm: expected at least two values for each channel of a batch in training"):
        layer.forward(np.zeros(shape), RNG)
    assert layer.forward(np.zeros(shape))[0].shape == shape


def test_bad_options_and_inputs_are_refused():
    with pytest.raises(ValueError, match=r"momentum: expected a number in \[0, 1\), got 1"):
        BatchNorm(1)
    with pytest.raises(ValueError, match=r"epsilon: expected a number in \(0, inf\), got 0"):
        BatchNorm(epsilon=0)
    with pytest.raises(ValueError, match=r"BatchNorm: expected floats \(N, 3\) or \(N, H, W, 3\), got float64 \(2, 4\)"):
        made((2, 3)).forward(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"BatchNorm: expected an input of shape"):
        BatchNorm().initialize((), RNG)


def test_whole_batches_are_needed_wherever_the_layer_stands():
    def chain(*layers):
        network = Chain(*layers)
        network.initialize((6, 6, 1), RNG)
        return network

    inside = Chain(Flatten(), Dense(3), BatchNorm())
    assert not needs_whole_batch(chain(Conv2d(2, 3), SpatialTransformer(localisation())))
    assert needs_whole_batch(chain(Conv2d(2, 3), BatchNorm()))
    assert needs_whole_batch(chain(SpatialTransformer(inside)))
    assert needs_whole_batch(chain(Flatten(), Parallel(Dense(2), Chain(Dense(2), BatchNorm()))))
