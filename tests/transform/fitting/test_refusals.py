"""Points that do not determine a transform are refused with the reason."""

import numpy as np
import pytest

import stn_numba as stn
from tests.transform.fitting.examples import KINDS

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-1, 1, (20, 2))
LINE = np.linspace([-1.0, -0.5], [1.0, 0.7], 20)
THREE = np.array([[-1.0, 0], [0, 0], [1, 0], [0.3, 1]])


class Redundant(stn.MatrixTransform):
    """Two shifts along x, of which only the sum matters."""

    n_params = 2

    def identity(self):
        return np.zeros(2)

    def matrix(self, theta):
        matrix = np.tile(np.eye(3), (len(theta), 1, 1))
        matrix[:, 0, 2] = theta.sum(axis=1)
        return matrix


DEGENERATE = {
    "few": ("affine", POINTS[:2], POINTS[:2], r"source: expected at least 3 points for the 6 parameters of Affine, got 2"),
    "few for a homography": ("projective", POINTS[:3], POINTS[:3], "expected at least 4 points for the 8 parameters"),
    "none": ("turn", POINTS[:0], POINTS[:0], "at least 1 points for the 1 parameters of Turn, got 0"),
    "line": ("affine", LINE, POINTS, "source: all points lie on one line, which does not determine Affine"),
    "line, homography": ("projective", LINE, POINTS, "source: all points lie on one line"),
    "target on a line": ("projective", POINTS[:4], LINE[:4], "target: all points lie on one line"),
    "three": ("projective", THREE, POINTS[:4], "source: three of the four points lie on one line"),
    "coincide": ("similarity", np.ones((5, 2)), POINTS[:5], "source: all points coincide, which does not determine Similarity"),
    "at the center": ("turn", np.zeros((2, 2)), POINTS[:2], "source: all points coincide"),
    "cubic": (
        "cubic",
        np.tile(POINTS[:5], (4, 1)),
        POINTS,
        r"leave parameters of Quintic undetermined \(theta\[:, k\] for k = 0",
    ),
}


@pytest.mark.parametrize(("name", "source", "target", "message"), DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_points_are_refused_by_name(name, source, target, message):
    with pytest.raises(ValueError, match=message):
        KINDS[name].fit_points(source, target)


def test_points_on_a_line_are_enough_for_a_similarity():
    theta = np.array([[0.3, 0.1, 0.2, -0.1]])
    transform = KINDS["similarity"]
    np.testing.assert_allclose(transform.fit_points(LINE, transform.apply(theta, LINE)[0]), theta, atol=1e-9)


def test_redundant_parameters_are_refused():
    with pytest.raises(ValueError, match=r"parameters of Redundant undetermined \(theta\[:, k\] for k = 0, 1\)"):
        Redundant().fit_points(POINTS, POINTS)


def test_the_row_is_named():
    source = np.stack([POINTS, LINE])
    with pytest.raises(ValueError, match=r"all points lie on one line.* \(row 1\)"):
        KINDS["affine"].fit_points(source, POINTS)
    with pytest.raises(ValueError, match=r"at least 3 points with a positive weight .* got 2 \(row 1\)"):
        KINDS["affine"].fit_points(POINTS[:3], POINTS[:3], [[1, 1, 1], [1, 0, 1]])


BAD = {
    "count": ((POINTS, POINTS[:19]), "target: expected as many points as source, 20, got 19"),
    "shape": ((POINTS.T, POINTS), r"source: expected \(M, 2\), got \(2, 20\)"),
    "sets": ((np.zeros((2, 20, 2)), np.zeros((3, 20, 2))), r"one number of sets .* got \[2, 3\]"),
    "nan": ((POINTS, np.where(POINTS > 0.9, np.nan, POINTS)), "target: expected finite positions"),
    "weights": ((POINTS, POINTS, -np.ones(20)), "weights: expected finite numbers of at least 0"),
    "weight shape": ((POINTS, POINTS, np.ones(19)), r"weights: expected \(20\), got \(19,\)"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        KINDS["affine"].fit_points(*arguments)


def test_no_sets_give_no_rows():
    empty = np.zeros((0, 20, 2))
    for transform in KINDS.values():
        assert transform.fit_points(empty, empty).shape == (0, transform.n_params)
