"""Training with parameters, gradients and data that are read-only, or lie in memory in an unusual way."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import SGD, Adam, Chain, Classifier, Dense, Flatten, Layer, Muon, StorageError
from stn_numba.nn.layers.container import leaves
from stn_numba.nn.saving.checkpoint_file import read_checkpoint, write_checkpoint
from stn_numba.nn.training.writable_parameters import ensure_writable
from tests.nn.odd_arrays import ODD_ARRAYS, read_only

RNG = np.random.default_rng(0)
X, Y = RNG.random((48, 28, 28, 1), np.float32), np.arange(48) % 3


class Descent:
    """A custom optimizer."""

    def init(self, params):
        return {}

    def apply(self, params, gradients, state, learning_rates):
        for name, gradient in gradients.items():
            params[name] -= learning_rates[name] * gradient


class AssigningDescent(Descent):
    def apply(self, params, gradients, state, learning_rates):
        for name, gradient in gradients.items():
            params[name] = params[name] - learning_rates[name] * gradient


def model_of(change=lambda array: array):
    model = stn.models.st_cnn((28, 28, 1), 3, filters=4, localisation_filters=4)
    for _, layer in leaves(model.network):
        for key in list(layer.params):
            layer.params[key] = change(layer.params[key])
    return model


def weights(model):
    return np.concatenate([array.ravel() for array in model.params.values()])


def train(model, **options):
    options = {"epochs": 2, "batch_size": 32, "weight_decay": 0.1, "clip_norm": 1.0, "restore_best": "loss", **options}
    return stn.fit(model, X, Y, progress=False, **options)


@pytest.mark.parametrize("kind", ODD_ARRAYS)
@pytest.mark.parametrize(
    "optimizer",
    [Adam(), SGD(), SGD(0.0), SGD(0.5, nesterov=True), Muon(), Descent(), AssigningDescent()],
    ids=lambda one: repr(one)[:30],
)
def test_odd_arrays_train_to_the_same_bits_and_are_not_changed(optimizer, kind):
    usual, odd = model_of(), model_of(ODD_ARRAYS[kind])
    given = [layer.params[key] for _, layer in leaves(odd.network) for key in layer.params]
    given = [array for array in given if kind != "in Fortran's order" or array.ndim > 1]
    before = [np.array(array) for array in given]
    train(usual, optimizer=optimizer)
    train(odd, optimizer=optimizer)
    assert np.array_equal(weights(odd), weights(usual))
    assert all(np.array_equal(array, old) for array, old in zip(given, before, strict=True))


def test_ordinary_arrays_are_trained_in_place():
    model = model_of()
    arrays = dict(model.params)
    train(model)
    assert all(model.params[name] is array for name, array in arrays.items())


def test_a_callback_may_replace_parameters_by_read_only_arrays():
    def freeze(model, history):
        for _, layer in leaves(model.network):
            for key in layer.params:
                layer.params[key] = read_only(layer.params[key].copy())

    usual, odd = model_of(), model_of()
    train(usual)
    train(odd, callbacks=[freeze])
    assert np.array_equal(weights(odd), weights(usual))


def test_a_checkpoint_resumes_in_a_model_of_read_only_arrays(tmp_path):
    def cut(model, history):
        raise KeyboardInterrupt

    usual, odd = model_of(), model_of(read_only)
    train(usual)
    with pytest.raises(KeyboardInterrupt):
        train(model_of(), checkpoint=tmp_path / "run", callbacks=[cut])
    train(odd, checkpoint=tmp_path / "run")
    assert np.array_equal(weights(odd), weights(usual))


def test_a_refused_checkpoint_changes_nothing(tmp_path):
    train(model_of(), checkpoint=tmp_path / "run")
    state = read_checkpoint(tmp_path / "run")
    write_checkpoint(tmp_path / "run", {**state, "learning_rate": "fast"})
    model = model_of()
    before = weights(model)
    with pytest.raises(StorageError, match="rate"):
        train(model, checkpoint=tmp_path / "run")
    assert np.array_equal(weights(model), before)


class Locked(Layer):
    """A custom layer whose `params` is a new dict each time."""

    @property
    def params(self):
        return {"factor": self.factor}

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.factor = np.ones(input_shape, dtype)
        return input_shape

    def forward(self, x, rng=None):
        return x * self.factor, lambda dy, *, input_gradient=True: (dy * self.factor, {"factor": (dy * x).sum(axis=0)})


def test_a_layer_whose_array_cannot_be_replaced_is_named():
    layer = Locked()
    model = Classifier(Chain(Flatten(), Dense(3), layer), (28, 28, 1), 3)
    train(model)
    read_only(layer.factor)
    with pytest.raises(ValueError, match="parameter 'locked1.factor': expected a writable array .* Locked does not let"):
        train(model)


def test_parameters_that_are_not_real_are_named():
    model = Classifier(Chain(Flatten(), Dense(3)), (28, 28, 1), 3)
    model.network.layers["dense1"].params["bias"] = np.zeros(3, complex)
    with pytest.raises(TypeError, match="parameter 'dense1.bias': expected real numbers, got dtype complex128"):
        ensure_writable(model)


class Scale(Layer):
    """Returns gradients of the kind that `change` makes."""

    change = staticmethod(lambda array: array)

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.params = {"factor": np.ones(input_shape, dtype)}
        return input_shape

    def forward(self, x, rng=None):
        factor = self.params["factor"]

        def backprop(dy, *, input_gradient=True):
            return dy * factor, {"factor": self.change((dy * x).sum(axis=0))}

        return x * factor, backprop


@pytest.mark.parametrize("kind", sorted(set(ODD_ARRAYS) - {"a list"}))
@pytest.mark.parametrize("optimizer", [Adam(), Muon()])
def test_layers_may_return_odd_gradients(optimizer, kind):
    results = []
    for change in (lambda array: array, ODD_ARRAYS[kind]):
        layer = Scale()
        layer.change = change
        model = Classifier(Chain(Flatten(), Dense(3), layer), (28, 28, 1), 3)
        stn.fit(model, X[:20], Y[:20], epochs=2, optimizer=optimizer, progress=False)
        results.append(weights(model))
    assert np.array_equal(*results)


def test_assigned_parameters_are_written_and_returned_ones_are_refused():
    class Pure(Descent):
        def apply(self, params, gradients, state, learning_rates):
            return {name: array - gradients[name] for name, array in params.items()}, state

    models = model_of(), model_of()
    for model, optimizer in zip(models, (Descent(), AssigningDescent()), strict=True):
        train(model, optimizer=optimizer)
    assert np.array_equal(*map(weights, models))
    with pytest.raises(TypeError, match="optimizer.apply: expected to change params and state in place, got a tuple"):
        train(model_of(), optimizer=Pure())


@pytest.mark.parametrize("kind", sorted(set(ODD_ARRAYS) - {"a list", "float64"}))
def test_images_and_labels_are_not_changed(kind):
    class Batches:
        def __len__(self):
            return 1

        def __call__(self, rng):
            yield ODD_ARRAYS[kind](X.copy()), read_only(Y.astype(">i8"))

    usual, arrays, stream = model_of(), model_of(), model_of()
    train(usual, batch_size=48)
    stn.fit(usual, X, Y, epochs=1, progress=False, augment=halved)
    images = ODD_ARRAYS[kind](X.copy())
    train(arrays, batch_size=48)
    stn.fit(arrays, images, read_only(Y.astype(">i8")), epochs=1, progress=False, augment=halved)
    stn.fit(stream, Batches(), epochs=1, progress=False, augment=halved)
    assert np.array_equal(weights(arrays), weights(usual))
    assert np.array_equal(images, X)
    assert np.array_equal(arrays.predict_proba(images), usual.predict_proba(X))
    assert arrays.evaluate(images, read_only(Y.copy())) == usual.evaluate(X, Y)


def halved(images, rng):
    images *= 0.5
    return images
