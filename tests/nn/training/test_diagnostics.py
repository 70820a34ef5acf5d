"""Training names the layer that failed: parameters that are not finite, and regions that have left the image."""

import warnings

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import st_fcn
from stn_numba.nn import SGD, Chain, Classifier, Conv2d, Dense, Flatten, NonFiniteError, SpatialTransformer
from stn_numba.nn.schedules import constant
from stn_numba.nn.training.diagnostics import warn_if_outside

RNG = np.random.default_rng(0)
X, Y = RNG.random((96, 12, 12, 1), np.float32), np.arange(96) % 2


def small():
    return st_fcn((12, 12, 1), 2, units=16, localisation_units=8)


def train(model, **options):
    return stn.fit(model, X, Y, **{"epochs": 3, "batch_size": 32, "progress": False, **options})


def test_the_warning_about_regions_outside_samples_no_image(monkeypatch):
    network = Chain(SpatialTransformer(Flatten()), Conv2d(2, 3), Flatten(), Dense(2))
    network.initialize((8, 8, 1), np.random.default_rng(0))
    network.layers["spatialtransformer1"].theta_layer.params["bias"][2] = 9
    monkeypatch.setattr(SpatialTransformer, "sample", None)
    with pytest.warns(RuntimeWarning, match="the sampled region has left the image"):
        assert warn_if_outside(network, np.zeros((4, 8, 8, 1), np.float32))


def test_a_non_finite_loss_names_the_layer():
    model = small()
    model.params["dense2.weight"][0, 0] = np.nan
    with pytest.raises(NonFiniteError, match=r"epoch 1, step 1: parameter 'weight' of layer 'dense2' \(Dense\)"):
        train(model)
    with pytest.raises(NonFiniteError, match="48 of the 48 images of the batch have NaN or infinite pixels"):
        stn.fit(small(), np.full_like(X, np.inf), Y, progress=False)


def test_a_non_finite_localisation_net_is_named():
    model = small()
    model.params["spatialtransformer1.localisation.dense1.bias"][0] = np.inf
    with pytest.raises(NonFiniteError, match=r"parameter 'bias' of layer 'spatialtransformer1.localisation.dense1'"):
        train(model)


def test_a_non_finite_theta_is_named():
    model = small()
    model.params["spatialtransformer1.localisation.theta.bias"][0] = np.nan
    with pytest.raises(NonFiniteError, match=r"parameter 'bias' of layer 'spatialtransformer1.localisation.theta'"):
        train(model)


def test_a_region_that_has_left_the_image_is_named():
    model = small()
    model.params["spatialtransformer1.localisation.theta.bias"][2] = 5
    with pytest.warns(RuntimeWarning, match="layer 'spatialtransformer1': the sampled region has left the image for 100%"):
        train(model, learning_rate=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(small(), learning_rate=0.0)


def test_a_non_finite_last_update_is_reported():
    model = Classifier(Chain(Flatten(), Dense(2)), (12, 12, 1), 2)
    with pytest.raises(NonFiniteError, match="a parameter is not finite in epoch 1, after its last step"):
        train(model, epochs=1, batch_size=96, optimizer=SGD(0.0), learning_rate=1e300, schedule=constant)
