"""Models over Dask arrays: the answers of the model itself, and one copy of it in a process."""

import pickle
import threading

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import nn

da = pytest.importorskip("dask.array", reason="Dask is not installed")
import stn_numba.dask  # noqa: E402
from stn_numba.dask.models import SharedModel  # noqa: E402
from stn_numba.threads import get_num_threads  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return stn.models.st_fcn(input_shape=(12, 12, 1), n_classes=3)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((11, 12, 12, 1), np.float32)


def test_predictions_are_those_of_the_model(model, images):
    lazy = stn_numba.dask.predict(model, da.from_array(images, chunks=(4, 5, 12, 1)))
    assert lazy.chunks == ((4, 4, 3),)
    expected = np.concatenate([model.predict(images[k : k + 4]) for k in (0, 4, 8)])
    found = lazy.compute()
    assert found.dtype == lazy.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_transform_is_that_of_the_model(model, images):
    lazy = stn_numba.dask.transform(model, da.from_array(images, chunks=(4, 12, 12, 1)))
    expected = np.concatenate([model.transform(images[k : k + 4]) for k in (0, 4, 8)])
    assert lazy.shape == expected.shape
    np.testing.assert_array_equal(lazy.compute(scheduler="threads", num_workers=3), expected)


def test_images_without_channels_and_no_images(model, images):
    gray = images[..., 0]
    np.testing.assert_array_equal(stn_numba.dask.predict(model, gray).compute(), model.predict(gray))
    assert stn_numba.dask.predict(model, gray[:0]).compute().shape == (0,)


def test_several_heads_give_a_dict():
    heads = nn.Heads(digit=nn.Dense(4), place=nn.Dense(2))
    model = nn.MultiHead(nn.Chain(nn.Flatten(), heads), (6, 6, 1), losses={"digit": "cross_entropy", "place": "huber"})
    images = np.random.default_rng(0).random((5, 6, 6), np.float32)
    found = stn_numba.dask.predict(model, da.from_array(images, chunks=(2, 6, 6)))
    expected = model.predict(images)
    assert found.keys() == expected.keys()
    for name, array in found.items():
        np.testing.assert_allclose(array.compute(), expected[name], rtol=1e-5)


def test_training_further_does_not_change_a_lazy_result(images):
    model = stn.models.st_fcn(input_shape=(12, 12, 1), n_classes=3)
    lazy, before = stn_numba.dask.predict(model, images), model.predict(images)
    for array in model.params.values():
        array[...] = np.random.default_rng(1).standard_normal(array.shape)
    assert (model.predict(images) != before).any()
    np.testing.assert_array_equal(lazy.compute(), before)


def test_a_process_has_one_copy_of_a_model(model):
    data = pickle.dumps(model)
    shared = SharedModel.of(data)
    assert pickle.loads(pickle.dumps(shared)) is shared
    assert SharedModel.of(data) is shared
    other = stn.models.st_fcn(input_shape=(12, 12, 1), n_classes=3, seed=5)
    assert SharedModel.of(pickle.dumps(other)) is not shared


def test_tasks_use_the_threads_that_they_are_given(model, images, monkeypatch):
    seen = []

    def predict(self, X):
        seen.append((get_num_threads(), threading.get_ident()))
        return np.zeros(len(X), np.int64)

    monkeypatch.setattr(type(model), "predict", predict)
    lazy = stn_numba.dask.predict(model, images)
    seen.clear()
    lazy.compute()
    assert [number for number, _ in seen] == [1]


def test_errors_name_the_argument(model, images):
    with pytest.raises(TypeError, match="model: expected a Model, got str"):
        stn_numba.dask.predict("model", images)
    with pytest.raises(ValueError, match="X"):
        stn_numba.dask.predict(model, images[:, :5])
    with pytest.raises(ValueError, match="transformer"):
        stn_numba.dask.transform(model, images, transformer="another")
