"""The contract of transforms, for the built-in ones and for small custom ones."""

import gc
import pickle
import weakref

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Flatten, SpatialTransformer
from stn_numba.testing import check_vjp
from tests._util import parsed_html

NAMES = ["affine", "projective", "tps"]
EVERY = pytest.mark.parametrize("name", NAMES)
BOTH = pytest.mark.parametrize("align_corners", [True, False])
POINTS = np.random.default_rng(3).uniform(-1, 1, (11, 2))


def near_identity(transform, batch=2):
    return transform.identity() + np.random.default_rng(0).normal(0, 0.1, (batch, transform.n_params))


class Swirl(stn.Transform):
    """Turns points by an angle that grows with the radius."""

    n_params = 1

    def identity(self):
        return np.zeros(1)

    def apply(self, theta, points):
        angle = theta * np.sum(points**2, axis=-1)
        c, s = np.cos(angle), np.sin(angle)
        return np.stack([c * points[:, 0] - s * points[:, 1], s * points[:, 0] + c * points[:, 1]], axis=-1)


class TrainedSwirl(Swirl):
    def apply_vjp(self, theta, points):
        mapped, squared = self.apply(theta, points), np.sum(points**2, axis=-1)
        turned = np.stack([-mapped[..., 1], mapped[..., 0]], axis=-1)
        return mapped, lambda d: ((d * turned).sum(axis=-1) * squared).sum(axis=1, keepdims=True)


@EVERY
def test_identity_maps_points_to_themselves(name):
    transform = stn.get_transform(name)
    assert transform.identity().shape == (transform.n_params,)
    np.testing.assert_allclose(transform.apply(transform.identity()[None], POINTS)[0], POINTS, atol=1e-12)


@EVERY
@BOTH
def test_the_grid_is_apply_at_the_base_points(name, align_corners):
    transform = stn.get_transform(name)
    theta = near_identity(transform)
    grid, _ = transform.forward(theta, (4, 5), align_corners)
    expected = transform.apply(theta, stn.base_points((4, 5), align_corners)).reshape(2, 4, 5, 2)
    np.testing.assert_allclose(grid.dense(), expected, atol=1e-12)
    assert (grid.shape, grid.align_corners) == ((4, 5), align_corners)


@EVERY
@BOTH
def test_gradients_of_points_and_of_the_grid(name, align_corners):
    transform = stn.get_transform(name)
    theta = near_identity(transform)
    check_vjp(lambda theta: transform.apply_vjp(theta, POINTS), theta)

    def built(theta):
        grid, backprop = transform.forward(theta, (4, 5), align_corners)
        return grid.dense(), backprop

    check_vjp(built, theta)


@EVERY
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_d_theta_has_the_shape_and_dtype_of_theta(name, dtype):
    transform = stn.get_transform(name)
    theta = near_identity(transform, 3).astype(dtype)
    grid, backprop = transform.forward(theta, (4, 5))
    for d_grid in (np.ones_like(grid.values), np.ones((3, 4, 5, 2), dtype)):
        d_theta = backprop(d_grid)
        assert (d_theta.shape, d_theta.dtype) == (theta.shape, dtype)


@EVERY
def test_theta_without_rows(name):
    transform = stn.get_transform(name)
    theta = np.empty((0, transform.n_params))
    grid, backprop = transform.forward(theta, (4, 5))
    assert grid.dense().shape == (0, 4, 5, 2)
    assert backprop(np.empty((0, 4, 5, 2))).shape == theta.shape
    assert transform.apply(theta, POINTS).shape == (0, 11, 2)


@EVERY
def test_theta_of_the_wrong_shape_is_refused(name):
    transform = stn.get_transform(name)
    for call in (lambda theta: transform.forward(theta, (4, 5)), lambda theta: transform.apply(theta, POINTS)):
        with pytest.raises(ValueError, match=rf"theta: expected \(N, {transform.n_params}\), got \(4, 9\)"):
            call(np.ones((4, 9)))
    with pytest.raises(ValueError, match=r"points: expected \(M, 2\) or \(1, M, 2\), got \(3,\)"):
        transform.apply(transform.identity()[None], np.ones(3))


@EVERY
def test_a_transform_can_be_pickled(name):
    transform = stn.get_transform(name)
    transform.forward(near_identity(transform), (3, 3))
    copy = pickle.loads(pickle.dumps(transform))
    theta = near_identity(transform)
    np.testing.assert_array_equal(copy.apply(theta, POINTS), transform.apply(theta, POINTS))


def test_gradients_follow_from_apply_vjp():
    def built(theta):
        grid, backprop = TrainedSwirl().forward(theta, (3, 4))
        return grid.dense(), backprop

    check_vjp(built, np.array([[0.3], [-0.5]]))


def fresh(kind):
    """A class that has not warned yet."""
    return type(kind.__name__, (kind,), {})


@pytest.mark.filterwarnings("ignore:Swirl has no apply_vjp")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_apply_vjp_gradients_are_central_differences(dtype):
    theta, d = np.array([[0.3], [-0.5]], dtype), np.random.default_rng(1).standard_normal((2, 3, 4, 2))
    _, backprop = fresh(Swirl)().forward(theta, (3, 4))
    _, exact = TrainedSwirl().forward(theta.astype(np.float64), (3, 4))
    d_theta = backprop(d)
    assert (d_theta.shape, d_theta.dtype) == ((2, 1), dtype)
    np.testing.assert_allclose(d_theta, exact(d), rtol=1e-8 if dtype == np.float64 else 1e-6)


def test_differences_warn_once_for_each_class_and_only_if_they_are_used():
    kind = fresh(Swirl)
    _, backprop = kind().forward([[0.3]], (3, 4))
    with pytest.warns(RuntimeWarning, match=r"Swirl has no apply_vjp: .*calls apply 2 times .* write apply_vjp"):
        backprop(np.ones((1, 3, 4, 2)))
    backprop(np.ones((1, 3, 4, 2)))
    kind().forward([[0.3]], (3, 4))[1](np.ones((1, 3, 4, 2)))


@pytest.mark.filterwarnings("ignore:Torn has no apply_vjp")
def test_differences_give_no_gradient_where_positions_are_not_numbers():
    class Torn(Swirl):
        def apply(self, theta, points):
            return np.where(points[..., :1] > 0, super().apply(theta, points), [[[np.nan, np.inf]]])

    _, backprop = Torn().apply_vjp(np.array([[0.3]]), POINTS)
    _, exact = TrainedSwirl().apply_vjp(np.array([[0.3]]), POINTS[POINTS[:, 0] > 0])
    np.testing.assert_allclose(backprop(np.ones((1, 11, 2))), exact(np.ones((1, (POINTS[:, 0] > 0).sum(), 2))), rtol=1e-8)


def test_the_default_gradient_trains_a_spatial_transformer():
    layer = SpatialTransformer(Flatten(), fresh(Swirl)())
    rng = np.random.default_rng(0)
    layer.initialize((6, 6, 1), rng)
    out, backprop = layer.forward(rng.random((2, 6, 6, 1), np.float32), rng)
    with pytest.warns(RuntimeWarning, match="Swirl has no apply_vjp"):
        _, gradients = backprop(np.ones_like(out))
    assert np.abs(gradients["localisation.theta.bias"]).max() > 0


def test_a_result_of_the_wrong_shape_is_named():
    class Flat(Swirl):
        def apply(self, theta, points):
            return points

    with pytest.raises(ValueError, match=r"Flat.apply: expected an array \(1, 12, 2\), got \(12, 2\)"):
        Flat().forward([[0.3]], (3, 4))


def test_a_linear_transform_needs_only_its_basis():
    class Quadratic(stn.LinearTransform):
        def basis(self, points):
            x, y = points.T
            return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)

    transform = Quadratic()
    assert transform.n_params == 12
    np.testing.assert_allclose(transform.apply(transform.identity()[None], POINTS)[0], POINTS, atol=1e-12)
    check_vjp(lambda theta: transform.apply_vjp(theta, POINTS), near_identity(transform))


def test_the_basis_of_a_shape_is_computed_once():
    class Counted(stn.LinearTransform):
        calls = 0

        def basis(self, points):
            Counted.calls += len(points) > 1
            return points

    transform = Counted()
    for _ in range(3):
        transform.forward(np.ones((1, 4)), (5, 5))
    assert Counted.calls == 1


def test_bases_are_freed_with_their_transform():
    gc.disable()  # it would also free reference cycles
    try:
        spline = stn.get_transform("tps")
        spline.forward(spline.identity()[None], (9, 9))
        seen = weakref.ref(spline)
        del spline
        assert seen() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("name", ["affine", "projective"])
def test_apply_inverse_undoes_apply(name):
    transform = stn.get_transform(name)
    theta = near_identity(transform, 3)
    for row, mapped in zip(theta, transform.apply(theta, POINTS), strict=True):
        np.testing.assert_allclose(transform.apply_inverse(row[None], mapped)[0], POINTS, atol=1e-12)
    assert transform.apply_inverse(theta.astype(np.float32), POINTS).dtype == np.float32
    assert transform.apply_inverse(theta[:0], POINTS).shape == (0, 11, 2)


def test_apply_inverse_is_nan_where_no_output_position_reads():
    flat = [0.0, 0, 0, 0, 1, 0]
    places = stn.get_transform("affine").apply_inverse([flat, [np.nan] * 6, [2.0, 0, 0, 0, 2, 0]], [[1.0, 0.5]])
    assert np.isnan(places[:2]).all()
    assert places[2].tolist() == [[0.5, 0.25]]
    horizon = stn.get_transform("projective")
    theta = np.array([[1.0, 0, 0, 0, 1, 0, 1, 0]])  # depth 1 + x: inputs x / (1 + x) stay below 1
    assert np.isnan(horizon.apply_inverse(theta, [[1.5, 0.0]])).all()
    np.testing.assert_allclose(horizon.apply_inverse(theta, [[0.5, 0.0]]), [[[1.0, 0.0]]])


def test_a_single_row_of_theta_gets_advice():
    with pytest.raises(ValueError, match=r"theta: expected \(N, 6\), got \(6,\); one row is theta\[None\]"):
        stn.get_transform("affine").forward(stn.get_transform("affine").identity(), (2, 2))


def test_rows_of_theta_of_different_lengths_are_refused():
    with pytest.raises((TypeError, ValueError), match="theta: "):
        stn.get_transform("affine").forward([[1.0, 2.0], [3.0]], (2, 2))


def test_html_shows_size_and_options():
    text = stn.get_transform("tps", control_points=(3, 5))._repr_html_()
    assert parsed_html.all_text(text).startswith("ThinPlateSpline")
    shown = dict(parsed_html.rows(text)[1:])
    assert (shown["parameters"], shown["dimensions"]) == ("30", "2")
    assert shown["control_points"] == "[3, 5]" or shown["control_points"] == "(3, 5)"


def test_html_is_escaped_and_never_raises():
    class Odd(Swirl):
        """Uses <b> & more."""

        def __init__(self, name):
            self.name = name

    assert "<b>" not in Odd("<b>")._repr_html_()
    assert dict(parsed_html.rows(Odd("<i>")._repr_html_())) == {
        "": "Uses <b> & more.", "parameters": "1", "dimensions": "2", "name": "<i>",
    }  # fmt: skip

    class Broken(Swirl):
        @property
        def n_params(self):
            raise RuntimeError

    assert Broken()._repr_html_() is None
