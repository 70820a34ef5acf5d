import numpy as np

from stn_numba.registration.descent.normal_equations import NormalEquations, normal_equations
from stn_numba.registration.models import Sums

P = 3


def problem(seed=0, m=200, channels=2):
    """Derivatives (C, M, P), values, fixed pixels and weights (C, M)."""
    rng = np.random.default_rng(seed)
    slopes, value = rng.normal(size=(channels, m, P)), rng.normal(size=(channels, m)) + 2
    return slopes, value, 1.5 * value - 3 + rng.normal(0, 0.3, (channels, m)), rng.random((channels, m))


def sums(slopes, value, fixed, weight):
    rows = np.stack([value, np.ones_like(value), fixed], axis=-1)
    weighted = slopes * weight[..., None]
    return Sums(
        np.einsum("cmp,cmq->cpq", weighted, slopes)[None],
        np.einsum("cmp,cmq->cpq", weighted, rows)[None],
        np.einsum("cm,cmp,cmq->cpq", weight, rows, rows)[None],
        weight[:1].sum(axis=1),
    )


def test_a_step_solves_the_least_squares_problem_of_all_unknowns():
    slopes, value, fixed, weight = problem()
    found = normal_equations(sums(slopes, value, fixed, weight), True)
    zero = np.zeros_like(value[0])
    columns, targets = [], []
    for c in range(2):
        root = np.sqrt(weight[c])
        own = [zero, zero, zero, zero]
        own[2 * c], own[2 * c + 1] = value[c], np.ones_like(zero)
        columns.append(np.stack([*(found.gain[0, c] * slopes[c]).T, *own], axis=1) * root[:, None])
        targets.append(fixed[c] * root)
    expected = np.linalg.lstsq(np.concatenate(columns), np.concatenate(targets), rcond=None)[0][:P]
    np.testing.assert_allclose(found.step(np.zeros(1))[0], expected, rtol=1e-8)


def test_cost_is_one_minus_the_squared_correlation():
    slopes, value, fixed, weight = (each[:1] for each in problem())
    found = normal_equations(sums(slopes, value, fixed, np.ones_like(weight)), True)
    correlation = np.corrcoef(value[0], fixed[0])[0, 1]
    np.testing.assert_allclose(found.correlation, correlation)
    np.testing.assert_allclose(found.cost, 1 - correlation**2)


def test_fixed_gain():
    slopes, value, fixed, weight = (each[:1] for each in problem())
    found = normal_equations(sums(slopes, value, fixed, weight), False)
    root = np.sqrt(weight[0])
    expected = np.linalg.lstsq(slopes[0] * root[:, None], (fixed - value)[0] * root, rcond=None)[0]
    np.testing.assert_allclose(found.step(np.zeros(1))[0], expected, rtol=1e-8)
    np.testing.assert_array_equal(found.gain, [[1.0]])


def test_no_overlap_and_flat_images_have_an_infinite_cost_and_no_step():
    slopes, value, fixed, weight = problem()
    for broken in ((slopes, value, fixed, 0 * weight), (slopes, value, 0 * fixed + 1, weight)):
        found = normal_equations(sums(*broken), True)
        assert np.isinf(found.cost).all()
        np.testing.assert_array_equal(found.step(np.zeros(1)), np.zeros((1, P)))
        assert np.isfinite(found.correlation).all()


def test_damping_shortens_a_step_whatever_the_units():
    found = normal_equations(sums(*problem()), True)
    free, damped = (np.linalg.norm(found.step(np.full(1, damping))) for damping in (0.0, 10.0))
    assert damped < 0.3 * free
    scale = np.array([1.0, 1e6, 1e-6])
    slopes, value, fixed, weight = problem()
    scaled = normal_equations(sums(slopes * scale, value, fixed, weight), True)
    np.testing.assert_allclose(scaled.step(np.full(1, 0.1)) * scale, found.step(np.full(1, 0.1)), rtol=1e-6)


def test_rows_are_taken_replaced_and_joined():
    first, second = (normal_equations(sums(*problem(seed)), True) for seed in (0, 1))
    both = NormalEquations.joined([first, second])
    np.testing.assert_array_equal(both.take(np.array([1])).hessian.dense(), second.hessian.dense())
    np.testing.assert_array_equal(both.replaced(np.array([0]), second).cost, np.repeat(second.cost, 2))
