"""Theta in another form is refused with an expression that gives the right theta."""

import re

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.transform.checked import make_grid

AFFINE, PROJECTIVE, SPLINE = (stn.get_transform(name) for name in ("affine", "projective", "tps"))
RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-1, 1, (5, 2))
FUNCTIONS = {
    "forward": lambda transform, theta: transform.forward(theta, (3, 4)),
    "apply": lambda transform, theta: transform.apply(theta, POINTS),
    "make_grid": lambda transform, theta: make_grid(transform, theta, (3, 4)),
}


def thetas(transform, n=4):
    return transform.identity() + RNG.normal(0, 0.1, (n, transform.n_params))


def message(function, transform, theta):
    with pytest.raises((TypeError, ValueError), match="^theta: expected ") as caught:
        FUNCTIONS[function](transform, theta)
    return str(caught.value)


FORMS = {
    "(N, 2, 3)": (AFFINE, lambda theta: theta.reshape(-1, 2, 3)),
    "(2, 3)": (AFFINE, lambda theta: theta[0].reshape(2, 3)),
    "lists of rows": (AFFINE, lambda theta: theta[0].reshape(2, 3).tolist()),
    "(N, 3, 3) of affine maps": (
        AFFINE,
        lambda theta: np.concatenate([theta.reshape(-1, 2, 3), np.tile([[[0, 0, 1]]], (len(theta), 1, 1))], 1),
    ),
    "(P, 1)": (AFFINE, lambda theta: theta[0][:, None]),
    "(N, 1, P)": (PROJECTIVE, lambda theta: theta[:, None]),
    "(1, N, P)": (PROJECTIVE, lambda theta: theta[None]),
    "(N, P, 1)": (SPLINE, lambda theta: theta[..., None]),
    "(P, N)": (SPLINE, lambda theta: theta.T),
    "(N, 2, K)": (SPLINE, lambda theta: theta.reshape(-1, 2, 16)),
    "(N, K, 2), points": (SPLINE, lambda theta: theta.reshape(-1, 2, 16).swapaxes(1, 2)),
    "(K, 2), points": (SPLINE, lambda theta: theta[0].reshape(2, 16).T),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("transform", "form"), FORMS.values(), ids=FORMS)
def test_the_recommended_expression_gives_the_same_theta(function, transform, form):
    right = thetas(transform)
    theta = form(right)
    advice = re.search(r"; take (.*)$", message(function, transform, theta))
    got = eval(advice[1], {"theta": theta, "np": np})
    np.testing.assert_array_equal(got, right[: len(got)])
    assert len(got) in (1, len(right))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 3, 3), (4, 9), (9,)])
def test_homographies_of_nine_numbers_get_advice(function, shape):
    assert "divide each row by its last number and drop that number" in message(function, PROJECTIVE, np.ones(shape))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_single_row_gets_advice(function):
    assert message(function, AFFINE, AFFINE.identity()).endswith("got (6,); one row is theta[None]")
    assert message(function, AFFINE, AFFINE.identity().tolist()).endswith("put it into a list: [theta]")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_parameters_of_another_matrix_transform_suggest_it(function):
    assert 'homographies take transform="projective"' in message(function, AFFINE, thetas(PROJECTIVE))
    assert 'homographies take transform="projective"' in message(function, AFFINE, np.ones((2, 3, 3)))
    assert 'affine maps take transform="affine"' in message(function, PROJECTIVE, thetas(AFFINE))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_grids_suggest_sample(function):
    pair = SPLINE.forward(thetas(SPLINE), (3, 4))
    for theta in (pair, pair[0], list(pair)):
        assert message(function, SPLINE, theta).endswith("a grid goes to `sample(image, grid)`")
    assert "positions (N, h, w, 2) go to `sample(image, grid)`" in message(function, SPLINE, pair[0].dense())


@pytest.mark.parametrize(
    ("transform", "theta"),
    [
        (AFFINE, np.zeros((4, 3, 2))),
        (AFFINE, np.zeros(12)),
        (PROJECTIVE, np.zeros((4, 2, 4))),
        (AFFINE, np.zeros(5)),
        (AFFINE, 3.0),
    ],
)
def test_ambiguous_shapes_get_no_advice(transform, theta):
    assert ";" not in message("forward", transform, theta)


def test_custom_transforms_get_no_advice():
    class Wave(stn.Transform):
        n_params = 6

        def identity(self):
            return np.zeros(6)

        def apply(self, theta, points):
            return np.repeat(points[None], len(theta), axis=0)

    assert message("forward", Wave(), np.zeros((4, 2, 3))) == "theta: expected (N, 6), got (4, 2, 3)"
    Wave.identity = lambda self: 1 / 0
    assert message("forward", Wave(), np.zeros((4, 2, 3))) == "theta: expected (N, 6), got (4, 2, 3)"


@pytest.mark.parametrize("theta", [None, "affine", [[1j] * 6], [[True] * 6], [["a"] * 6]])
def test_theta_that_is_not_numeric_is_refused(theta):
    assert "theta: expected numbers, got dtype" in message("forward", AFFINE, theta)
