"""The networks of the paper: their sizes, their parameters, and that they start from the undistorted image."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import cnn, fcn, st_cnn, st_fcn, tutorial, two_st_fcn
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
    localisation = (25 + 1) * 20 + (25 * 20 + 1) * 20
    papers = localisation + (20 + 1) * 20 + (20 + 1) * 6
    assert st_cnn(localisation_downsample=2, localisation_units=20).n_params == cnn(filters=32).n_params + papers
    assert st_cnn().n_params == cnn().n_params + localisation + (4 * 4 * 20 + 1) * 50 + (50 + 1) * 6
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


@pytest.mark.parametrize("make", [st_fcn, st_cnn, tutorial, two_st_fcn])
def test_options_of_the_sampler_reach_every_transformer_and_are_saved(make, tmp_path):
    pytest.importorskip("safetensors")
    options = {"kernel": "bicubic", "padding": "border", "antialias": True, "align_corners": False}
    model = make((28, 28, 1), 3, shape=(24, 24), initial=[0.9, 0.1, 0.2, 0, 1.1, -0.3], **options)
    stn.save(model, tmp_path / "model.safetensors")
    loaded = stn.load(tmp_path / "model.safetensors")
    for transformer in (*model.transformers, *loaded.transformers):
        assert {name: getattr(transformer, name) for name in options} == options
    theta = np.repeat(model.theta(X[:1]), 3, axis=0)
    grid, _ = model.transformers[0].transform.forward(theta, (24, 24), False)
    expected = stn.sample(X, grid, kernel="bicubic", padding="border", antialias=True)
    np.testing.assert_allclose(loaded.transform(X), expected, atol=1e-6)


@WITH_TRANSFORMER
def test_options_of_the_sampler_are_checked(make):
    with pytest.raises(ValueError, match="kernel: expected one of .*did you mean 'bicubic'"):
        make(kernel="bicubik")
    with pytest.raises(ValueError, match="antialias: the most frequent of several pixels has no gradient"):
        make(kernel="nearest", antialias=True)


def test_a_model_with_a_kernel_of_ones_own_trains_but_cannot_be_saved(tmp_path):
    pytest.importorskip("safetensors")
    model = st_fcn((12, 12, 1), 3, kernel=stn.sampler.interpolation.bicubic(-0.5), units=4)
    stn.fit(model, X[:, :12, :12], np.arange(3), epochs=1, progress=False)
    with pytest.raises(ValueError, match="kernel: only a model whose sampling kernels are given by names can be saved"):
        stn.save(model, tmp_path / "model.safetensors")
