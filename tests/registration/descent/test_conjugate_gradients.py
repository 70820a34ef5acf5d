import numpy as np
import pytest

from stn_numba.registration.descent.conjugate_gradients import conjugate_gradients


def system(size=30, seed=0):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    return root @ root.T + np.eye(size), rng.normal(size=size)


@pytest.mark.parametrize("preconditioned", [False, True])
def test_the_solution_of_a_system(preconditioned):
    matrix, right = system()
    undo = np.linalg.inv(matrix + 0.1 * np.eye(30)) if preconditioned else np.eye(30)
    calls = []

    def multiply(vector):
        calls.append(1)
        return matrix @ vector

    found = conjugate_gradients(multiply, right, lambda vector: undo @ vector, tolerance=1e-9, most=200)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-6, atol=1e-9)
    assert len(calls) <= (8 if preconditioned else 80)


def test_it_stops_when_the_residual_is_small_or_iterations_run_out():
    matrix, right = system()
    for tolerance, most in ((0.1, 200), (0.0, 3)):
        found = conjugate_gradients(lambda vector: matrix @ vector, right, np.copy, tolerance=tolerance, most=most)
        residual = np.linalg.norm(matrix @ found - right) / np.linalg.norm(right)
        assert residual <= tolerance or most == 3
        assert residual > 1e-3


def test_nothing_to_solve_and_numbers_that_are_not_finite():
    zero = conjugate_gradients(np.copy, np.zeros(3), np.copy, tolerance=1e-3, most=9)
    np.testing.assert_array_equal(zero, np.zeros(3))
    stopped = conjugate_gradients(lambda vector: vector * np.nan, np.ones(3), np.copy, tolerance=1e-3, most=9)
    np.testing.assert_array_equal(stopped, np.zeros(3))
