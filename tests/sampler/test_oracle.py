"""The oracle itself, against the paper's equation and against finite differences."""

import numpy as np
import pytest

from stn_numba.sampler.interpolation import KERNELS
from stn_numba.testing import check_vjp
from tests.sampler import oracle


def double_sum(channel, x, y):
    """Equation 5 with the bilinear kernel, as it is printed."""
    H, W = channel.shape
    return sum(channel[n, m] * max(0.0, 1 - abs(x - m)) * max(0.0, 1 - abs(y - n)) for n in range(H) for m in range(W))


def test_bilinear_samples_are_the_double_sum_of_equation_5():
    rng = np.random.default_rng(0)
    for H, W in ((5, 7), (1, 6), (6, 1), (1, 1)):
        image, pixels = rng.normal(size=(2, H, W, 2)), rng.uniform(-2, 8, (2, 3, 4, 2))
        expected = [
            [[[double_sum(image[n, ..., c], *pixels[n, i, j]) for c in range(2)] for j in range(4)] for i in range(3)]
            for n in range(2)
        ]
        np.testing.assert_allclose(oracle.read(image, pixels), expected, atol=1e-12)


@pytest.mark.parametrize("fill", [None, 3.0])
@pytest.mark.parametrize("padding", ["zeros", "border", "symmetric", "reflect101", "wrap", "constant"])
@pytest.mark.parametrize("kernel", ["bilinear", *KERNELS])
def test_gradients_agree_with_differences(kernel, padding, fill):
    rng = np.random.default_rng(0)
    options = {"kernel": kernel, "padding": padding, "fill": fill}

    def sampled(image, pixels):
        return oracle.read(image, pixels, **options), lambda d: oracle.gradients(image, pixels, d, **options)

    check_vjp(sampled, rng.normal(size=(2, 5, 6, 3)), rng.uniform(-2.4, 7.4, (2, 4, 3, 2)))
