"""The networks of the training benchmark: our ways to train them agree, and so does torch."""

import dataclasses

import numpy as np
import pytest

from benchmarks.case import Call, Case, difference
from benchmarks.networks import problem as network_problem
from benchmarks.networks.problem import INFERENCE, LOOP, TRAINING, make_problem
from stn_numba import nn

STEPS, BATCH = 2, 16
NEW = ("transformer and 4 convolutions with BatchNorm", "three heads with transformers, 28 x 84")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(network_problem, "STEPS", STEPS)


def answer(call):
    return [np.array(array) for array in call.read(call.run())]


def test_a_problem_with_heads_has_a_digit_for_each_side_by_side():
    problem, one = make_problem(NEW[1], 4, TRAINING), make_problem("st_fcn", 12, TRAINING)
    np.testing.assert_array_equal(problem.images[:, :, 28:56], one.images[4:8])
    np.testing.assert_array_equal(problem.targets["tens"], one.targets[4:8])


@pytest.mark.parametrize("network", ["tutorial", *NEW])
def test_fit_trainer_and_a_loop_train_alike(network):
    """Bit for bit."""
    problem = make_problem(network, BATCH, LOOP)
    loop, others = answer(network_problem.our_call(problem)), network_problem.our_other_calls(problem)
    assert [call.name for call in others] == ["stn-numba, fit", "stn-numba, Trainer"]
    assert [answer(call) for call in others] == [loop, loop]


@pytest.mark.parametrize("task", [TRAINING, INFERENCE])
@pytest.mark.parametrize("network", NEW)
def test_torch_has_the_same_network(network, task):
    pytest.importorskip("torch")
    from benchmarks.rivals import torch_networks

    problem = make_problem(network, BATCH, task)
    (theirs,) = torch_networks.calls(problem)
    got = answer(theirs)
    assert difference(answer(network_problem.our_call(problem)), got) < 1e-5


@pytest.mark.parametrize("network", ["tutorial", "st_fcn", *NEW])
def test_the_exported_network_is_the_same(network):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from benchmarks.rivals import onnxruntime_networks

    problem = make_problem(network, BATCH, INFERENCE)
    (theirs,) = onnxruntime_networks.calls(problem)
    assert difference(answer(network_problem.our_call(problem)), answer(theirs)) < 1e-5
    assert onnxruntime_networks.calls(dataclasses.replace(problem, task=TRAINING)) == []


def test_torch_differs_from_a_network_with_other_running_statistics():
    pytest.importorskip("torch")
    from benchmarks.rivals import torch_networks

    problem = make_problem(NEW[0], BATCH, INFERENCE)
    (theirs,) = torch_networks.calls(problem)
    for name, array in problem.model.state.items():
        array[:] = float("variance" in name)
    assert difference(answer(network_problem.our_call(problem)), answer(theirs)) > 1e-3


def test_running_statistics_are_not_those_of_a_new_network():
    state = make_problem(NEW[0], BATCH, INFERENCE).model.state
    assert state
    assert all(np.ptp(array) > 0 for array in state.values())


def test_the_networks_are_what_their_names_say():
    layers = {name: list(network_problem.NETWORKS[name]().network.layers.values()) for name in NEW}
    kinds = [type(layer) for layer in layers[NEW[0]]]
    assert kinds[0] is nn.SpatialTransformer
    assert [kinds[k : k + 3] for k, kind in enumerate(kinds) if kind is nn.Conv2d] == 4 * [[nn.Conv2d, nn.BatchNorm, nn.ReLU]]
    assert isinstance(layers[NEW[1]][-1], nn.Heads)


@pytest.mark.parametrize(
    ("ratios", "met"), [((0.96, 1.04), [True, True]), ((0.94, 1.0), [False, True]), ((1.0, 1.06), [True, False])]
)
def test_all_variants_must_be_as_fast(monkeypatch, ratios, met):
    """Of a library with a least and a largest ratio."""
    monkeypatch.setattr("benchmarks.timing.alternate", lambda calls, seconds: [1.0, *ratios])
    call = Call("stn-numba", lambda: 1.0, lambda value: [np.array([value])])
    others = [dataclasses.replace(call, name=f"stn-numba, {variant}") for variant in ("fit", "Trainer")]
    limits = {"stn-numba": 0.95}, {"stn-numba": 1.05}
    case = Case("a loop", lambda: None, lambda problem: call, lambda problem: others, at_least=limits[0], at_most=limits[1])
    assert [mark.met for mark in case.measure(0).marks[2:]] == met
