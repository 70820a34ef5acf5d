"""The networks of the paper: their sizes, their parameters, and that they start from the undistorted image."""

import numpy as np
import pytest

from stn_numba.models import cnn, fcn, st_cnn, st_fcn
from stn_numba.nn import SpatialTransformer

X = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)

ALL = pytest.mark.parametrize("make", [fcn, cnn, st_fcn, st_cnn])
WITH_TRANSFORMER = pytest.mark.parametrize("make", [st_fcn, st_cnn])


@ALL
@pytest.mark.parametrize("shape", [(28, 28, 1), (42, 40, 2), (60, 60, 1)])
def test_there_is_a_logit_for_every_class(make, shape):
    model = make(shape, 7)
    logits = model.logits(np.zeros((2, *shape), np.float32))
    assert logits.shape == (2, 7)
    assert logits.dtype == np.float32


@ALL
def test_the_seed_decides_the_parameters(make):
    first, again, other = (make(seed=seed).logits(X) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_number_of_parameters_follows_from_the_layers():
    assert fcn(units=128).n_params == (784 + 1) * 128 + (128 + 1) * 128 + (128 + 1) * 10
    assert cnn(filters=32).n_params == (81 + 1) * 32 + (49 * 32 + 1) * 32 + (2 * 2 * 32 + 1) * 10
    localisation = (25 + 1) * 20 + (25 * 20 + 1) * 20 + (20 + 1) * 20 + (20 + 1) * 6
    assert st_cnn(filters=32).n_params == cnn(filters=32).n_params + localisation
    localisation = (14 * 14 + 1) * 32 + 2 * (32 + 1) * 32 + (32 + 1) * 6
    assert st_fcn(localisation_downsample=2).n_params == fcn().n_params + localisation


@WITH_TRANSFORMER
@pytest.mark.parametrize("transform", ["affine", "projective", "tps"])
def test_training_starts_from_the_undistorted_image(make, transform):
    model = make(transform=transform)
    np.testing.assert_allclose(model.transform(X), X, atol=1e-5)
    assert np.ptp(model.theta(X), axis=0).max() == 0


@WITH_TRANSFORMER
def test_output_shape_and_downsampling(make):
    model = make((60, 60, 1), shape=(48, 52), downsample=2)
    images = np.random.default_rng(0).random((2, 60, 60), np.float32)
    assert model.transform(images).shape == (2, 48, 52, 1)
    assert model.network.layers["avgpool1"].forward(model.transform(images))[0].shape == (2, 24, 26, 1)
    assert model.predict(images).shape == (2,)


@WITH_TRANSFORMER
def test_the_classifier_sees_the_transformed_image(make):
    model = make()
    before = model.logits(X)
    model.params["spatialtransformer1.localisation.theta.bias"][2] = 0.5  # half the image to the right
    assert isinstance(model.network.layers["spatialtransformer1"], SpatialTransformer)
    assert not np.allclose(model.logits(X), before)


def test_networks_without_a_transformer_are_named():
    with pytest.raises(ValueError, match="it has no spatial transformer"):
        cnn().transform(X)


@pytest.mark.parametrize("wrong", [X[:, :27], X[0], X[..., None], np.zeros((3, 28, 28, 3), np.float32)])
def test_images_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match=r"X: expected \(N, 28, 28, 1\), got"):
        fcn(units=4).predict(wrong)
