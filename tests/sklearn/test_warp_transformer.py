"""Warps as a step of a pipeline."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import stn_numba as stn
from stn_numba.data import RandomWarp
from stn_numba.sklearn import SpatialTransformerClassifier, WarpTransformer

X = np.random.default_rng(0).random((6, 8, 9, 2))
OPTIONS = {"bounded": {"transform": "affine", "low": -2, "high": 2}, "compose": {"transforms": ["rigid", "radial"]}}
SHRINK = [1.5, 0, 0.1, 0, 1.5, 0]


def test_a_fixed_warp_is_that_of_warp():
    options = {"shape": (5, 4), "kernel": "bicubic", "padding": "border", "align_corners": False, "antialias": True}
    warped = WarpTransformer("affine", SHRINK, **options).fit_transform(X)
    assert np.array_equal(warped, stn.warp(X, [SHRINK], "affine", **options))
    filled = WarpTransformer("affine", SHRINK, fill=0.5).fit_transform(X)
    assert np.array_equal(filled, stn.warp(X, [SHRINK], "affine", fill=0.5))


@pytest.mark.parametrize("name", stn.available_transforms())
def test_every_transform_starts_from_its_identity(name):
    transform = stn.get_transform(name, **OPTIONS.get(name, {}))
    out = WarpTransformer(name, warp_options=OPTIONS.get(name)).fit(X).transform(X)
    assert np.array_equal(out, stn.warp(X, transform.identity()[None], transform))


def test_the_warp_may_be_given_by_points():
    source, target = np.array([[-1, -1], [1, -1], [0, 1.0]]), np.array([[-0.5, -1], [0.5, -1], [0, 0.8]])
    transformer = WarpTransformer(points=(source, target)).fit(X)
    np.testing.assert_allclose(stn.get_transform("affine").apply(transformer.theta_[None], source)[0], target, atol=1e-12)


@pytest.mark.parametrize("dtype", ["f8", "f4", "u1", "i2"])
def test_axes_and_dtypes_are_kept(dtype):
    images = (100 * X).astype(dtype)
    expected = stn.warp(images, [SHRINK])
    for given in (images, images.reshape(6, -1)):
        out = WarpTransformer(theta=SHRINK, image_shape=(8, 9, 2)).fit_transform(given)
        assert out.dtype == dtype
        assert np.array_equal(out, expected.reshape(given.shape))
    gray = WarpTransformer(theta=SHRINK).fit_transform(images[..., 0])
    assert np.array_equal(gray, expected[..., 0])


def test_random_warps_are_those_of_random_warp():
    images = X.astype(np.float32)
    seed = np.random.RandomState(3).randint(np.iinfo(np.int32).max)
    expected = RandomWarp("affine", 0.1)(images, np.random.default_rng(seed))
    out = WarpTransformer(spread=0.1, random_state=3).fit_transform(images)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    assert out.dtype == np.float32


def test_random_warps_vary_around_theta():
    still = WarpTransformer("translation", [0.5, 0.25]).fit_transform(X)
    np.testing.assert_allclose(WarpTransformer("translation", [0.5, 0.25], spread=1e-6).fit_transform(X), still, atol=1e-4)
    moved = WarpTransformer("translation", [0.5, 0.25], spread=[0, 0.3]).fit_transform(X)
    assert not np.allclose(moved, still, atol=0.01)


def test_only_fit_transform_is_random():
    transformer = WarpTransformer("rotation", spread=0.2, random_state=0)
    first = transformer.fit_transform(X)
    assert np.array_equal(transformer.fit_transform(X), first)
    assert not np.allclose(first, X)
    np.testing.assert_allclose(transformer.transform(X), X, atol=1e-6)
    assert not np.array_equal(clone(transformer).set_params(random_state=None).fit_transform(X), first)


def test_a_pipeline_warps_training_images_at_random_and_others_not(bars):
    images, y = bars
    network = SpatialTransformerClassifier(random_state=0, epochs=20)
    model = make_pipeline(WarpTransformer("translation", spread=0.1, random_state=0), network).fit(images, y)
    seen = WarpTransformer("translation", spread=0.1, random_state=0).fit_transform(images)
    alone = clone(network).fit(seen, y)
    assert np.array_equal(model.predict_proba(images), alone.predict_proba(images))
    assert model.score(images, y) > 0.9
    flat = clone(model).fit(images.reshape(120, 64), y)
    assert np.array_equal(flat.predict_proba(images.reshape(120, 64)), model.predict_proba(images))


def test_names_of_features():
    transformer = WarpTransformer(shape=(2, 2)).fit(X)
    assert transformer.get_feature_names_out().tolist() == [f"warptransformer{k}" for k in range(8)]
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X.reshape(6, -1), columns=[f"p{k}" for k in range(144)])
    out = WarpTransformer(image_shape=(8, 9, 2), shape=(2, 2)).set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == transformer.get_feature_names_out().tolist()


def test_pickle_and_unfitted():
    transformer = WarpTransformer("tps", spread=0.1, warp_options={"control_points": (3, 3)})
    with pytest.raises(NotFittedError, match="This WarpTransformer instance is not fitted yet"):
        transformer.transform(X)
    transformer.fit(X)
    assert np.array_equal(pickle.loads(pickle.dumps(transformer)).transform(X), transformer.transform(X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"theta": [1, 2]}, r"theta: expected \(6,?\), got \(2,\)"),
        ({"theta": SHRINK, "points": ([[0, 0]], [[0, 0]])}, "points: expected None together with theta"),
        ({"points": [[0, 0]]}, r"points: expected a pair of \(M, 2\) positions"),
        ({"points": (np.zeros((2, 3, 2)), np.zeros((2, 3, 2)))}, "points|coincide|determine"),
        ({"spread": -1}, "spread: expected finite numbers of at least 0"),
        ({"shape": (-1, 3)}, "shape"),
        ({"kernel": "bicubik"}, "did you mean 'bicubic'"),
        ({"padding": "zero"}, "did you mean 'zeros'"),
        ({"image_shape": (8, 9)}, r"X: expected images \(8, 9, 1\), as image_shape, got \(8, 9, 2\)"),
        ({"n_jobs": 0}, "n_jobs: expected"),
    ],
)
def test_bad_options_are_refused_in_fit(options, message):
    with pytest.raises(ValueError, match=message):
        WarpTransformer(**options).fit(X)
