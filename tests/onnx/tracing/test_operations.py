"""Every function in the table, beside NumPy's."""

import numpy as np
import pytest

from stn_numba.onnx.tracing.operations import OPERATIONS
from tests.onnx.tracing.recorded import check_recorded

DOMAINS = {
    "arccos": (-0.9, 0.9), "arccosh": (1.1, 4), "arcsin": (-0.9, 0.9), "arctanh": (-0.9, 0.9), "log": (0.1, 3),
    "log10": (0.1, 3), "log1p": (-0.5, 3), "log2": (0.1, 3), "sqrt": (0.1, 3), "power": (0.1, 3), "float_power": (0.1, 3),
}  # fmt: skip
OF_TRUTHS = {"bitwise_and", "bitwise_or", "bitwise_xor", "invert"}
NAMES = [name for name in OPERATIONS if name != "clip" and hasattr(np, name)]


@pytest.mark.parametrize("name", NAMES)
def test_every_function(name):
    low, high = DOMAINS.get(name, (-2, 2))
    samples, function = np.random.default_rng(0).uniform(low, high, (12, 2)), getattr(np, name)

    def of(theta, points):
        a, b = theta[:, :1], theta[:, 1:] + 0 * points[:, 0]
        if name in OF_TRUTHS:
            a, b = a > 0.3, b < 0.2
        result = function(a, b) if function.nin == 2 else function(a + 0 * points[:, 0] if name not in OF_TRUTHS else b)
        return np.where(result, 1.5, 2.5) if name in OF_TRUTHS else result * 1.0

    check_recorded(of, samples=samples, tolerance=3e-5)


def test_arctan2_in_all_quadrants_and_on_the_axes():
    values = np.array([[y, x] for y in (-1, 0, 0.3, 1) for x in (-1, -0.3, 0, 0.3, 1)], float)
    check_recorded(lambda theta, points: np.arctan2(theta[:, :1], theta[:, 1:]) + 0 * points[:, 0], samples=values)


@pytest.mark.parametrize("exponent", [1, 2, 3, 4, 0.5, -1, 1.5, -2])
def test_powers(exponent):
    check_recorded(lambda theta, points: np.exp(theta[:, :1]) ** exponent * points[:, 0])


def test_limits():
    check_recorded(lambda theta, points: np.clip(points[:, 0], theta[:, :1] - 0.5, theta[:, :1] + 0.5))
    check_recorded(lambda theta, points: np.clip(theta[:, :1] + points[:, 1], -0.3, None), tolerance=1e-6)
