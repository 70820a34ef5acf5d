"""NumPy's functions of arrays of symbols."""

import numpy as np
import pytest

from stn_numba.onnx.tracing.symbols import RecordingError
from tests.onnx.tracing.recorded import check_recorded


def matrices(theta):
    """Invertible matrices (N, 3, 3) that depend on theta."""
    rows = [[2 + theta[:, 0], theta[:, 1], 0.3 * theta[:, 0]], [0.1 * theta[:, 1], 3 - theta[:, 0], 0.2 + 0 * theta[:, 0]]]
    rows.append([0.3 * theta[:, 0], 0.1 + 0 * theta[:, 0], 4 + 0.5 * theta[:, 1]])
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def in_space(vectors):
    return np.concatenate([vectors, 0 * vectors[..., :1]], axis=-1)


FUNCTIONS = {
    "sum over an axis": lambda t, p: np.sum(t[:, None] * p, axis=-1),
    "mean and product": lambda t, p: (t[:, None] * p).mean(axis=-1) + np.prod(t[:, None] + p, axis=-1),
    "largest of several": lambda t, p: np.max(t[:, None] + p, axis=-1) - np.minimum.reduce(t[:, None] - p, axis=-1),
    "over two axes": lambda t, p: np.sum(t[:, None, :, None] * p[:, None], axis=(2, 3)) * np.max(t + 1, axis=(1,))[:, None],
    "norm": lambda t, p: np.linalg.norm(t[:, None] - p, axis=-1),
    "product of matrices": lambda t, p: (matrices(t)[:, :2, :2] @ p.T)[:, 0],
    "einsum": lambda t, p: np.einsum("nij,mj->nmi", matrices(t)[:, :2, :2], p)[..., 1],
    "inverse": lambda t, p: (np.linalg.inv(matrices(t))[:, :2, :2] @ p.T)[:, 1],
    "determinant": lambda t, p: np.linalg.det(matrices(t))[:, None] * p[:, 0],
    "solution": lambda t, p: np.linalg.solve(matrices(t), np.ones((len(t), 3, 1)))[:, :1, 0] * p[:, 0],
    "where": lambda t, p: np.where(t[:, :1] > p[:, 0], p[:, 1], t[:, 1:]),
    "select": lambda t, p: np.select([p[:, 0] > t[:, :1], p[:, 1] < 0], [p[:, 1] + t[:, :1], t[:, 1:]], 2.0),
    "interp": lambda t, p: np.interp(t[:, :1] + p[:, 0], [-1, -0.2, 0.5, 1], [0, 1, -1, 3]),
    "nan_to_num": lambda t, p: np.nan_to_num(np.log(t[:, :1]), nan=7.0) * p[:, 0],
    "masks": lambda t, p: ((t[:, :1] > 0) & ~(p[:, 0] > 0.5) | (p[:, 1] > 0.8)) * p[:, 1],
    "any": lambda t, p: np.where((t > 0).any(axis=1, keepdims=True), p[:, 0], p[:, 1]),
    "all": lambda t, p: p[:, 0] + (t > -0.5).all(axis=1)[:, None],
    "stack and concatenate": lambda t, p: np.concatenate([t, t * t], axis=1) @ np.arange(4.0)[:, None] * p[:, 0],
    "whole numbers": lambda t, p: (3 * t[:, :1]).astype(int) * p[:, 0] + np.round(2 * t[:, 1:]),
    "broadcast": lambda t, p: np.broadcast_to(t[:, :1], (len(t), len(p))) * p[:, 0],
    "sinc": lambda t, p: np.sinc(t[:, :1] * p[:, 0]),
    "polyval": lambda t, p: np.polyval([0.5, -1, 0.2], t[:, :1] + p[:, 0]),
    "cross": lambda t, p: np.cross(in_space(t[:, None] + 0 * p), in_space(p + 0 * t[:, None]))[..., 2],
    "cumulative sums": lambda t, p: np.cumsum(t, axis=1)[:, 1:] * p[:, 0],
    "in place": lambda t, p: changed(t, p),
    "an if": lambda t, p: by_rows(t, p),
}  # fmt: skip


def changed(theta, points):
    result = theta[:, :1] * points[:, 0]
    result += points[:, 1]
    result[result > 0.4] *= 0.5
    result -= np.where(result < -0.3, theta[:, 1:], 0)
    return result


def by_rows(theta, points):
    """Python's own control flow, row by row."""
    rows = [np.exp(points[:, 0]) * row[0] if row[0] > row[1] else abs(row[1]) * points[:, 1] for row in theta]
    return np.stack(rows)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    check_recorded(FUNCTIONS[name], tolerance=5e-5)


@pytest.mark.parametrize("name", ["where", "masks", "select", "interp"])
def test_conditions_of_arrays_become_operators(name):
    operators = [node.operator for node in check_recorded(FUNCTIONS[name], tolerance=5e-5).nodes]
    assert operators.count("Where") <= 2


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda t, p: np.sort(t + 0 * p[0], axis=1) * p[:1, 0], "'sort' has no counterpart"),
        (lambda t, p: np.nextafter(t[:, :1], p[:, 0]), "'nextafter' has no counterpart"),
        (lambda t, p: np.linspace(0, 1, 9)[(4 + t[:, :1] * 2 + 0 * p[:, 0]).astype(int)], "int that depends on theta"),
        (lambda t, p: np.add(t[:, :1], p[:, 0], where=p[:, 0] > -9, out=0 * t[:, :1] * p[:, 0]), "numpy.add with where="),
        (lambda t, p: np.frexp(t[:, :1] + p[:, 0])[0], "'frexp' has no counterpart"),
    ],
)
def test_what_cannot_be_recorded_is_named(function, message):
    with pytest.raises(RecordingError, match=message):
        check_recorded(function)
