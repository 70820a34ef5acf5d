"""The regressor."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from stn_numba.sklearn import SpatialTransformerRegressor

RNG = np.random.default_rng(0)
PLACES = RNG.uniform(2, 9, (200, 2))
ROWS, COLUMNS = np.mgrid[:12, :12]
IMAGES = np.exp(-((COLUMNS - PLACES[:, :1, None]) ** 2 + (ROWS - PLACES[:, 1:, None]) ** 2) / 2).astype(np.float32)


def quick(**options):
    return SpatialTransformerRegressor("translation", **{"epochs": 3, "random_state": 0, **options})


def test_places_of_spots_are_measured():
    model = SpatialTransformerRegressor("translation", random_state=0).fit(IMAGES[:150], PLACES[:150])
    assert model.score(IMAGES[150:], PLACES[150:]) > 0.95
    assert model.predict(IMAGES).shape == (200, 2)


@pytest.mark.parametrize("loss", ["mean_squared_error", "huber"])
def test_targets_may_have_any_scale(loss):
    y = PLACES[:, 0]
    model, scaled = quick(loss=loss).fit(IMAGES, y), quick(loss=loss).fit(IMAGES, 2048 * y + 65536)
    assert scaled.target_mean_ == pytest.approx([2048 * y.mean() + 65536])
    assert scaled.target_scale_ == pytest.approx([2048 * y.std()])
    X = IMAGES.astype(np.float64)
    np.testing.assert_allclose((scaled.predict(X) - 65536) / 2048, model.predict(X), rtol=1e-3)


def test_predictions_have_the_axes_of_the_targets():
    assert quick().fit(IMAGES, PLACES[:, 0]).predict(IMAGES).shape == (200,)
    assert quick().fit(IMAGES, PLACES[:, :1]).predict(IMAGES).shape == (200, 1)
    assert quick().fit(IMAGES, PLACES).predict(IMAGES).dtype == np.float32


def test_constant_targets_are_learned():
    model = quick().fit(IMAGES, np.full(200, 7.0))
    assert model.target_scale_ == 1
    np.testing.assert_allclose(model.predict(IMAGES), 7, atol=1)


def test_weights_are_repetitions():
    weights = RNG.integers(0, 4, 200)
    weighted = quick().fit(IMAGES, PLACES, sample_weight=weights)
    repeated = quick().fit(IMAGES.repeat(weights, axis=0), PLACES.repeat(weights, axis=0))
    assert np.array_equal(weighted.predict(IMAGES), repeated.predict(IMAGES))
    np.testing.assert_allclose(weighted.target_mean_, np.average(PLACES, axis=0, weights=weights))


def test_partial_fit_continues():
    model = quick().partial_fit(IMAGES[:100], PLACES[:100])
    mean = model.target_mean_.copy()
    for _ in range(30):
        model.partial_fit(IMAGES[100:], PLACES[100:])
    assert np.array_equal(model.target_mean_, mean)
    assert model.n_iter_ == 31
    assert model.score(IMAGES, PLACES) > 0.8
    with pytest.raises(ValueError, match=r"y: expected 2 targets an image, as in earlier calls, got \(200, 1\)"):
        model.partial_fit(IMAGES, PLACES[:, 0])


def test_clone_and_pickle():
    model = quick(early_stopping=True).fit(IMAGES, PLACES)
    assert None not in model.history_.column("validation_loss")
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(IMAGES), model.predict(IMAGES))
    assert np.array_equal(clone(model).fit(IMAGES, PLACES).predict(IMAGES), model.predict(IMAGES))
    assert model.theta(IMAGES).shape == (200, 2)
    assert model.warped(IMAGES).shape == (200, 12, 12, 1)


def test_bad_losses_are_refused():
    with pytest.raises(ValueError, match="loss: expected one of"):
        quick(loss="hubert").fit(IMAGES, PLACES)
