"""The reference that the self test compares kernels with."""

import numpy as np

from stn_numba.deploy.reference import sampling_matrix
from tests.sampler import oracle


def test_the_reference_reads_pixels_at_pixel_centers():
    points = np.array([[-1.0, -1.0], [1.0, 1.0], [3.0, 0.0]])
    for kernel in ("nearest", "bilinear", "bicubic"):
        np.testing.assert_allclose(sampling_matrix(points, (2, 3), kernel), np.eye(6)[[0, 5, 5]] * [[1], [1], [0]], atol=1e-12)


def test_the_reference_agrees_with_the_oracle_of_the_tests():
    rng = np.random.default_rng(0)
    image, points = rng.random((5, 7, 2)), rng.uniform(-1.2, 1.2, (20, 2))
    pixels = oracle.in_pixels(points, (5, 7), align_corners=True)[None, None]
    for kernel in ("nearest", "bilinear", "bicubic", "lanczos3"):
        got = sampling_matrix(points, (5, 7), kernel) @ image.reshape(35, 2)
        np.testing.assert_allclose(got, oracle.read(image[None], pixels, kernel)[0, 0], atol=1e-12)
