"""What all transforms of the library have in common: the contract, and use by name in warps, networks and files."""

import functools
import pickle

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Adam, Flatten, SpatialTransformer
from stn_numba.testing import check_vjp, parametrize_checks
from stn_numba.transform import registry
from stn_transforms.affine import Affine
from stn_transforms.attention import Attention
from stn_transforms.bspline import BSpline
from stn_transforms.flow import Flow
from stn_transforms.polynomial import Polynomial
from stn_transforms.projective import Projective
from stn_transforms.radial import Radial
from stn_transforms.rigid import Rigid
from stn_transforms.rotation import Rotation
from stn_transforms.similarity import Similarity
from stn_transforms.tps import ThinPlateSpline
from stn_transforms.translation import Translation

RNG = np.random.default_rng(0)
CLASSES = {
    "affine": Affine,
    "attention": Attention,
    "bspline": BSpline,
    "flow": Flow,
    "polynomial": Polynomial,
    "projective": Projective,
    "radial": Radial,
    "rigid": Rigid,
    "rotation": Rotation,
    "similarity": Similarity,
    "tps": ThinPlateSpline,
    "translation": Translation,
}
CASES = [
    ("affine", {}, 6, "Affine()"),
    ("attention", {}, 3, "Attention(isotropic=True)"),
    ("attention", {"isotropic": False}, 4, "Attention(isotropic=False)"),
    ("bspline", {}, 128, "BSpline(control_points=(8, 8))"),
    ("bspline", {"control_points": (4, 6)}, 48, "BSpline(control_points=(4, 6))"),
    ("flow", {}, 1568, "Flow(shape=(28, 28))"),
    ("flow", {"shape": (3, 5)}, 30, "Flow(shape=(3, 5))"),
    ("polynomial", {}, 12, "Polynomial(degree=2)"),
    ("polynomial", {"degree": 5}, 42, "Polynomial(degree=5)"),
    ("projective", {}, 8, "Projective()"),
    ("radial", {}, 5, "Radial(aspect=None)"),
    ("radial", {"aspect": 2}, 5, "Radial(aspect=2.0)"),
    ("rigid", {}, 3, "Rigid(aspect=None)"),
    ("rigid", {"aspect": 0.5}, 3, "Rigid(aspect=0.5)"),
    ("rotation", {}, 1, "Rotation(aspect=None)"),
    ("rotation", {"aspect": 0.5}, 1, "Rotation(aspect=0.5)"),
    ("similarity", {}, 4, "Similarity(aspect=None)"),
    ("similarity", {"aspect": 3}, 4, "Similarity(aspect=3.0)"),
    ("tps", {}, 32, "ThinPlateSpline(control_points=(4, 4), aspect=1.0)"),
    ("tps", {"smoothing": 0.1}, 32, "ThinPlateSpline(control_points=(4, 4), aspect=1.0, smoothing=0.1)"),
    ("translation", {}, 2, "Translation()"),
]
MATRICES = ("affine", "attention", "projective", "rigid", "rotation", "similarity", "translation")
MAKERS = [functools.partial(CLASSES[name], **options) for name, options, *_ in CASES if name != "flow" or options]
every_case = pytest.mark.parametrize(("name", "options", "count", "shown"), CASES, ids=[case[3] for case in CASES])


@pytest.fixture(autouse=True)
def _names(monkeypatch):
    """The names, also where the installed distribution does not announce them yet."""
    monkeypatch.setattr(registry, "_registered", dict(CLASSES))
    monkeypatch.setattr(registry, "_shared", {})


@parametrize_checks(*MAKERS)
def test_contract(check):
    check()


def test_all_are_announced():
    assert {name for name, *_ in CASES} == set(CLASSES)
    root = __import__("pathlib").Path(stn.__file__).parent.parent
    if (root / "pyproject.toml").is_file():
        import tomllib

        announced = tomllib.loads((root / "pyproject.toml").read_text())["project"]["entry-points"]["stn_numba.transforms"]
        own = {name: entry for name, entry in announced.items() if entry.startswith("stn_transforms.")}
        assert own == {name: f"{kind.__module__}:{kind.__qualname__}" for name, kind in CLASSES.items()}


@every_case
def test_parameters_and_representation(name, options, count, shown):
    transform = stn.get_transform(name, **options)
    assert transform.n_params == count
    assert repr(transform) == shown
    assert repr(pickle.loads(pickle.dumps(transform))) == shown


@every_case
@pytest.mark.parametrize("align_corners", [True, False])
def test_the_identity_changes_nothing(name, options, count, shown, align_corners):
    transform = stn.get_transform(name, **options)
    theta, base = transform.identity()[None], stn.base_points((5, 9), align_corners).reshape(1, 5, 9, 2)
    exact = 1e-12 if name == "tps" else 0
    for bound in (transform, transform.for_image((5, 9), align_corners)):
        np.testing.assert_allclose(bound.forward(theta, (5, 9), align_corners)[0].dense(), base, rtol=0, atol=exact)
        if name in MATRICES:
            assert bound.matrix(theta).tolist() == [np.eye(3).tolist()]
    image = RNG.random((5, 9))
    warped = stn.warp(image, theta[0], transform, align_corners=align_corners)
    np.testing.assert_allclose(warped, image, rtol=0, atol=1e-12)


@every_case
def test_warps_by_name(name, options, count, shown):
    images, transform = RNG.random((3, 6, 8, 2), np.float32), stn.get_transform(name, **options)
    theta = (transform.identity() + RNG.normal(0, 0.05, (3, count))).astype(np.float32)
    bound = transform.for_image((6, 8))
    expected = stn.sample(images, bound.forward(theta, (4, 5))[0])
    np.testing.assert_array_equal(stn.warp(images, theta, transform, (4, 5)), expected)
    if not options:
        np.testing.assert_array_equal(stn.warp(images, theta, name, (4, 5)), expected)
        np.testing.assert_array_equal(stn.warp(images, theta, name, (4, 5)), expected)  # now by a plan, where there is one


@every_case
def test_gradients_reach_theta_through_the_sampler(name, options, count, shown):
    image, transform = RNG.random((2, 7, 9, 1)), stn.get_transform(name, **options).for_image((7, 9))
    theta = transform.identity() + RNG.normal(0, 0.05, (2, count))

    def warped(theta):
        grid, to_theta = transform.forward(theta, (6, 6))
        out, backprop = stn.sample_vjp(image, grid, kernel="bicubic")
        return out, lambda d_out: to_theta(backprop(d_out)[1])

    check_vjp(warped, theta, tolerance=1e-5)


@every_case
def test_one_set_of_points_a_row(name, options, count, shown):
    transform, points = stn.get_transform(name, **options), RNG.uniform(-1, 1, (3, 7, 2))
    theta = transform.identity() + RNG.normal(0, 0.05, (3, count))
    assert transform.maps_point_sets()
    expected = [transform.apply(theta[[row]], points[row])[0] for row in range(3)]
    np.testing.assert_allclose(transform.apply(theta, points), expected, atol=1e-14)
    check_vjp(lambda theta: transform.apply_vjp(theta, points), theta)


@every_case
def test_a_layer_learns(name, options, count, shown):
    """The layer learns where a shifted and shrunk blob is."""
    x, y = stn.base_points((16, 20)).T
    image = np.exp(-((x - 0.2) ** 2 + (y + 0.1) ** 2) / 0.2).reshape(1, 16, 20, 1)
    target = np.exp(-(x**2 + (y + 0.3) ** 2) / 0.3).reshape(1, 16, 20, 1)
    layer = SpatialTransformer(Flatten(), name, options=options)
    layer.initialize((16, 20, 1), np.random.default_rng(0), np.float64)
    params, optimizer = layer.params, Adam()
    state, losses = optimizer.init(params), []
    for _ in range(25):
        out, backprop = layer.forward(image, RNG)
        losses.append(float(np.sum((out - target) ** 2)))
        _, gradients = backprop(2 * (out - target))
        assert all(np.isfinite(gradient).all() for gradient in gradients.values())
        optimizer.apply(params, gradients, state, dict.fromkeys(params, 0.0003))
    assert losses[-1] < 0.97 * losses[0]


@every_case
def test_models_are_saved_with_name_and_options(name, options, count, shown, tmp_path):
    model = stn.models.st_fcn((8, 16, 1), units=4, transform=name, options=options)
    images = RNG.random((3, 8, 16, 1), np.float32)
    for array in model.params.values():
        array += RNG.normal(0, 0.01, array.shape).astype(array.dtype)
    stn.save(model, tmp_path / "model")
    again = stn.load(tmp_path / "model")
    np.testing.assert_array_equal(again.theta(images), model.theta(images))
    np.testing.assert_array_equal(again.predict_proba(images), model.predict_proba(images))
