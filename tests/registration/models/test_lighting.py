import numpy as np
import pytest

from stn_numba.registration.models.lighting import HUBER, ROBUST, TUKEY, Lighting, robust_weights, scale_of
from tests.registration.models.oracle import weights_of


def test_the_scale_is_the_deviation_of_the_good_residuals():
    residuals = np.random.default_rng(0).normal(0, 0.2, (2, 1, 40_000))
    residuals[0, 0, ::5] = 50
    residuals[1, 0, ::3] = np.nan
    scale = scale_of(residuals)
    assert scale.shape == (2, 1)
    assert 0.2 < scale[0, 0] < 0.28
    np.testing.assert_allclose(scale[1, 0], 0.2, rtol=0.05)


def test_the_scale_is_never_zero_and_infinite_without_residuals():
    scale = scale_of(np.array([[[0.0, 0.0]], [[np.nan, np.nan]]]))
    assert 0 < scale[0, 0] < 1e-3
    assert np.isinf(scale[1, 0])


@pytest.mark.parametrize(("name", "limit"), [("huber", HUBER), ("tukey", TUKEY)])
def test_weights_are_derivatives_of_the_losses(name, limit):
    def loss(r):
        if name == "huber":
            return np.where(np.abs(r) < limit, r**2 / 2, limit * np.abs(r) - limit**2 / 2)
        return limit**2 / 6 * (1 - (1 - np.minimum(1, (r / limit) ** 2)) ** 3)

    residuals, step, scale = np.linspace(-7, 7, 40), 1e-5, 0.5
    slope = (loss(residuals + step) - loss(residuals - step)) / (2 * step)
    np.testing.assert_allclose(robust_weights(residuals * scale, ROBUST[name], scale) * residuals, slope, atol=1e-6)


def test_without_robust_weights_kernels_get_no_arguments():
    assert Lighting().arguments() == {}
    assert weights_of(Lighting(), np.ones(3), np.ones(3), 0) == 1.0
