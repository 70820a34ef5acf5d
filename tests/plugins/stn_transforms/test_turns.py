import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from stn_numba.testing import check_vjp
from stn_transforms.turns import rotation_matrices

RNG = np.random.default_rng(0)


def test_rotations_are_those_of_scipy():
    vectors = np.concatenate([RNG.standard_normal((20, 3)), 1e-5 * RNG.standard_normal((5, 3)), np.zeros((1, 3))])
    np.testing.assert_allclose(rotation_matrices(vectors)[0], Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)


@pytest.mark.parametrize("length", [1.0, 1e-3, 2e-5, 0.0])
def test_gradient_of_rotations(length):
    def matrices(vectors):
        found, slopes = rotation_matrices(vectors)
        return found, lambda d: np.einsum("nij,nkij->nk", d, slopes)

    check_vjp(matrices, length * RNG.standard_normal((3, 3)))
