"""Both kinds of second derivatives do the same."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.registration.descent import hessians
from stn_numba.registration.descent.hessians import FullHessian, NearHessian
from stn_numba.registration.descent.normal_equations import normal_equations
from stn_numba.registration.descent.volume_penalty import VolumePenalty
from stn_numba.registration.models import Sums, model_of
from stn_numba.registration.models.lighting import Lighting
from tests.registration.models.test_sums_of_transforms import theta_of, whole
from tests.registration.models.volumes.test_sums_of_volumes import level_of

LATTICE = stn.get_transform("bspline", control_points=(4, 5, 6))


def pairs_of_equations(free_gain=True, channels=2):
    """Normal equations of two pairs, near and in full."""
    level, theta, pairs = level_of((20, 21, 22), (20, 19, 23), channels=channels), theta_of(LATTICE), np.array([0, 1])
    sums = model_of(LATTICE).sums(level, theta, pairs, Lighting())
    full = Sums(whole(sums.jj, (2, channels, 360, 360)), sums.jr, sums.rr, sums.count)
    terms = VolumePenalty(LATTICE, 1e-5).terms(theta)
    return [normal_equations(each, free_gain).plus(*terms) for each in (sums, full)]


@pytest.mark.parametrize("free_gain", [True, False])
def test_near_hessians_are_full_ones(free_gain):
    near, full = pairs_of_equations(free_gain)
    assert (type(near.hessian), type(full.hessian)) == (NearHessian, FullHessian)
    scale = np.abs(full.hessian.dense()).max()
    np.testing.assert_allclose(near.hessian.dense(), full.hessian.dense(), atol=1e-10 * scale)
    np.testing.assert_allclose(near.hessian.diagonal(), full.hessian.diagonal(), atol=1e-10 * scale)


@pytest.mark.parametrize("damping", [0.0, 1e-3, 10.0])
def test_steps_are_alike(damping, monkeypatch):
    near, full = pairs_of_equations()
    expected = full.step(np.full(2, damping))
    rough = near.step(np.full(2, damping))
    assert np.linalg.norm(rough - expected) < 0.1 * np.linalg.norm(expected)
    monkeypatch.setattr(hessians, "_TOLERANCE", 1e-9)
    np.testing.assert_allclose(near.step(np.full(2, damping)), expected, atol=1e-5 * np.abs(expected).max())


def test_rows_are_taken_replaced_and_joined():
    for equations in pairs_of_equations():
        first, second = (equations.take(np.array([k])) for k in range(2))
        dense = equations.hessian.dense()
        np.testing.assert_array_equal(type(equations).joined([second, first]).hessian.dense(), dense[::-1])
        np.testing.assert_array_equal(equations.replaced(np.array([0]), second).hessian.dense(), dense[[1, 1]])
        np.testing.assert_array_equal(equations.hessian.dense(), dense)


def test_a_pair_without_derivatives_has_no_step_and_leaves_the_other_alone():
    for equations in pairs_of_equations():
        step = equations.step(np.zeros(2))
        where = equations.hessian.near.sums if isinstance(equations.hessian, NearHessian) else equations.hessian.matrices
        where[0] = np.nan
        np.testing.assert_array_equal(equations.step(np.zeros(2)), [0 * step[0], step[1]])
