import numpy as np
import pytest

from stn_numba import models
from stn_numba.nn import Center, Chain, Classifier, Dense, Flatten, fit


def test_the_mean_of_each_image_is_subtracted():
    x = np.random.default_rng(0).random((3, 4, 5, 2)) + np.arange(3).reshape(3, 1, 1, 1)
    np.testing.assert_allclose(Center().forward(x)[0], x - x.mean(axis=(1, 2, 3), keepdims=True), atol=1e-12)


def test_no_images():
    assert Center().forward(np.zeros((0, 4, 4, 1)))[0].shape == (0, 4, 4, 1)


def test_a_model_does_not_see_brightness():
    model = Classifier(Chain(Center(), Flatten(), Dense(3)), (4, 4, 1), 3)
    X = np.random.default_rng(0).random((5, 4, 4, 1), np.float32)
    np.testing.assert_allclose(model.logits(X), model.logits(X + 100), atol=1e-4)


@pytest.mark.parametrize("make", [models.fcn, models.cnn, models.st_fcn, models.st_cnn])
def test_ready_made_networks_have_it_unless_told_otherwise(make):
    assert "Center" in repr(make().network)
    assert "Center" not in repr(make(center=False).network)


def test_bright_images_do_not_switch_units_off_for_good():
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    X = (0.9 + 0.02 * rng.standard_normal((300, 16, 16, 3)) + 0.1 * (y == 1)[:, None, None, None]).astype(np.float32)
    X[y == 2, 4:8, 4:8] -= 0.3
    X[y == 1, 8:12, 8:12] -= 0.3
    model = models.fcn((16, 16, 3), 3)
    fit(model, X, y, epochs=10, progress=False)
    assert model.evaluate(X, y)[0] < 0.1  # 0.5 without the layer
