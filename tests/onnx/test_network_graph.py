"""Layers of strangers, and layers that cannot be exported."""

import numpy as np
import pytest

from stn_numba.nn import Chain, Conv2d, Dense, Flatten, Layer, Model, Parallel, SpatialTransformer
from stn_numba.nn.layers.container import Container
from stn_numba.onnx import ExportError
from stn_numba.onnx.layers import EXPORTERS
from stn_numba.onnx.network_graph import NetworkGraph
from tests.onnx.running import Exported, images, onnx, randomized

assert onnx


class Tanh(Layer):
    """Cannot be exported."""

    def forward(self, x, rng=None):
        return np.tanh(x), lambda dy, *, input_gradient=True: (dy * (1 - np.tanh(x) ** 2), {})


class ExportedTanh(Tanh):
    def export_onnx(self, graph, x):
        return graph.node("Tanh", x)


class Scale(Layer):
    """With a parameter, and another size."""

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.params = {"factor": rng.standard_normal(input_shape).astype(dtype)}
        return (input_shape[-1],)

    def forward(self, x, rng=None):
        return (x * self.params["factor"]).sum(axis=(1, 2)), lambda dy, *, input_gradient=True: (None, {})

    def export_onnx(self, graph, x):
        product = graph.node("Mul", x, graph.constant(self.params["factor"], "factor"))
        return graph.node("ReduceSum", product, [1, 2], keepdims=0)


class Residual(Container):
    """Contains another layer."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.layers = inner, {"inner": inner}

    def initialize(self, input_shape, rng, dtype=np.float32):
        return self._initialize_inner("inner", input_shape, rng, dtype)

    def forward(self, x, rng=None):
        y, backprop = self.inner.forward(x, rng)
        return x + y, lambda dy, *, input_gradient=True: (dy + backprop(dy)[0], {})

    def export_onnx(self, graph, x):
        return graph.node("Add", x, graph.layer(self.inner, x, "inner"))


class Centered(Dense):
    """Computes something else than its base class."""

    def forward(self, x, rng=None):
        return super().forward(x - x.mean(axis=1, keepdims=True), rng)


class Renamed(Dense):
    """Computes the same as its base class."""


class OwnChain(Chain):
    """Layers one after another, by another name."""


def test_layers_of_strangers_bring_their_own_export(tmp_path):
    look = Chain(Conv2d(2, 3), ExportedTanh(), Residual(Conv2d(2, 3, padding="same")), Flatten(), Renamed(5))
    network = OwnChain(
        SpatialTransformer(look), ExportedTanh(), Residual(Chain(Conv2d(2, 3, padding=1), ExportedTanh())), Scale()
    )
    model = randomized(Model(network, (6, 8, 2)))
    exported = Exported(model, tmp_path / "m.onnx")
    exported.check(images(model, 3))
    names = {constant.name for constant in exported.proto.graph.initializer}
    assert "residual1.inner.conv2d1.weight" in names
    assert "scale1.factor" in names


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (Tanh(), r"layer 'tanh1' \(Tanh\) cannot be exported"),
        (Chain(Parallel(Tanh(), Chain())), r"layer 'chain1\.parallel1\.tanh1' \(Tanh\)"),
        (SpatialTransformer(Chain(Tanh(), Flatten())), r"layer 'spatialtransformer1\.localisation\.tanh1' \(Tanh\)"),
        (Chain(Flatten(), Centered(3)), r"layer 'chain1\.centered1' \(Centered\)"),
        (SpatialTransformer(Flatten(), antialias=True), r"layer 'spatialtransformer1'.*antialias=True"),
    ],
)
def test_a_layer_that_cannot_be_exported_is_named(layer, named, tmp_path):
    with pytest.raises(ExportError, match=named):
        Exported(Model(Chain(layer), (6, 6, 1)), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_returns_no_name_is_named(tmp_path):
    class Wrong(Tanh):
        def export_onnx(self, graph, x):
            graph.node("Tanh", x)

    with pytest.raises(ExportError, match=r"layer 'wrong1' .* has to return the name of a value, got NoneType"):
        Exported(Model(Chain(Wrong()), (6, 6, 1)), tmp_path / "m.onnx")


def test_a_value_of_unknown_size_is_refused():
    graph = NetworkGraph(EXPORTERS)
    with pytest.raises(ExportError, match="whose size is known, got 'y'"):
        graph.layer(Flatten(), "y", "flatten1")
