"""State of layers: named, kept by copies, saved, restored and resumed with parameters."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.kernels.runtime import dispatch
from stn_numba.nn import BatchNorm, Chain, Classifier, Conv2d, Dense, Flatten, Layer, ReLU, SpatialTransformer
from stn_numba.nn.layers.container import needs_whole_batch
from stn_numba.nn.training.writable_parameters import ensure_writable
from tests.nn.examples import network
from tests.nn.odd_arrays import read_only

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 6, 6, 1), np.float32), np.arange(40) % 3
NAMES = [
    "spatialtransformer1.localisation.batchnorm1.mean", "spatialtransformer1.localisation.batchnorm1.variance",
    "batchnorm1.mean", "batchnorm1.variance",
]  # fmt: skip


def model(**options):
    look = Chain(Flatten(), Dense(4), BatchNorm(), ReLU())
    layers = SpatialTransformer(look), Conv2d(4, 3), BatchNorm(), ReLU(), Flatten(), Dense(3)
    return Classifier(Chain(*layers), (6, 6, 1), 3, **options)


def train(made, **options):
    return stn.fit(made, X, Y, **{"epochs": 3, "batch_size": 16, "learning_rate": 0.02, "progress": False, **options})


def everything(made):
    return np.concatenate([array.ravel() for kind in (made.network.params, made.network.state) for array in kind.values()])


class Count(Layer):
    """A layer of one's own that counts the images it was trained on."""

    def __init__(self):
        super().__init__()
        self.state = {"images": np.zeros((), np.int64)}

    def forward(self, x, rng=None):
        if rng is not None:
            self.state["images"] += len(x)
        return x, lambda dy, *, input_gradient=True: (dy if input_gradient else None, {})


def test_state_has_dotted_names_and_is_written_in_place():
    made = model()
    assert list(made.network.state) == NAMES
    array = made.network.state["batchnorm1.mean"]
    made.network.state["batchnorm1.mean"] = [1, 2, 3, 4]
    assert array.tolist() == [1, 2, 3, 4]
    with pytest.raises(KeyError, match="state: expected one of"):
        made.network.state["dense1.mean"] = 0
    assert Dense(2).state == {}


def test_training_changes_state_and_prediction_does_not():
    made = model()
    train(made, epochs=1)
    after = everything(made)
    assert not np.array_equal(made.network.state["batchnorm1.mean"], np.zeros(4))
    made.predict(X)
    assert np.array_equal(everything(made), after)


def test_copies_keep_state_of_their_own():
    old = model()
    train(old)
    before = everything(old)
    new = Classifier(Chain(*list(old.network.layers.values())[:-1], Dense(3)), (6, 6, 1), 3, dtype=np.float64)
    for name in NAMES:
        np.testing.assert_array_equal(new.network.state[name], old.network.state[name])
    assert new.network.state[NAMES[0]].dtype == np.float64
    train(new)
    assert np.array_equal(everything(old), before)


def test_a_loaded_model_predicts_the_same(tmp_path):
    pytest.importorskip("safetensors")
    made = model()
    train(made)
    stn.save(made, tmp_path / "model.safetensors")
    loaded = stn.load(tmp_path / "model.safetensors")
    assert np.array_equal(everything(loaded), everything(made))
    assert np.array_equal(loaded.logits(X), made.logits(X))


def test_a_file_cannot_make_more_state_than_it_holds(tmp_path):
    """Before all else, since many such layers would fill the memory."""
    tensors = pytest.importorskip("safetensors.numpy")
    text = '{"format": 1, "dtype": "float32", "input_shape": [4096, 4096, 4], "n_classes": 2, "layers": [%s]}'
    layers = ", ".join(['{"layer": "Flatten"}', *['{"layer": "BatchNorm"}'] * 1000])
    path = tmp_path / "model.safetensors"
    path.write_bytes(tensors.save({"a": np.zeros(3)}, metadata={"stn_numba": text % layers}))
    with pytest.raises(stn.nn.StorageError, match="promises more than the 3 values that the file holds"):
        stn.load(path)


def test_the_best_epoch_comes_back_with_its_state():
    made, seen = model(), []
    history = train(
        made, epochs=6, learning_rate=0.01, learning_rate_multipliers={"localisation": 0.1},
        schedule=lambda progress: 1 if progress < 0.6 else 100,
        validation=(X[:12], Y[:12]), restore_best="validation_loss",
        callbacks=[lambda made, history: seen.append(everything(made))],
    )  # fmt: skip
    losses = history.column("validation_loss")
    best = int(np.argmin(losses))
    assert best < 5, "the last epoch is the best: this tests nothing"
    assert np.array_equal(everything(made), seen[best])
    assert made.evaluate(X[:12], Y[:12])[0] == losses[best]


@pytest.mark.parametrize("restore_best", [None, "loss"])
def test_a_run_that_stopped_resumes_with_the_same_bits(tmp_path, restore_best):
    pytest.importorskip("safetensors")
    options = {"epochs": 3, "restore_best": restore_best}
    uninterrupted = model()
    train(uninterrupted, **options)
    steps = iter(range(5))

    def crash(images, rng):
        next(steps)
        return images

    path = tmp_path / "run.checkpoint"
    with pytest.raises(StopIteration):
        train(model(), augment=crash, checkpoint=path, checkpoint_seconds=0, **options)
    resumed = model()
    train(resumed, augment=lambda images, rng: images, checkpoint=path, **options)
    assert np.array_equal(everything(resumed), everything(uninterrupted))


def test_the_number_of_threads_changes_no_bit():
    results = []
    for count in (1, 2):
        made = model()
        with dispatch.limited(count):
            train(made, batch_size=40)
        results.append(everything(made))
    assert np.array_equal(*results)


def test_layers_of_ones_own_may_have_state(tmp_path):
    pytest.importorskip("safetensors")
    made = network(Count(), Flatten(), Dense(3))
    assert needs_whole_batch(made.network)
    train(made, epochs=2, batch_size=40, checkpoint=tmp_path / "run")
    assert int(made.network.state["count1.images"]) == 80
    again = network(Count(), Flatten(), Dense(3))
    train(again, epochs=2, batch_size=40, checkpoint=tmp_path / "run")
    assert int(again.network.state["count1.images"]) == 80


def test_state_that_cannot_be_written_to_is_copied():
    made = model()
    layer = made.network.layers["batchnorm1"]
    layer.state["mean"] = old = read_only(layer.state["mean"])
    layer.state["variance"] = layer.state["variance"].astype(">f4")
    ensure_writable(made)
    assert layer.state["mean"] is not old
    assert layer.state["mean"].flags.writeable
    assert layer.state["variance"].dtype == np.dtype("=f4")
    train(made)
    assert not old.any()
