"""Parameters in the place of those that a network chooses."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Chain, Classifier, Conv2d, Dense, Flatten, Parallel, SpatialTransformer
from stn_numba.notebook.chosen_theta import ChosenTheta

X = np.random.default_rng(0).random((3, 9, 12, 2), np.float32)


def look():
    return SpatialTransformer(Chain(Flatten(), Dense(4)), "affine", (6, 7))


NETWORKS = {
    "alone": lambda: [look()],
    "after another": lambda: [look(), look()],
    "side by side": lambda: [Parallel(look(), look())],
    "of feature maps": lambda: [Conv2d(3, 3), look()],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_rest_of_the_network_is_as_before(name):
    model = Classifier(Chain(*NETWORKS[name](), Flatten(), Dense(4)), (9, 12, 2), 4)
    last = len(model.transformers) - 1
    theta = np.float32([0.5, 0.1, 0.2, -0.3, 0.6, 0.1])
    outputs, view = ChosenTheta(model, last)(X, theta)
    model.transformers[last].theta_layer.params["weight"][:] = 0
    model.transformers[last].theta_layer.params["bias"][:] = theta
    np.testing.assert_array_equal(outputs, model.outputs(X))
    np.testing.assert_array_equal(view, model.transform(X, transformer=last))
    if name == "alone":
        np.testing.assert_allclose(view, stn.warp(X, theta, shape=(6, 7)), atol=1e-6)


def test_the_model_stays_as_it_is():
    model = stn.models.st_cnn((28, 28, 1))
    model.params["spatialtransformer1.localisation.theta.weight"] += 0.01
    before = {name: array.copy() for name, array in model.params.items()}
    ChosenTheta(model, 0)(np.zeros((1, 28, 28), np.float32), np.zeros(6))
    for name, array in model.params.items():
        np.testing.assert_array_equal(array, before[name])
