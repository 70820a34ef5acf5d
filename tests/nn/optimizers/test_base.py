"""Updates in place, and clipping."""

import numpy as np
import pytest

from stn_numba.nn import SGD, Adam
from stn_numba.nn.optimizers.base import clip_by_global_norm
from tests.nn.odd_arrays import ODD_ARRAYS, read_only

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("optimizer", [Adam(), SGD(0.8), SGD(0.8, nesterov=True)])
def test_updates_in_place_agree_with_plain_updates(optimizer):
    params = {"w": RNG.standard_normal((3, 7)), "b": RNG.standard_normal(5)}
    plain_params = {name: array.copy() for name, array in params.items()}
    state, plain_state = optimizer.init(params), optimizer.init(plain_params)
    for _ in range(4):
        gradients = {name: RNG.standard_normal(array.shape) for name, array in params.items()}
        optimizer.apply(params, gradients, state, {"w": 0.1, "b": 0.01})
        directions, plain_state = optimizer.update(gradients, plain_state)
        for name, rate in (("w", 0.1), ("b", 0.01)):
            plain_params[name] -= rate * directions[name]
    for name in params:
        np.testing.assert_allclose(params[name], plain_params[name], rtol=1e-12)
    assert state.keys() == plain_state.keys()


def test_clipping_limits_the_joint_norm():
    gradients = {"a": np.full(3, 2.0), "b": np.full(1, 2.0)}
    clipped = clip_by_global_norm(gradients, 1.0)
    assert np.isclose(sum(np.sum(g**2) for g in clipped.values()), 1.0)
    assert clip_by_global_norm(gradients, 5.0) is gradients


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
    assert clip_by_global_norm({"a": read_only(np.array([6.0, 8.0]))}, 5.0)["a"].tolist() == [3, 4]
