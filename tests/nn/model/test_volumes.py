"""Models of volumes: a transformer in three dimensions is trained, asked, saved and loaded as one of images is."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.kernels.runtime import dispatch
from stn_numba.nn import (
    AvgPool3d,
    Chain,
    Classifier,
    Conv3d,
    Dense,
    Flatten,
    Model,
    Project,
    Regressor,
    ReLU,
    SpatialTransformer,
)

RNG = np.random.default_rng(4)
SHAPE = (7, 8, 9, 1)
X = RNG.random((48, *SHAPE), np.float32)
LABELS = np.arange(48) % 2
X[LABELS == 1, 2:4, 2:5, 2:5] += 1


def classifier(transform="affine", shape=(4, 5, 6), **options):
    localisation = Chain(AvgPool3d(2), Conv3d(3, 2), ReLU(), Flatten(), Dense(6), ReLU())
    if isinstance(transform, str):
        options = {"options": {"ndim": 3, **options}}
    transformer = SpatialTransformer(localisation, transform, shape, **options)
    return Classifier(Chain(transformer, Project(), Flatten(), Dense(8), ReLU(), Dense(2)), SHAPE, 2)


def test_the_output_is_what_sample_reads_at_the_transforms_grid():
    model = classifier()
    model.params["spatialtransformer1.localisation.theta.weight"] = 0.1 * RNG.normal(size=(6, 12))
    theta = model.theta(X)
    assert np.ptp(theta, axis=0).min() > 1e-4
    grid, _ = stn.get_transform("affine", ndim=3).forward(theta, (4, 5, 6))
    np.testing.assert_allclose(model.transform(X), stn.sample(X, grid), atol=1e-6)
    matrix = model.matrix(X)
    np.testing.assert_array_equal(matrix[:, :3].reshape(48, 12), theta)
    np.testing.assert_array_equal(matrix[:, 3], np.tile([0, 0, 0, 1], (48, 1)))


@pytest.mark.parametrize(
    "make",
    [
        classifier,
        lambda: classifier("bspline", None, control_points=[4, 4, 5]),
        lambda: classifier("tps", control_points=[2, 2, 2]),
        lambda: classifier("rigid", (1, 6, 6)),
    ],
    ids=["affine", "bspline", "tps", "oblique slice"],
)
def test_training_moves_the_transformer_and_files_restore_the_model(make, tmp_path):
    model = make()
    before = model.theta(X)
    options = {"epochs": 10, "batch_size": 12, "learning_rate": 0.01, "progress": False}
    history = stn.fit(model, X, LABELS, validation=(X[..., 0], LABELS), **options)
    losses = history.column("loss")
    assert losses[-1] < 0.8 * losses[0]
    assert np.abs(model.theta(X) - before).max() > 1e-3
    stn.save(model, tmp_path / "model.safetensors")
    again = stn.load(tmp_path / "model.safetensors")
    assert again.input_shape == SHAPE
    np.testing.assert_array_equal(again.outputs(X), model.outputs(X))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


def test_a_transform_of_volumes_may_be_an_object():
    model = classifier(stn.get_transform("similarity", ndim=3))
    assert model.theta(X).shape == (48, model.transformers[0].transform.n_params)
    assert model.transformers[0].outside(model.theta(X)) == 0


def test_the_number_of_threads_changes_no_bit():
    results = []
    for count in (1, 2):
        with dispatch.limited(count):
            model = classifier()
            stn.fit(model, X, LABELS, epochs=1, progress=False)
            results.append(model.outputs(X))
    np.testing.assert_array_equal(*results)


def test_the_description_names_volumes():
    assert repr(classifier()).startswith("Classifier of volumes (7, 8, 9, 1) into 2 classes")
    assert repr(Regressor(Chain(Flatten(), Dense(1)), SHAPE)).startswith("Regressor of volumes (7, 8, 9, 1) to outputs (1,)")


def test_inputs_that_do_not_fit_are_refused():
    model = classifier()
    with pytest.raises(ValueError, match=r"X: expected \(N, 7, 8, 9, 1\), got \(7, 8, 9\); a single image is X\[None\]"):
        model.predict(X[0, ..., 0])
    with pytest.raises(ValueError, match=r"X: expected \(N, 7, 8, 9, 1\), got \(48, 8, 9, 1\)"):
        model.predict(X[:, 0])
    bad = X.copy()
    bad[3, 1, 2, 3] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite ones in 1 of 48 images, the first of them number 3"):
        model.predict(bad)
    with pytest.raises(ValueError, match=r"input_shape: expected \(H, W, C\), or \(D, H, W, C\) of volumes, got \(8, 9\)"):
        Model(Chain(Flatten(), Dense(2)), (8, 9))
