"""Clipping of gradients."""

import numpy as np

from stn_numba.nn.optimizers.clipping import clip_by_global_norm
from tests.nn.odd_arrays import read_only


def test_clipping_limits_the_joint_norm():
    gradients = {"a": np.full(3, 2.0), "b": np.full(1, 2.0)}
    clipped = clip_by_global_norm(gradients, 1.0)
    assert np.isclose(sum(np.sum(g**2) for g in clipped.values()), 1.0)
    assert clip_by_global_norm(gradients, 5.0) is gradients


def test_clipping_does_not_write_to_gradients():
    assert clip_by_global_norm({"a": read_only(np.array([6.0, 8.0]))}, 5.0)["a"].tolist() == [3, 4]
