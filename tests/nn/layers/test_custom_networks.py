"""Custom layers, transforms and optimizers."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import (
    SGD,
    Adam,
    Chain,
    Conv2d,
    Dense,
    Flatten,
    Layer,
    ReLU,
    SpatialTransformer,
)
from tests.nn.examples import localisation, network

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 6, 6, 1), np.float32), np.arange(40) % 3


class Scale(Layer):
    """A custom layer: one number that multiplies."""

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.params = {"factor": np.ones(1, dtype)}
        return input_shape

    def forward(self, x, rng=None):
        factor = self.params["factor"]

        def backprop(dy, *, input_gradient=True):
            return dy * factor if input_gradient else None, {"factor": np.array([(dy * x).sum()], x.dtype)}

        return x * factor, backprop


class Sign:
    """A custom optimizer, whose state appears with the first update."""

    def init(self, params):
        return {}

    def apply(self, params, gradients, state, learning_rates):
        state.update(count=state.get("count", np.int64(0)) + 1, last=dict(gradients))
        for name, gradient in gradients.items():
            params[name] -= learning_rates[name] * np.sign(gradient)


def test_custom_layers_and_optimizers_train_and_resume(tmp_path):
    def model():
        transformer = SpatialTransformer(localisation(), stn.get_transform("affine"))
        return network(transformer, Scale(), Flatten(), Dense(3))

    options = {"optimizer": Sign(), "progress": False, "batch_size": 20, "learning_rate": np.float32(1e-3)}
    uninterrupted, cut = model(), model()
    stn.fit(uninterrupted, X, Y, epochs=np.int64(2), **options)

    def stop(model, history):
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        stn.fit(cut, X, Y, epochs=2, checkpoint=tmp_path / "run", checkpoint_seconds=0, callbacks=[stop], **options)
    stn.fit(cut, X, Y, epochs=2, checkpoint=tmp_path / "run", **options | {"optimizer": Sign()})
    assert uninterrupted.params["scale1.factor"] != 1
    for name, array in uninterrupted.params.items():
        assert np.array_equal(array, cut.params[name]), name


@pytest.mark.parametrize("count", [8, 40])
@pytest.mark.parametrize("layers", [(Flatten(), Dense(4), ReLU(), Dense(3)), (Conv2d(3, 3),), (Conv2d(3, 3), ReLU())])
def test_gradients_of_another_shape_are_refused(count, layers):
    chain = Chain(*layers)
    shape = chain.initialize((6, 6, 1), np.random.default_rng(0))
    y, backprop = chain.forward(X[:count])
    for wrong in ((count, *shape[:-1], 1), (2 * count, *shape)):
        with pytest.raises(ValueError, match=r"dy: expected floats \(.*\), got float32"):
            backprop(np.ones(wrong, np.float32))
    single, double = (backprop(np.ones(y.shape, dtype))[1] for dtype in (np.float32, np.float64))
    for name, gradient in single.items():
        np.testing.assert_allclose(double[name], gradient, rtol=1e-4, err_msg=name)


class Offsets(Layer):
    """y = x + a + b; hands out one array as the gradient of both, or what `broken` makes of its answer."""

    def __init__(self, broken=lambda dx, gradients: (dx, gradients)):
        super().__init__()
        self.broken = broken

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.params = {"a": np.zeros(input_shape, dtype), "b": np.zeros(input_shape, dtype)}
        return input_shape

    def forward(self, x, rng=None):
        def backprop(dy, *, input_gradient=True):
            total = dy.sum(axis=0)
            return self.broken(dy, {"a": total, "b": total})

        return x + self.params["a"] + self.params["b"], backprop


def test_gradients_may_share_memory():
    images, labels = np.tile(X, (4, 1, 1, 1)), np.tile(Y, 4)  # two passes
    model = network(Flatten(), Dense(3), Offsets())
    before = model.params["dense1.bias"].copy()
    stn.fit(model, images, labels, epochs=1, batch_size=160, optimizer=SGD(0), learning_rate=1.0, progress=False)
    for name in ("a", "b"):
        np.testing.assert_allclose(model.params[f"offsets1.{name}"], model.params["dense1.bias"] - before, atol=1e-6)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda dx, gradients: (None, gradients), "layer 'offsets1': backprop: expected the gradient by its input, got None"),
        (lambda dx, gradients: (dx, {"a": gradients["a"]}), r"gradient of 'offsets1.b': expected \(3,\), got none"),
        (lambda dx, gradients: (dx, {**gradients, "c": 1}), "gradient of 'offsets1.c': expected none, since"),
        (lambda dx, gradients: (dx, {**gradients, "b": np.zeros(1)}), r"gradient of 'offsets1.b': expected \(3,\), got \(1,\)"),
    ],
)
def test_layers_that_return_wrong_gradients_are_named(broken, message):
    model = network(Flatten(), Dense(3), Offsets(broken))
    before = {name: array.copy() for name, array in model.params.items()}
    with pytest.raises((TypeError, ValueError), match=message):
        stn.fit(model, X, Y, epochs=1, progress=False)
    assert all(np.array_equal(array, before[name]) for name, array in model.params.items())


def test_an_overridden_apply_is_called():
    class Still(Adam):
        def apply(self, params, gradients, state, learning_rates):
            pass

    model = network(Flatten(), Dense(3))
    before = model.params["dense1.weight"].copy()
    stn.fit(model, X, Y, epochs=1, optimizer=Still(), progress=False)
    np.testing.assert_array_equal(model.params["dense1.weight"], before)
