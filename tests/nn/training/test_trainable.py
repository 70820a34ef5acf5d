"""Parameters, states, gradients and data that cannot be written to, or lie in memory in an odd way."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import SGD, Adam, Chain, Classifier, Dense, Flatten, Layer, Muon, StorageError
from stn_numba.nn.layers.container import leaves
from stn_numba.nn.optimizers.clipping import clip_by_global_norm
from stn_numba.nn.training.writable_parameters import ensure_writable

RNG = np.random.default_rng(0)
X, Y = RNG.random((48, 28, 28, 1), np.float32), np.arange(48) % 3


class Descent:
    """An optimizer of somebody's own."""

    def init(self, params):
        return {}

    def apply(self, params, gradients, state, learning_rates):
        for name, gradient in gradients.items():
            params[name] -= learning_rates[name] * gradient


class AssigningDescent(Descent):
    def apply(self, params, gradients, state, learning_rates):
        for name, gradient in gradients.items():
            params[name] = params[name] - learning_rates[name] * gradient


def read_only(array):
    array.flags.writeable = False
    return array


def with_gaps(array):
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def unaligned(array):
    result = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    result[...] = array
    return result


ODD = {
    "read-only": read_only,
    "with gaps": with_gaps,
    "in Fortran's order": np.asfortranarray,
    "unaligned": unaligned,
    "big-endian": lambda array: array.astype(">f4"),
    "float64": lambda array: array.astype(np.float64),
    "a list": lambda array: array.tolist(),
}


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


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize(
    "rule",
    [Adam(), SGD(), SGD(0.0), SGD(0.5, nesterov=True), Muon(), Descent(), AssigningDescent()],
    ids=lambda r: repr(r)[:30],
)
def test_training_gives_the_same_bits_and_leaves_what_it_was_given_alone(rule, kind):
    usual, odd = model_of(), model_of(ODD[kind])
    given = [layer.params[key] for _, layer in leaves(odd.network) for key in layer.params]
    given = [array for array in given if kind != "in Fortran's order" or array.ndim > 1]
    before = [np.array(array) for array in given]
    train(usual, optimizer=rule)
    train(odd, optimizer=rule)
    assert np.array_equal(weights(odd), weights(usual))
    assert all(np.array_equal(array, old) for array, old in zip(given, before, strict=True))


def test_arrays_that_can_be_trained_are_trained_in_place():
    model = model_of()
    arrays = dict(model.params)
    train(model)
    assert all(model.params[name] is array for name, array in arrays.items())


def test_a_callback_may_put_read_only_arrays_in():
    def freeze(model, history):
        for _, layer in leaves(model.network):
            for key in layer.params:
                layer.params[key] = read_only(layer.params[key].copy())

    usual, odd = model_of(), model_of()
    train(usual)
    train(odd, callbacks=[freeze])
    assert np.array_equal(weights(odd), weights(usual))


def test_a_checkpoint_goes_on_in_a_model_of_read_only_arrays(tmp_path):
    def cut(model, history):
        raise KeyboardInterrupt

    usual, odd = model_of(), model_of(read_only)
    train(usual)
    with pytest.raises(KeyboardInterrupt):
        train(model_of(), checkpoint=tmp_path / "run", callbacks=[cut])
    train(odd, checkpoint=tmp_path / "run")
    assert np.array_equal(weights(odd), weights(usual))


def test_a_checkpoint_that_is_refused_changes_nothing(tmp_path):
    from stn_numba.nn.saving.checkpoint_file import read_checkpoint, write_checkpoint

    train(model_of(), checkpoint=tmp_path / "run")
    state = read_checkpoint(tmp_path / "run")
    write_checkpoint(tmp_path / "run", {**state, "learning_rate": "fast"})
    model, history = model_of(), None
    before = weights(model)
    with pytest.raises(StorageError, match="rate"):
        history = train(model, checkpoint=tmp_path / "run")
    assert history is None
    assert np.array_equal(weights(model), before)


class Locked(Layer):
    """A layer of somebody's own that hands out a new dict each time."""

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


def test_parameters_that_are_no_real_numbers_are_named():
    model = Classifier(Chain(Flatten(), Dense(3)), (28, 28, 1), 3)
    model.network.layers["dense1"].params["bias"] = np.zeros(3, complex)
    with pytest.raises(TypeError, match="parameter 'dense1.bias': expected real numbers, got dtype complex128"):
        ensure_writable(model)


@pytest.mark.parametrize("rule", [Adam(), SGD(), SGD(0.0), SGD(0.5, nesterov=True)])
@pytest.mark.parametrize("kind", ["read-only", "with gaps", "big-endian", "in Fortran's order", "unaligned"])
@pytest.mark.parametrize("where", ["params", "state"])
def test_apply_refuses_by_name_before_anything_is_written(rule, kind, where):
    params = {name: RNG.random((4, 4), np.float32) for name in "abc"}
    gradients, rates = {name: np.ones((4, 4), np.float32) for name in "abc"}, dict.fromkeys("abc", 0.1)
    state = rule.init(params)
    rule.apply(params, gradients, state, rates)
    part = next(name for name, value in state.items() if isinstance(value, dict))
    (params if where == "params" else state[part])["c"] = ODD[kind](params["c"].copy())
    before = {name: array.copy() for name, array in params.items()}, repr(state)
    with pytest.raises(ValueError, match=rf"^{where}.*\['c'\]: expected .*, got"):
        rule.apply(params, gradients, state, rates)
    assert all(np.array_equal(array, before[0][name]) for name, array in params.items())
    assert repr(state) == before[1]


@pytest.mark.parametrize("rule", [Adam(), SGD()])
def test_apply_names_what_is_missing(rule):
    params, gradients = {"a": np.ones(2, np.float32)}, {"a": np.ones(2, np.float32)}
    state = rule.init(params)
    with pytest.raises(ValueError, match=r"rates\['a'\]: expected a rate"):
        rule.apply(params, gradients, state, {})
    with pytest.raises(ValueError, match=r"params\['a'\]: expected an array, since there is a gradient of that name; got none"):
        rule.apply({}, gradients, state, {"a": 1.0})
    with pytest.raises(
        ValueError, match=r"params\['a'\]: expected float32 or float64 \(3,\), as its gradient, got float32 \(2,\)"
    ):
        rule.apply(params, {"a": np.ones(3, np.float32)}, state, {"a": 1.0})
    assert params["a"].tolist() == [1, 1]


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("rule", [Adam(), SGD()])
def test_gradients_are_only_read(rule, kind):
    results = []
    for change in (lambda array: array, ODD[kind]):
        params, gradient = {"a": np.ones((4, 4), np.float32)}, np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)
        rule.apply(params, {"a": change(gradient)}, rule.init(params), {"a": 0.1})
        results.append(params["a"])
    assert np.array_equal(*results)
    assert clip_by_global_norm({"a": read_only(np.array([6.0, 8.0]))}, 5.0)["a"].tolist() == [3, 4]


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


@pytest.mark.parametrize("kind", sorted(set(ODD) - {"a list"}))
@pytest.mark.parametrize("rule", [Adam(), Muon()])
def test_layers_may_return_gradients_of_any_kind(rule, kind):
    results = []
    for change in (lambda array: array, ODD[kind]):
        layer = Scale()
        layer.change = change
        model = Classifier(Chain(Flatten(), Dense(3), layer), (28, 28, 1), 3)
        stn.fit(model, X[:20], Y[:20], epochs=2, optimizer=rule, progress=False)
        results.append(weights(model))
    assert np.array_equal(*results)


def test_arrays_that_an_optimizer_assigns_are_written_and_what_it_returns_is_refused():
    class Pure(Descent):
        def apply(self, params, gradients, state, learning_rates):
            return {name: array - gradients[name] for name, array in params.items()}, state

    models = model_of(), model_of()
    for model, optimizer in zip(models, (Descent(), AssigningDescent()), strict=True):
        train(model, optimizer=optimizer)
    assert np.array_equal(*map(weights, models))
    with pytest.raises(TypeError, match="optimizer.apply: expected to change params and state in place, got a tuple"):
        train(model_of(), optimizer=Pure())


@pytest.mark.parametrize("kind", sorted(set(ODD) - {"a list", "float64"}))
def test_images_and_labels_are_only_read(kind):
    class Batches:
        def __len__(self):
            return 1

        def __call__(self, rng):
            yield ODD[kind](X.copy()), read_only(Y.astype(">i8"))

    usual, arrays, stream = model_of(), model_of(), model_of()
    train(usual, batch_size=48)
    stn.fit(usual, X, Y, epochs=1, progress=False, augment=halved)
    images = ODD[kind](X.copy())
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


def test_values_by_name_are_written_all_or_none():
    model = Classifier(Chain(Flatten(), Dense(3)), (28, 28, 1), 3)
    before = model.params["dense1.weight"].copy()
    read_only(model.params["dense1.bias"])
    with pytest.raises(ValueError, match=r"params\['dense1.bias'\]: expected an array that can be written to"):
        model.params.update({"dense1.weight": before + 1, "dense1.bias": np.zeros(3)})
    with pytest.raises(TypeError, match=r"params\['dense1.weight'\]: expected real numbers, got dtype"):
        model.params["dense1.weight"] = np.full((784, 3), "a")
    assert np.array_equal(model.params["dense1.weight"], before)
