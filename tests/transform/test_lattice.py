"""Displacements of a lattice of control points."""

import gc
import weakref

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.testing import check_transform, check_vjp

RNG = np.random.default_rng(0)


class Blocks(stn.LatticeTransform):
    """Three neighbors an axis, with weights that any change of order would show; one neighbor on short axes."""

    def __init__(self, rows=5, columns=7):
        self.lattice = rows, columns

    def axis_weights(self, x, count):
        if count < 3:
            return np.zeros(len(x), int), np.ones((len(x), 1))
        first = np.minimum(((x + 1) / 2 * (count - 2)).astype(int), count - 3)
        return first, np.stack([0.2 + 0.1 * x, 0.5 * np.cos(x), 0.3 - 0.1 * x**2], axis=1)


def slow(transform, theta, points):
    """One point and one control point after the other."""
    rows, columns = transform.lattice
    mapped = np.empty((len(theta), len(points), 2))
    for n, displacements in enumerate(theta.reshape(-1, 2, rows, columns)):
        for m, point in enumerate(points):
            x, y = np.clip(point, -1, 1)
            (left,), (across,) = transform.axis_weights(np.array([x]), columns)
            (top,), (down,) = transform.axis_weights(np.array([y]), rows)
            mapped[n, m] = point
            for i, v in enumerate(down):
                for j, u in enumerate(across):
                    mapped[n, m] += v * u * displacements[:, top + i, left + j]
    return mapped


LATTICES = [(5, 7), (3, 3), (1, 4), (9, 2)]


@pytest.mark.parametrize("lattice", LATTICES)
def test_points_are_displaced_by_their_neighbors(lattice):
    transform, points = Blocks(*lattice), RNG.uniform(-1.5, 1.5, (12, 2))
    theta = RNG.standard_normal((3, transform.n_params))
    np.testing.assert_allclose(transform.apply(theta, points), slow(transform, theta, points), atol=1e-13)


@pytest.mark.parametrize("lattice", LATTICES)
@pytest.mark.parametrize("shape", [(6, 4), (1, 3), (11, 20)])
@pytest.mark.parametrize("align_corners", [True, False])
def test_grids_hold_the_positions_of_all_pixels(lattice, shape, align_corners):
    transform = Blocks(*lattice)
    theta = RNG.standard_normal((2, transform.n_params))
    grid, backprop = transform.forward(theta, shape, align_corners)
    base = stn.base_points(shape, align_corners)
    np.testing.assert_allclose(grid.dense().reshape(2, -1, 2), slow(transform, theta, base), atol=1e-13)
    d = RNG.standard_normal(grid.dense().shape)
    expected = transform.apply_vjp(theta, base)[1](d.reshape(2, -1, 2))
    np.testing.assert_allclose(backprop(d), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("lattice", [(5, 7), (4, 5, 6)])
def test_windows_have_the_bits_of_the_whole_grid(lattice, align_corners, dtype):
    transform = stn.get_transform("bspline", control_points=tuple(max(n, 4) for n in lattice))
    theta = RNG.standard_normal((2, transform.n_params)).astype(dtype)
    shape = (9, 14, 11)[: transform.ndim]
    window = (slice(2, 7), slice(0, 14), slice(10, 11))[: transform.ndim]
    whole = transform.forward(theta, shape, align_corners)[0].dense()
    part = transform.window(theta, shape, window, align_corners)
    assert part.values.dtype == dtype
    np.testing.assert_array_equal(part.dense(), whole[:, *window])


@pytest.mark.parametrize("lattice", LATTICES)
def test_lattices_of_any_size_pass_check_transform(lattice):
    check_transform(Blocks(*lattice))


def test_gradients_of_one_set_of_points_a_row():
    points, theta = RNG.uniform(-1, 1, (3, 6, 2)), RNG.standard_normal((3, 70))
    check_vjp(lambda theta: Blocks().apply_vjp(theta, points), theta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("align_corners", [True, False])
def test_zeros_are_the_identity_bit_for_bit(dtype, align_corners):
    transform = Blocks()
    theta = np.tile(transform.identity(), (2, 1)).astype(dtype)
    base = stn.base_points((7, 9), align_corners).astype(dtype)
    grid, backprop = transform.forward(theta, (7, 9), align_corners)
    assert grid.values.dtype == dtype
    assert backprop(np.ones(grid.values.shape, dtype)).dtype == dtype
    np.testing.assert_array_equal(grid.dense(), np.tile(base.reshape(7, 9, 2), (2, 1, 1, 1)))
    np.testing.assert_array_equal(transform.apply(theta, base)[0], base)
    assert transform.apply(theta, base.astype(np.float64)).dtype == dtype


def test_beyond_the_edges_the_displacement_is_that_of_the_nearest_point():
    transform, theta = Blocks(), RNG.standard_normal((1, 70))
    outside = np.array([[3.0, 0.2], [-1.5, -9.0], [0.1, 1.2], [np.inf, 0.0]])
    inside = np.clip(outside, -1, 1)
    shift = transform.apply(theta, inside) - inside
    np.testing.assert_allclose(transform.apply(theta, outside), outside + shift, atol=1e-12)


def test_points_that_are_nan_are_mapped_to_nan_and_have_no_influence():
    points, theta = RNG.uniform(-1, 1, (4, 2)), RNG.standard_normal((2, 70))
    holed = points.copy()
    holed[1, 0] = holed[3] = np.nan
    mapped = Blocks().apply(theta, holed)
    assert np.isnan(mapped[:, [1, 3]]).all()
    np.testing.assert_array_equal(mapped[:, [0, 2]], Blocks().apply(theta, points)[:, [0, 2]])
    sets = Blocks().apply(theta, np.stack([holed, points]))
    assert np.isnan(sets).any(axis=2).tolist() == [[False, True, False, True], [False] * 4]


def test_a_displacement_that_is_nan_stays_in_its_neighborhood():
    theta = np.zeros((1, 2, 5, 7))
    theta[0, 0, 0, 0] = np.nan
    grid = Blocks().forward(theta.reshape(1, -1), (9, 9))[0].dense()
    assert np.isnan(grid[0, 0, 0, 0])
    assert np.isfinite(grid[0, -1, -1]).all()
    assert np.isfinite(grid[..., 1]).all()


def test_fits_are_least_squares():
    transform, points = Blocks(3, 4), RNG.uniform(-1, 1, (40, 2))
    theta = RNG.standard_normal((2, 24))
    np.testing.assert_allclose(transform.fit_points(points, transform.apply(theta, points)), theta, atol=1e-8)
    noisy = transform.apply(theta, points) + RNG.normal(0, 0.1, (2, 40, 2))
    weights = RNG.uniform(0.1, 2, 40)
    fitted = transform.fit_points(points, noisy, weights)
    residual = (transform.apply(fitted, points) - noisy) * weights[:, None]
    np.testing.assert_allclose(transform.apply_vjp(fitted, points)[1](residual), 0, atol=1e-9)


def test_the_inverse_goes_back():
    transform, points = Blocks(), RNG.uniform(-0.9, 0.9, (10, 2))
    theta = RNG.normal(0, 0.02, (2, 70))
    mapped = transform.apply(theta, points)
    np.testing.assert_allclose(transform.apply(theta, transform.apply_inverse(theta, mapped)), mapped, atol=1e-9)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ((np.zeros(3, int), np.ones((3, 8))), "axis_weights: expected first from 0 to -1, got 0 to 0"),
        ((np.full(3, 5), np.ones((3, 3))), "axis_weights: expected first from 0 to 4, got 5 to 5"),
        ((np.full(3, -1), np.ones((3, 3))), "axis_weights: expected first from 0 to 4, got -1 to -1"),
        ((np.zeros(3), np.ones((3, 3))), r"axis_weights: expected whole numbers \(3,\) and weights \(3, S\), got float64"),
        ((np.zeros(2, int), np.ones((3, 3))), r"axis_weights: .* got int64 \(2,\) and \(3, 3\)"),
    ],
)
def test_wrong_weights_are_refused(monkeypatch, returned, message):
    monkeypatch.setattr(Blocks, "axis_weights", lambda self, x, count: returned)
    with pytest.raises(ValueError, match=message):
        Blocks(7, 7).apply(np.zeros((1, 98)), np.zeros((3, 2)))


def test_weights_are_cached_and_released_with_the_transform(monkeypatch):
    calls = []
    monkeypatch.setattr(Blocks, "axis_weights", lambda self, x, count, weights=Blocks.axis_weights: (
        calls.append(count) or weights(self, x, count)
    ))  # fmt: skip
    transform = Blocks()
    for _ in range(3):
        transform.forward(np.zeros((1, 70)), (4, 4))
    assert calls == [7, 5]
    transform.forward(np.zeros((1, 70)), (4, 4), False)
    assert calls == [7, 5, 7, 5]
    gc.disable()
    try:
        gone = weakref.ref(transform)
        del transform
        assert gone() is None
    finally:
        gc.enable()
