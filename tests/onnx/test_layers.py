"""Every layer, alone and in networks."""

import numpy as np
import pytest

from stn_numba import nn
from stn_numba.nn import (
    AvgPool,
    BatchNorm,
    Center,
    Chain,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    Heads,
    MaxPool,
    Model,
    Parallel,
    ReLU,
    Rescale,
    SpatialTransformer,
)
from stn_numba.onnx.layers import EXPORTERS
from tests.onnx.running import Exported, images, randomized

CASES = {
    "nothing": [],
    "convolution": [Conv2d(3, 3)],
    "rectangular convolution": [Conv2d(3, (2, 5), stride=(2, 1), padding=(1, 3))],
    "same": [Conv2d(4, (3, 4), stride=(1, 2), padding="same"), Conv2d(2, 2, padding="same")],
    "blocks": [MaxPool(2), AvgPool((2, 3))],
    "overlapping blocks": [MaxPool(3, stride=2, padding=1), AvgPool((3, 2), stride=1, padding=(1, 0))],
    "padded mean": [AvgPool(4, stride=3, padding=2)],
    "dense": [Flatten(), Dense(5), ReLU(), Dropout(0.5), Dense(4)],
    "rescale": [Rescale(2 / 255, -1), Conv2d(2, 3), Rescale(3.0), Flatten(), Rescale(0.5, 1)],
    "center": [Center(), Conv2d(2, 3), Center(), Flatten(), Dense(4), Center()],
    "batch norm of images": [Conv2d(3, 3), BatchNorm(epsilon=0.01), ReLU(), BatchNorm()],
    "batch norm of features": [Flatten(), Dense(6), BatchNorm(), ReLU()],
    "chains in chains": [Chain(Conv2d(3, 3), Chain(ReLU(), Chain())), Chain(Flatten(), Dense(3))],
    "images side by side": [Parallel(Conv2d(2, 3), Chain(AvgPool(3, stride=1), ReLU())), Conv2d(3, 2), MaxPool(2)],
    "features side by side": [Flatten(), Parallel(Dense(2), Dense(3), Chain()), Dense(4)],
    "heads in a plain model": [Flatten(), Heads(a=Dense(2), b=Chain(Dense(3), ReLU()))],
    "flatten twice": [Conv2d(2, 3), Flatten(), Flatten(), Dense(2)],
}


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", CASES)
def test_layers(name, layout, tmp_path):
    model = randomized(Model(Chain(*CASES[name]), (9, 11, 2)))
    exported = Exported(model, tmp_path / "m.onnx", layout=layout)
    for count in (1, 7):
        X = images(model, count)
        found = exported.run(X if layout == "NHWC" else np.ascontiguousarray(X.transpose(0, 3, 1, 2)))
        np.testing.assert_allclose(found["outputs"], model.outputs(X), rtol=0, atol=1e-5)


def test_every_layer_for_images_has_an_exporter():
    expected = {getattr(nn, name) for name in nn.layers.__all__ if name not in ("Layer", "Heads", "SpatialTransformer")}
    assert set(EXPORTERS) == {layer for layer in expected if ".volumes." not in layer.__module__}


def test_layers_between_convolutions_keep_the_order_of_axes(tmp_path):
    layers = [
        Conv2d(2, 3),
        BatchNorm(),
        ReLU(),
        MaxPool(2),
        Rescale(2.0),
        SpatialTransformer(Flatten()),
        Conv2d(2, 2),
        Flatten(),
    ]
    exported = Exported(Model(Chain(*layers), (9, 11, 2)), tmp_path / "m.onnx", layout="NCHW")
    assert exported.operators.count("Transpose") == 2  # before each Flatten


def test_parameters_have_their_names(tmp_path):
    model = Model(Chain(Conv2d(2, 3), BatchNorm(), SpatialTransformer(Flatten())), (6, 6, 1))
    names = {constant.name for constant in Exported(model, tmp_path / "m.onnx").proto.graph.initializer}
    assert set(model.params) | set(model.state) <= names
