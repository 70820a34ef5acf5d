"""The ways that only full vectors and several threads take, against the plain ones."""

import copy
import functools
import os
import threading

import numpy as np
import pytest

from stn_numba.kernels.runtime import dispatch
from stn_numba.models import tutorial
from stn_numba.nn import SGD, Adam, AvgPool, Chain, Conv2d, Dense, Dropout, Flatten, MaxPool, ReLU, SpatialTransformer
from stn_numba.nn.engine import buffers, dense, sampling, thread_pool
from stn_numba.nn.engine.conv import fused
from stn_numba.nn.engine.sampling import sample_parts
from stn_numba.nn.engine.thread_pool import parallel_map
from stn_numba.nn.training.step import Step
from stn_numba.sampler import sample_vjp
from stn_numba.testing import check_vjp
from stn_numba.transform.registry import get_transform

RNG = np.random.default_rng(11)

CHAINS = {
    "one pooled": lambda: Chain(Conv2d(3, 3), MaxPool(2), ReLU()),
    "two pooled": lambda: Chain(Conv2d(3, 3), MaxPool(2), ReLU(), Conv2d(17, 2), ReLU(), MaxPool(2)),
    "not rectified": lambda: Chain(Conv2d(5, 3), MaxPool(2), Conv2d(2, 2)),
    "padded and strided": lambda: Chain(Conv2d(4, 3, stride=2, padding=1), MaxPool(2), ReLU()),
    "wide patches": lambda: Chain(Conv2d(9, 3), MaxPool(2), ReLU(), Conv2d(5, 3), MaxPool(2)),
    "wide patches, padded and strided": lambda: Chain(Conv2d(12, 2), Conv2d(4, 3, stride=2, padding=1), MaxPool(2), ReLU()),
    "fully connected": lambda: Chain(Flatten(), Dense(7), ReLU(), Dense(5), Dense(3), ReLU()),
    "both": lambda: Chain(Conv2d(8, 3), ReLU(), MaxPool(2), Flatten(), ReLU(), Dense(4), Dropout(0.5), Dense(3)),
    "between others": lambda: Chain(AvgPool(2), ReLU(), Conv2d(4, 2), ReLU(), MaxPool(3)),
}


def plain(chain, x):
    """Every layer by itself, convolutions as products of matrices."""
    backprops = []
    for name, layer in chain.layers.items():
        x, layer_backprop = layer.forward_im2col(x) if isinstance(layer, Conv2d) else layer.forward(x)
        backprops.append((name, layer_backprop))

    def backprop(dy):
        gradients = {}
        for name, layer_backprop in reversed(backprops):
            dy, own = layer_backprop(dy)
            gradients.update({f"{name}.{key}": array for key, array in own.items()})
        return dy, gradients

    return x, backprop


def initialized(make, dtype=np.float64):
    chain = make()
    chain.initialize((11, 10, 2), np.random.default_rng(0), dtype)
    for name, array in chain.params.items():
        if name.endswith("bias"):
            array += 0.1 * RNG.standard_normal(array.shape).astype(dtype)
    return chain


@pytest.mark.parametrize("make", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("count", [9, 70])  # lanes that stay empty, and several parts
def test_vectors_of_samples_give_what_matrices_give(make, count):
    chain, x = initialized(make), RNG.standard_normal((count, 11, 10, 2))
    (y, backprop), (expected, expected_backprop) = chain.forward(x), plain(chain, x)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    dy = RNG.standard_normal(y.shape)
    (dx, gradients), (expected_dx, expected_gradients) = backprop(dy), expected_backprop(dy)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-11, atol=1e-11)
    assert set(gradients) == set(expected_gradients)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected_gradients[name], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["two pooled", "wide patches", "fully connected"])
def test_gradient_of_a_fused_chain(name):
    chain = initialized(CHAINS[name])
    names = list(chain.params)

    def function(x, *params):
        for name, array in zip(names, params, strict=True):
            chain.params[name][...] = array
        y, backprop = chain.forward(x)

        def in_order(dy):
            dx, gradients = backprop(dy)
            return dx, *(gradients[name] for name in names)

        return y, in_order

    check_vjp(function, RNG.standard_normal((9, 11, 10, 2)), *(chain.params[name].copy() for name in names))


def test_parts_of_a_fully_connected_run_add_up(monkeypatch):
    chain = initialized(CHAINS["fully connected"])
    again, x = copy.deepcopy(chain), RNG.standard_normal((70, 11, 10, 2))
    whole, whole_backprop = chain.forward(x)
    dy = RNG.standard_normal(whole.shape)
    _, whole_gradients = whole_backprop(dy)
    monkeypatch.setattr(dense, "_WORTH_A_PART", 10_000)
    y, backprop = again.forward(x)
    runs = [next(iter(run._plans.values()))[0][0].op for each in (chain, again) for run in each._segments[1:]]
    assert [len(run.parts) for run in runs] == [1, 11]
    dx, gradients = backprop(dy, input_gradient=False)
    assert dx is None
    np.testing.assert_allclose(y, whole, rtol=1e-12)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, whole_gradients[name], rtol=1e-11, atol=1e-12)


def test_what_is_not_a_number_passes_through_fused_pooling():
    chain = initialized(CHAINS["one pooled"], np.float32)
    x = RNG.standard_normal((32, 11, 10, 2)).astype(np.float32)
    x[3, 4, 4, 1] = np.nan
    found = np.isnan(chain.forward(x)[0]).any(axis=(1, 2, 3))
    assert found.tolist() == [n == 3 for n in range(32)]


@pytest.mark.parametrize("C", [1, 3])
@pytest.mark.parametrize("align_corners", [True, False])
def test_the_way_through_affine_maps_is_that_of_the_sampler(C, align_corners):
    x, theta = RNG.random((6, 9, 8, C)), RNG.standard_normal((6, 6))
    theta[0], theta[1, 0], theta[2, 2], theta[3] = [1, 0, 0, 0, 1, 0], np.nan, 1e30, [1, 0, 1.9, 0, 1, -1.9]
    grid, _ = get_transform("affine").forward(theta, (7, 10), align_corners)
    (out, backprop), (expected, expected_backprop) = sample_parts(x, grid, "zeros", training=True), sample_vjp(x, grid)
    np.testing.assert_allclose(out, expected, atol=1e-12)
    d_out = RNG.standard_normal(out.shape)
    (d_image, d_grid), (expected_d_image, expected_d_grid) = backprop(d_out, True), expected_backprop(d_out)
    np.testing.assert_allclose(d_image, expected_d_image, atol=1e-12)
    finite = [n for n in range(6) if n != 1]
    np.testing.assert_allclose(d_grid[finite], expected_d_grid[finite], rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("transform", ["affine", "projective"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_gradients_in_training_are_those_of_inference(transform, align_corners):
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


def naive_adam(param, gradients, rate, beta1=0.9, beta2=0.999):
    mean = square = 0.0
    for step, gradient in enumerate(gradients, 1):
        mean, square = beta1 * mean + (1 - beta1) * gradient, beta2 * square + (1 - beta2) * gradient**2
        param = param - rate * (mean / (1 - beta1**step)) / (np.sqrt(square / (1 - beta2**step)) + 1e-8)
    return param


def naive_sgd(param, gradients, rate, nesterov=False):
    velocity = 0.0
    for gradient in gradients:
        velocity = 0.8 * velocity + gradient
        param = param - rate * (gradient + 0.8 * velocity if nesterov else velocity)
    return param


@pytest.mark.parametrize(
    ("optimizer", "naive"),
    [(Adam(), naive_adam), (SGD(0.8), naive_sgd), (SGD(0.8, nesterov=True), functools.partial(naive_sgd, nesterov=True))],
)
def test_updates_are_those_of_the_formulas(optimizer, naive):
    params, rates = {"w": RNG.standard_normal((3, 7)), "b": RNG.standard_normal(5)}, {"w": 0.1, "b": 0.01}
    gradients = [{name: RNG.standard_normal(array.shape) for name, array in params.items()} for _ in range(4)]
    expected = {name: naive(array, [each[name] for each in gradients], rates[name]) for name, array in params.items()}
    state = optimizer.init(params)
    for each in gradients:
        optimizer.apply(params, each, state, rates)
    for name in params:
        np.testing.assert_allclose(params[name], expected[name], rtol=1e-12)


@pytest.mark.parametrize("shared", ["passes", "layers"])
def test_steps_do_not_depend_on_threads(shared, monkeypatch):
    if shared == "layers":
        monkeypatch.setattr(thread_pool, "_WORTH_A_PASS", 1000)
        monkeypatch.setattr(fused, "_WORTH_A_THREAD", 1)
        monkeypatch.setattr(sampling, "_WORTH_A_PART", 1)
    X, labels = RNG.random((130, 28, 28, 1), np.float32), RNG.integers(0, 10, 130)
    runs = []
    for count in (1, 2, 1):
        model = tutorial(initial=[0.9, 0.1, 0, 0, 0.9, 0])
        step, noise = Step(model, Adam(), {}), np.random.default_rng(3)
        with dispatch.limited(count):
            losses = [step(X, labels, noise, 1e-3, "a test")[0] for _ in range(3)]
            logits = model.logits(X)
        runs.append((losses, np.concatenate([array.ravel() for array in model.params.values()]), logits))
    for losses, *arrays in runs[1:]:
        assert losses == runs[0][0]
        assert all(map(np.array_equal, arrays, runs[0][1:]))


def test_no_more_threads_than_work_is_worth(monkeypatch):
    monkeypatch.setattr(dispatch, "count", lambda: 2)
    barrier = threading.Barrier(2)
    parallel_map(lambda _: barrier.wait(timeout=60), range(2))
    with pytest.raises(threading.BrokenBarrierError):
        parallel_map(lambda _: barrier.wait(timeout=0.1), range(2), max_threads=1)


def test_parts_within_parts_and_errors():
    assert parallel_map(lambda a: sum(parallel_map(lambda b: a * b, range(5))), range(7)) == [10 * a for a in range(7)]
    with pytest.raises(KeyError, match="three"):
        parallel_map(lambda k: {}["three"] if k == 3 else None, range(6))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_starts_threads_of_its_own():
    parallel_map(lambda k: k, range(4))
    child = os.fork()
    if not child:
        os._exit(0 if parallel_map(lambda k: k * k, range(9)) == [k * k for k in range(9)] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_memory_is_used_again_once_nobody_holds_it():
    buffers.release()
    first = buffers.empty((1000,), np.float32)
    address, view = first.ctypes.data, first[10:20]
    assert address % 64 == 0
    del first
    assert buffers.empty((1000,), np.float32).ctypes.data != address  # a view holds it
    del view
    assert buffers.empty((1000,), np.float32).ctypes.data == address


def test_a_transformer_attends_alike_in_training_and_out_of_it():
    layer = SpatialTransformer(Chain(Conv2d(2, 3), MaxPool(2), ReLU(), *_flat()), "affine", initial=[0.8, 0.1, 0, 0.1, 0.8, 0])
    layer.initialize((9, 9, 1), RNG, np.float32)
    x = RNG.random((20, 9, 9, 1), np.float32)
    np.testing.assert_allclose(layer.forward(x, RNG)[0], layer.forward(x)[0], atol=1e-6)


def _flat():
    from stn_numba.nn import Flatten

    return (Flatten(),)
