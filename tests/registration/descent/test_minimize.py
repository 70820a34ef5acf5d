import numpy as np

from stn_numba.registration.descent.hessians import FullHessian
from stn_numba.registration.descent.minimize import CONVERGED, NO_IMPROVEMENT, OUT_OF_STEPS, OUT_OF_VIEW, minimize
from stn_numba.registration.descent.normal_equations import NormalEquations

TARGET = np.array([[1.0, 2.0], [-3.0, 0.5]])


def equations(cost, gradient, hessian):
    ones = np.ones((len(cost), 1))
    return NormalEquations(FullHessian(hessian), gradient, cost, ones, 0 * ones, ones[:, 0], ones[:, 0])


def valley(theta, rows):
    """Rosenbrock's valley around each row's target: Gauss-Newton of residuals 10 (y - x^2) and 1 - x."""
    x, y = (theta - TARGET[rows]).T + 1
    residuals = np.stack([10 * (y - x**2), 1 - x], axis=1)
    jacobian = np.stack([np.stack([-20 * x, 0 * x + 10], axis=1), np.stack([0 * x - 1, 0 * x], axis=1)], axis=1)
    gradient = np.einsum("nrp,nr->np", jacobian, residuals)
    return equations(np.sum(residuals**2, axis=1), gradient, np.einsum("nrp,nrq->npq", jacobian, jacobian))


def motion(step, rows):
    return np.abs(step).max(axis=1)


def test_pairs_converge_on_their_own():
    found = minimize(valley, motion, np.array([[-1.0, 3.0], [-3.0, 0.5]]), tolerance=1e-6, max_iterations=100)
    np.testing.assert_allclose(found.theta, TARGET, atol=1e-5)
    assert found.reasons == [CONVERGED, CONVERGED]
    assert found.iterations[1] == 1 < found.iterations[0]


def test_steps_run_out():
    found = minimize(valley, motion, np.array([[-9.0, 3.0], [-3.0, 9.5]]), tolerance=0.0, max_iterations=2)
    assert found.reasons == [OUT_OF_STEPS, OUT_OF_STEPS]
    np.testing.assert_array_equal(found.iterations, [2, 2])


def test_a_cost_that_only_grows_ends_the_search_where_it_began():
    def rising(theta, rows):
        first = bool((theta == 1.0).all())
        ones = np.ones(len(rows))
        return equations(ones if first else 2 * ones, np.ones((len(rows), 2)), np.tile(np.eye(2), (len(rows), 1, 1)))

    found = minimize(rising, motion, np.ones((1, 2)), tolerance=0.0, max_iterations=100)
    assert found.reasons == [NO_IMPROVEMENT]
    np.testing.assert_array_equal(found.theta, [[1.0, 1.0]])


def test_no_overlap_stops_at_once():
    def unseen(theta, rows):
        return equations(np.full(len(rows), np.inf), np.full((len(rows), 2), np.nan), np.full((len(rows), 2, 2), np.nan))

    found = minimize(unseen, motion, np.ones((1, 2)), tolerance=0.0, max_iterations=100)
    assert found.reasons == [OUT_OF_VIEW]
    np.testing.assert_array_equal(found.theta, [[1.0, 1.0]])


def test_a_step_that_loses_the_overlap_is_not_taken():
    def tempting(theta, rows):
        away = np.abs(theta).max(axis=1) > 0.5
        found = equations(1.0 - away, np.ones((len(rows), 2)), np.tile(np.eye(2), (len(rows), 1, 1)))
        return NormalEquations(**{**vars(found), "overlap": np.where(away, 0.3, 1.0)})

    found = minimize(tempting, motion, np.zeros((1, 2)), tolerance=1e-3, max_iterations=50)
    assert np.abs(found.theta).max() <= 0.5 + 1e-3  # the last step is not evaluated
