"""A fixed scale of pixels, which is saved with a model."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import nn


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_scale_and_its_gradient(dtype):
    x = np.array([[0, 51, 255]], dtype)
    y, backprop = nn.Rescale(2 / 255, -1).forward(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, [[-1, -0.6, 1]], rtol=1e-6)
    np.testing.assert_allclose(backprop(np.ones_like(x))[0], 2 / 255, rtol=1e-6)
    assert backprop(np.ones_like(x), input_gradient=False) == (None, {})
    np.testing.assert_array_equal(x, [[0, 51, 255]])


def test_bytes_train_predict_and_save_as_floats_from_0_to_1(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (64, 10, 10, 1), np.uint8), rng.integers(0, 3, 64)
    plain = stn.models.st_fcn((10, 10, 1), 3, units=8)
    bytes_model = stn.nn.rescaled(plain)
    stn.fit(plain, X / np.float32(255), y, epochs=2, progress=False)
    stn.fit(bytes_model, X, y, epochs=2, progress=False)
    np.testing.assert_allclose(bytes_model.logits(X), plain.logits(X / np.float32(255)), atol=1e-5)
    stn.save(bytes_model, tmp_path / "m.safetensors")
    loaded = stn.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.logits(X), bytes_model.logits(X))
    assert loaded.network.layers["rescale1"].scale == 1 / 255


def test_options_are_checked_and_fixed():
    with pytest.raises(ValueError, match="scale: expected a number other than 0, got 0"):
        nn.Rescale(0)
    with pytest.raises(ValueError, match="offset: expected a number"):
        nn.Rescale(1, np.inf)
    layer = nn.Rescale(0.5, 1)
    assert repr(layer) == "Rescale(scale=0.5, offset=1.0)"
    with pytest.raises(AttributeError, match="options are fixed"):
        layer.scale = 1


def test_other_models_and_options_are_refused():
    with pytest.raises(TypeError, match="model: expected a Classifier, got Chain"):
        nn.rescaled(nn.Chain())
    with pytest.raises(ValueError, match="classes: "):
        nn.rescaled(stn.models.fcn((6, 6, 1), 3, units=4), classes=["a"])
