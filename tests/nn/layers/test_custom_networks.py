"""Networks put together by hand: what is refused, and what parameters are."""

import copy
import pickle

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import (
    SGD,
    Adam,
    Chain,
    Classifier,
    Conv2d,
    Dense,
    Dropout,
    EarlyStopping,
    Flatten,
    Layer,
    Parallel,
    ReLU,
    SpatialTransformer,
)

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 6, 6, 1), np.float32), np.arange(40) % 3


def network(*layers):
    return Classifier(Chain(*layers), (6, 6, 1), 3)


def look():
    return Chain(Flatten(), Dense(4), ReLU())


class Scale(Layer):
    """A layer of somebody's own: one number that multiplies."""

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.params = {"factor": np.ones(1, dtype)}
        return input_shape

    def forward(self, x, rng=None):
        factor = self.params["factor"]

        def backprop(dy, *, input_gradient=True):
            return dy * factor if input_gradient else None, {"factor": np.array([(dy * x).sum()], x.dtype)}

        return x * factor, backprop


class Sign:
    """An optimizer of somebody's own, which makes its state when it first needs it."""

    def init(self, params):
        return {}

    def apply(self, params, gradients, state, learning_rates):
        state.update(count=state.get("count", np.int64(0)) + 1, last=dict(gradients))
        for name, gradient in gradients.items():
            params[name] -= learning_rates[name] * np.sign(gradient)


def test_layers_transforms_and_optimizers_of_ones_own_train_and_resume(tmp_path):
    def model():
        transformer = SpatialTransformer(look(), stn.get_transform("affine"))
        return network(transformer, Scale(), Flatten(), Dense(3))

    options = {"optimizer": Sign(), "progress": False, "batch_size": 20, "learning_rate": np.float32(1e-3)}
    calm, cut = model(), model()
    stn.fit(calm, X, Y, epochs=np.int64(2), **options)

    def stop(model, history):
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        stn.fit(cut, X, Y, epochs=2, checkpoint=tmp_path / "run", checkpoint_seconds=0, callbacks=[stop], **options)
    stn.fit(cut, X, Y, epochs=2, checkpoint=tmp_path / "run", **options | {"optimizer": Sign()})
    assert calm.params["scale1.factor"] != 1
    for name, array in calm.params.items():
        assert np.array_equal(array, cut.params[name]), name


def test_a_layer_with_parameters_has_one_place():
    twice, shared = Dense(3), look()
    with pytest.raises(ValueError, match="the same Dense stands at dense1 and dense2"):
        network(Flatten(), twice, twice)
    pair = Parallel(SpatialTransformer(shared), SpatialTransformer(shared))
    with pytest.raises(ValueError, match=r"spatialtransformer1\.localisation\.dense1 and .*transformer2\.localisation\.dense1"):
        network(pair, Flatten(), Dense(3))
    rectifier = ReLU()
    network(Flatten(), Dense(3), rectifier, Dense(3), rectifier)  # has none


def test_parameters_are_those_that_are_used():
    dense = Dense(3)
    first = network(Flatten(), dense)
    assert first.params["dense1.weight"] is dense.params["weight"]
    first.params["dense1.weight"] = np.full((36, 3), 2.0)
    first.params["dense1.weight"] += 1
    first.params.update({"dense1.bias": [1, 2, 3]})
    assert (dense.params["weight"] == 3).all()
    assert dense.params["bias"].tolist() == [1, 2, 3]
    assert type(copy.deepcopy(first.params)) is dict
    with pytest.raises(ValueError, match=r"params\['dense1.bias'\]: expected \(3,\), got \(\)"):
        first.params["dense1.bias"] = 0
    with pytest.raises(KeyError, match="params: expected one of dense1.weight, dense1.bias, got 'bias'"):
        first.params.update(bias=np.zeros(3))


def test_an_empty_chain_is_a_way_around(tmp_path):
    model = network(SpatialTransformer(look()), Parallel(Chain(), Conv2d(2, 3, padding=1)), Flatten(), Dense(3))
    stn.fit(model, X, Y, epochs=1, progress=False)
    stn.save(model, tmp_path / "model")
    assert np.array_equal(stn.load(tmp_path / "model").logits(X), model.logits(X))


def test_a_network_can_be_pickled_before_and_after_training():
    model = network(SpatialTransformer(look()), Flatten(), Dense(3))
    for _ in range(2):
        again = pickle.loads(pickle.dumps(model))
        assert np.array_equal(again.logits(X), model.logits(X))
        stn.fit(again, X, Y, epochs=1, progress=False)
        model = again


def test_dropout_without_a_generator_is_the_input_itself():
    assert Dropout(0.5).forward(X)[0] is X


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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Chain([Flatten(), Dense(3)]), "layer 1: expected a layer, got list"),
        (lambda: Chain(Flatten, Dense(3)), "layer 1: expected a layer, got the class Flatten itself"),
        (lambda: Parallel(Dense(3), None), "layer 2: expected a layer, got NoneType"),
        (lambda: SpatialTransformer("affine"), "localisation: expected a layer, got str"),
        (lambda: SpatialTransformer(look(), 3), "transform: expected a registered name or a Transform, got int"),
        (lambda: SpatialTransformer(look(), padding="foo"), "padding: expected one of zeros, .*, got 'foo'"),
        (
            lambda: SpatialTransformer(look(), stn.get_transform("affine"), options={"n": 3}),
            "options: expected none with",
        ),
        (lambda: Dropout("a"), r"rate: expected a number in \[0, 1\), got 'a'"),
        (lambda: Conv2d(3, 3, padding=-1), "padding: expected at least 0, got -1"),
        (lambda: Dense(3).forward(X.reshape(40, -1)), "Dense: it has no weight yet: call initialize"),
        (lambda: Conv2d(3, 3).forward(X), "Conv2d: it has no weight yet: call initialize"),
        (lambda: look().forward(X), "Dense: it has no weight yet: call initialize"),
        (lambda: Classifier(None, (6, 6, 1), 3), "network: expected a Chain of layers, got NoneType"),
        (lambda: Classifier(Parallel(Flatten()), (6, 6, 1), 36), "network: expected a Chain of layers, got Parallel"),
        (lambda: Classifier(look(), (6, 6, 1), 4, dtype=np.float16), "dtype: expected float32 or float64, got float16"),
        (lambda: Classifier(look(), (6, 6, 1), 4, dtype=">f4"), "dtype: expected float32 or float64, got >f4"),
        (lambda: Classifier(look(), (6, 6, 1), 4).predict(X[0]), r"X: expected \(N, 6, 6, 1\), got \(6, 6, 1\)"),
        (lambda: Classifier(look(), (6, 6, 1), 4).evaluate(X, Y[:3]), r"y: expected \(40,\) whole numbers, got int64 \(3,\)"),
        (lambda: stn.fit(Classifier(look(), (6, 6, 1), 4), X, Y, optimizer=Adam), "got the class Adam itself"),
        (lambda: stn.fit(Classifier(look(), (6, 6, 1), 4), X, Y, optimizer="adam"), r"optimizer: .* as `Adam\(\)`, got 'adam'"),
        (
            lambda: stn.fit(Classifier(look(), (6, 6, 1), 4), X, Y, callbacks=[EarlyStopping]),
            r"callbacks\[0\]: expected an instance, got the class EarlyStopping itself",
        ),
        (lambda: stn.models.fcn(downsample=0), "downsample: expected at least 1, got 0"),
    ],
)
def test_slips_are_named(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


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


def test_gradients_that_share_memory_are_left_as_they_are():
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
def test_layers_that_answer_too_little_are_named(broken, message):
    model = network(Flatten(), Dense(3), Offsets(broken))
    before = {name: array.copy() for name, array in model.params.items()}
    with pytest.raises((TypeError, ValueError), match=message):
        stn.fit(model, X, Y, epochs=1, progress=False)
    assert all(np.array_equal(array, before[name]) for name, array in model.params.items())


def test_a_layer_put_in_the_place_of_another_is_used():
    model = network(Flatten(), Dense(4), ReLU(), Dense(3))
    model.predict(X)
    head = Dense(3)
    head.initialize((4,), np.random.default_rng(5))
    model.network.layers["dense2"] = head
    head.params["weight"][:], head.params["bias"][:] = 0, [1, 2, 3]
    np.testing.assert_array_equal(model.logits(X), np.tile(np.float32([1, 2, 3]), (40, 1)))


def test_the_apply_of_a_subclass_is_called():
    class Still(Adam):
        def apply(self, params, gradients, state, learning_rates):
            pass

    model = network(Flatten(), Dense(3))
    before = model.params["dense1.weight"].copy()
    stn.fit(model, X, Y, epochs=1, optimizer=Still(), progress=False)
    np.testing.assert_array_equal(model.params["dense1.weight"], before)
