"""The weights of models from and to PyTorch."""

import itertools

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import nn as ours

torch = pytest.importorskip("torch")
bridge = pytest.importorskip("stn_numba.torch")
tutorial = pytest.importorskip("tests.torch.tutorial")
nn = torch.nn


@pytest.fixture
def net():
    """The tutorial's network with other weights than initial ones, so that theta depends on the image."""
    torch.manual_seed(0)
    net = tutorial.Net()
    with torch.no_grad():
        net.fc_loc[2].weight.normal_(0, 0.02)
    return net.eval()


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-5)


def test_the_tutorial_s_weights_come_in_and_go_out_unchanged(net):
    weights, model = net.state_dict(), stn.models.tutorial(align_corners=False)
    bridge.load_state_dict(model, weights)
    back = bridge.state_dict(model)
    assert list(back) == list(weights)
    for name, tensor in weights.items():
        assert torch.equal(back[name], tensor)
        assert (back[name].dtype, back[name].is_contiguous()) == (tensor.dtype, True)
    other = tutorial.Net()
    other.load_state_dict(back)
    x = torch.rand(2, 1, 28, 28)
    assert torch.equal(other.eval()(x), net(x))


def test_the_tutorial_s_network_predicts_the_same_here(net):
    model = stn.models.tutorial(align_corners=False)
    bridge.load_state_dict(model, net.state_dict())
    x = torch.rand(7, 1, 28, 28)
    images = x.permute(0, 2, 3, 1)
    same(model.theta(images), net.theta(x))
    same(model.transform(images), net.stn(x).permute(0, 2, 3, 1))
    same(model.predict_proba(images), net(x).exp())
    assert np.array_equal(model.predict(images), net(x).argmax(1).numpy())


def test_color_and_the_other_convention(net):
    torch.manual_seed(1)
    net, model = tutorial.Net(3, align_corners=True).eval(), stn.models.tutorial((28, 28, 3), align_corners=True)
    with torch.no_grad():
        net.fc_loc[2].weight.normal_(0, 0.02)
    bridge.load_state_dict(model, net.state_dict(), align_corners=True)
    x = torch.rand(3, 3, 28, 28)
    same(model.predict_proba(x.permute(0, 2, 3, 1)), net(x).exp())


def test_conventions_that_differ_are_refused(net):
    with pytest.raises(ValueError, match="expected True, as the transformer 'spatialtransformer1' has, got False"):
        bridge.load_state_dict(stn.models.tutorial(), net.state_dict())
    with pytest.raises(ValueError, match="align_corners: expected True"):
        bridge.state_dict(stn.models.tutorial())


def test_arrays_are_weights_too(net):
    model = stn.models.tutorial(align_corners=False)
    bridge.load_state_dict(model, {name: tensor.numpy() for name, tensor in net.state_dict().items()})
    assert torch.equal(bridge.state_dict(model)["fc1.weight"], net.fc1.weight)


def test_weights_of_half_precision_are_widened(net):
    model = stn.models.tutorial(align_corners=False)
    bridge.load_state_dict(model, net.to(torch.bfloat16).state_dict())
    assert torch.equal(bridge.state_dict(model)["fc1.weight"], net.fc1.weight.float())


# Chains of other layers, with a PyTorch network of the same architecture and the names of its modules.


def batch_norm():
    model = ours.Model(
        ours.Chain(ours.Conv2d(4, 3), ours.BatchNorm(), ours.ReLU(), ours.Flatten(), ours.BatchNorm(), ours.Dense(5)), (6, 5, 2)
    )
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(48), nn.Linear(48, 5)
    )  # fmt: skip
    return model, net, {"0": "conv2d1", "1": "batchnorm1", "4": "batchnorm2", "5": "dense1"}


def two_vectors():
    """Flattened features side by side: the rows of the dense layer are reordered in two blocks."""
    looks = [ours.Chain(ours.Conv2d(filters, 2), ours.Flatten()) for filters in (3, 2)]
    model = ours.Model(ours.Chain(ours.Parallel(*looks), ours.ReLU(), ours.Dense(4)), (4, 5, 2))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.last = nn.Conv2d(2, 3, 2), nn.Conv2d(2, 2, 2), nn.Linear(60, 4)

        def forward(self, x):
            return self.last(torch.relu(torch.cat([self.a(x).flatten(1), self.b(x).flatten(1)], dim=1)))

    return model, Net(), {"a": "parallel1.chain1.conv2d1", "b": "parallel1.chain2.conv2d1", "last": "dense1"}


def without_biases():
    model = ours.Model(ours.Chain(ours.Conv2d(3, (2, 3)), ours.Flatten(), ours.Dropout(0.5), ours.Dense(2)), (5, 4, 1))
    net = nn.Sequential(nn.Conv2d(1, 3, (2, 3), bias=False), nn.Flatten(), nn.Dropout(), nn.Linear(24, 2, bias=False))
    return model, net, {"0": "conv2d1", "3": "dense1"}


def two_transformers():
    model = stn.models.two_st_fcn((6, 6, 2), 3, units=4, localisation_units=5, shape=(3, 3), center=False)

    def layers(*sizes):
        linear = [nn.Linear(*pair) for pair in itertools.pairwise(sizes)]
        return nn.Sequential(nn.Flatten(), *(part for each in linear for part in (each, nn.ReLU())))

    def transformer():
        return bridge.SpatialTransformer(layers(72, 5, 5, 5), shape=(3, 3))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.rest = transformer(), transformer(), layers(36, 4, 4, 3)[:-1]

        def forward(self, x):
            return self.rest(torch.cat([self.first(x), self.second(x)], dim=1))

    mapping = {f"rest.{2 * k - 1}": f"dense{k}" for k in (1, 2, 3)}
    for number, name in enumerate(("first", "second"), 1):
        inner = f"parallel1.spatialtransformer{number}.localisation"
        mapping |= {f"{name}.localisation.{2 * k - 1}": f"{inner}.dense{k}" for k in (1, 2, 3)}
        mapping[f"{name}.theta_layer"] = f"{inner}.theta"
    return model, Net(), mapping


@pytest.mark.parametrize("make", [batch_norm, two_vectors, without_biases, two_transformers])
def test_chains_by_a_mapping(make):
    torch.manual_seed(0)
    model, net, mapping = make()
    options = {"align_corners": True} if make is two_transformers else {}
    x = torch.rand(4, model.input_shape[2], *model.input_shape[:2])
    net(x)  # running means, and the sizes of lazy layers
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    bridge.load_state_dict(model, net.eval().state_dict(), mapping, **options)
    same(model.outputs(x.permute(0, 2, 3, 1)), net(x))
    back, weights = bridge.state_dict(model, mapping, **options), net.state_dict()
    assert set(weights) <= set(back)
    for name, tensor in weights.items():
        assert name.endswith("num_batches_tracked") or torch.equal(back[name], tensor), name


def small():
    model = ours.Model(ours.Chain(ours.Flatten(), ours.Dense(3), ours.Dense(2)), (2, 2, 1), seed=1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Linear(3, 2))
    return model, dict(net.state_dict()), {"1": "dense1", "2": "dense2"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda w, m: (w, None),
            r"expected a dict from names of modules \(1, 2\) to layers \(dense1, dense2\), got None",
        ),
        (lambda w, m: (w, {"1": "dense1"}), "mapping: expected each of the layers dense1, dense2 once, got dense1"),
        (lambda w, m: (w, {**m, "3": "dense2"}), "mapping: expected each of the layers dense1, dense2 once"),
        (lambda w, m: (w, {**m, "2": "dense3"}), "mapping: expected each of the layers .* got dense1, dense3"),
        (lambda w, m: (w, {"1": "dense1", "x": "dense2"}), "state_dict: expected weights of the module 'x', got 1.weight"),
        (lambda w, m: ({**w, "9.weight": torch.zeros(1)}, m), "state_dict: expected only weights of 1, 2, got 9.weight"),
        (lambda w, m: ({**w, "1.scale": torch.zeros(1)}, m), "state_dict: expected weight, bias of the module '1' for dense1"),
        (lambda w, m: ({"1.bias": w["1.bias"]} | {k: v for k, v in w.items() if k[0] == "2"}, m), "expected weight, bias of"),
        (lambda w, m: ({**w, "2.weight": torch.zeros(3, 2)}, m), r"\['2.weight'\]: expected \(2, 3\) for dense2, got \(3, 2\)"),
    ],
)
def test_errors_say_what_does_not_fit_and_nothing_is_loaded(change, message):
    model, weights, mapping = small()
    before = {name: array.copy() for name, array in model.params.items()}
    with pytest.raises(ValueError, match=message):
        bridge.load_state_dict(model, *change(weights, mapping))
    assert all(np.array_equal(array, before[name]) for name, array in model.params.items())


def test_other_layers_with_weights_are_named():
    class Scale(ours.Layer):
        def initialize(self, input_shape, rng, dtype=np.float32):
            self.params = {"factor": np.ones(input_shape, dtype)}
            return input_shape

        def forward(self, x, rng=None):
            return x * self.params["factor"], None

    model = ours.Model(ours.Chain(ours.Flatten(), Scale()), (2, 2, 1))
    with pytest.raises(ValueError, match="with weights of the kinds Conv2d, Dense, BatchNorm, got Scale at scale1"):
        bridge.state_dict(model, {"a": "scale1"})


def test_only_models_have_weights():
    with pytest.raises(TypeError, match="model: expected a Model, got Linear"):
        bridge.state_dict(nn.Linear(2, 2))
