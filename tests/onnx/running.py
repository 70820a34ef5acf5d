"""Export models, and run the files with ONNX Runtime."""

import numpy as np
import pytest

from stn_numba.nn import Chain, Dense, Flatten, Model, SpatialTransformer
from stn_numba.nn.layers.container import all_layers

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import stn_numba as stn  # noqa: E402

TOLERANCE = 1e-4
RNG = np.random.default_rng(0)


class Exported:
    """A model, and the file that was made of it."""

    def __init__(self, model, path, **options):
        stn.export_onnx(model, path, **options)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.log_severity_level = 1, 3
        self.model, self.path = model, path
        self.session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])

    @property
    def proto(self):
        return onnx.load(self.path)

    @property
    def operators(self):
        return [node.op_type for node in self.proto.graph.node]

    def run(self, X):
        names = [port.name for port in self.session.get_outputs()]
        return dict(zip(names, self.session.run(None, {"image": X}), strict=True))

    def check(self, X, tolerance=TOLERANCE):
        """Compare the outputs, and theta of all transformers, with those of the model."""
        found, expected = self.run(X), self.model.outputs(X)
        if not isinstance(expected, dict):
            expected = {"logits" if hasattr(self.model, "logits") else "outputs": expected}
        for number, _ in enumerate(self.model.transformers):
            name = "theta" if len(self.model.transformers) == 1 else f"theta{number + 1}"
            expected[name] = self.model.theta(X, transformer=number)
        assert set(expected) == set(found)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=0, atol=tolerance, err_msg=name)


def randomized(model, spread=0.15, seed=0):
    """Let theta differ from image to image, and running statistics from those of a new network."""
    rng = np.random.default_rng(seed)
    for _, layer in all_layers(model.network):
        if isinstance(layer, SpatialTransformer):
            weight = layer.theta_layer.params["weight"]
            weight[...] = rng.normal(0, spread / np.sqrt(len(weight)), weight.shape)
    for name, array in model.state.items():
        array[...] = rng.uniform(0.5, 1.5, array.shape) if name.endswith("variance") else rng.normal(0, 0.5, array.shape)
    for name, array in model.params.items():
        if name.endswith((".bias", ".scale", ".shift")) and "theta" not in name:
            array += rng.normal(0, 0.1, array.shape).astype(array.dtype)
    return model


def images(model, count, seed=1):
    return np.random.default_rng(seed).random((count, *model.input_shape), np.float32)


def transformer_alone(transform, in_shape=(9, 12), shape=(8, 7), *, spread=0.15, channels=2, **options):
    """A model whose output is that of a spatial transformer."""
    layer = SpatialTransformer(Chain(Flatten(), Dense(12)), transform, shape, **options)
    return randomized(Model(Chain(layer), (*in_shape, channels)), spread)


def check_transform_alone(transform, path, counts=(1, 7), **options):
    """Compare what a transformer samples; return the file."""
    model = transformer_alone(transform, **options)
    exported = Exported(model, path)
    for count in counts:
        exported.check(images(model, count))
    thetas = model.theta(images(model, 7))
    assert np.ptp(thetas, axis=0).max() > 0.01
    return exported
