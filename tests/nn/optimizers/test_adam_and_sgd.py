"""Updates of parameters by SGD and Adam."""

import functools

import numpy as np
import pytest

from stn_numba.nn import SGD, Adam
from tests.nn.odd_arrays import ODD_ARRAYS

RNG = np.random.default_rng(11)


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
def test_updates_agree_with_the_formulas(optimizer, naive):
    params, rates = {"w": RNG.standard_normal((3, 7)), "b": RNG.standard_normal(5)}, {"w": 0.1, "b": 0.01}
    gradients = [{name: RNG.standard_normal(array.shape) for name, array in params.items()} for _ in range(4)]
    expected = {name: naive(array, [each[name] for each in gradients], rates[name]) for name, array in params.items()}
    state = optimizer.init(params)
    for each in gradients:
        optimizer.apply(params, each, state, rates)
    for name in params:
        np.testing.assert_allclose(params[name], expected[name], rtol=1e-12)


@pytest.mark.parametrize("optimizer", [Adam(), SGD(), SGD(0.0), SGD(0.5, nesterov=True)])
@pytest.mark.parametrize("kind", ["read-only", "with gaps", "big-endian", "in Fortran's order", "unaligned"])
@pytest.mark.parametrize("where", ["params", "state"])
def test_apply_refuses_odd_arrays_before_any_change(optimizer, kind, where):
    params = {name: RNG.random((4, 4), np.float32) for name in "abc"}
    gradients, rates = {name: np.ones((4, 4), np.float32) for name in "abc"}, dict.fromkeys("abc", 0.1)
    state = optimizer.init(params)
    optimizer.apply(params, gradients, state, rates)
    part = next(name for name, value in state.items() if isinstance(value, dict))
    (params if where == "params" else state[part])["c"] = ODD_ARRAYS[kind](params["c"].copy())
    before = {name: array.copy() for name, array in params.items()}, repr(state)
    with pytest.raises(ValueError, match=rf"^{where}.*\['c'\]: expected .*, got"):
        optimizer.apply(params, gradients, state, rates)
    assert all(np.array_equal(array, before[0][name]) for name, array in params.items())
    assert repr(state) == before[1]


@pytest.mark.parametrize("optimizer", [Adam(), SGD()])
def test_apply_names_missing_arrays(optimizer):
    params, gradients = {"a": np.ones(2, np.float32)}, {"a": np.ones(2, np.float32)}
    state = optimizer.init(params)
    with pytest.raises(ValueError, match=r"rates\['a'\]: expected a rate"):
        optimizer.apply(params, gradients, state, {})
    with pytest.raises(ValueError, match=r"params\['a'\]: expected an array, since there is a gradient of that name; got none"):
        optimizer.apply({}, gradients, state, {"a": 1.0})
    with pytest.raises(
        ValueError, match=r"params\['a'\]: expected float32 or float64 \(3,\), as its gradient, got float32 \(2,\)"
    ):
        optimizer.apply(params, {"a": np.ones(3, np.float32)}, state, {"a": 1.0})
    assert params["a"].tolist() == [1, 1]


@pytest.mark.parametrize("kind", ODD_ARRAYS)
@pytest.mark.parametrize("optimizer", [Adam(), SGD()])
def test_apply_does_not_write_to_gradients(optimizer, kind):
    results = []
    for change in (lambda array: array, ODD_ARRAYS[kind]):
        params, gradient = {"a": np.ones((4, 4), np.float32)}, np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)
        optimizer.apply(params, {"a": change(gradient)}, optimizer.init(params), {"a": 0.1})
        results.append(params["a"])
    assert np.array_equal(*results)
