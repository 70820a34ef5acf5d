"""Checks of what follows from ``apply``: one set of points for each row, inverses, and fits to points."""

from __future__ import annotations

import numpy as np

from stn_numba.testing.case import Case, expect
from stn_numba.transform.points import apply_each

__all__ = ["each_row_maps_its_own_points", "fitted_points_are_mapped", "inverse_undoes_apply"]

_TOLERANCE = 1e-6
_MOST_FITTED = 64  # parameters; fits of more take long without derivatives


def each_row_maps_its_own_points(case: Case) -> None:
    """Points (N, M, 2) are mapped as each row maps its own."""
    sets = case.points + 0.1 * np.random.default_rng(3).uniform(-1, 1, (len(case.theta), *case.points.shape))
    together = np.asarray(apply_each(case.transform, case.theta, sets))
    expect(together.shape == sets.shape, f"apply: expected {sets.shape} for one set of points a row, got {together.shape}")
    apart = [case.transform.apply(case.theta[row : row + 1], sets[row])[0] for row in range(len(sets))]
    off = float(np.abs(together - apart).max())
    expect(off <= 1e-9, f"a set of points is mapped differently among other rows, by {off:.3g}")


def inverse_undoes_apply(case: Case) -> None:
    """What ``apply_inverse`` finds, ``apply`` maps back to where it was."""
    if not case.invertible:
        return
    mapped = np.asarray(case.transform.apply(case.theta, case.points))
    found = np.asarray(case.transform.apply_inverse(case.theta, mapped))
    expect(found.shape == mapped.shape, f"apply_inverse: expected {mapped.shape}, got {found.shape}")
    again = np.asarray(apply_each(case.transform, case.theta, np.nan_to_num(found)))
    off = float(np.abs(again - mapped)[np.isfinite(found)].max(initial=0.0))
    expect(off <= _TOLERANCE, f"apply(apply_inverse(points)) differs from points by {off:.3g}")


def fitted_points_are_mapped(case: Case) -> None:
    """Parameters that ``fit_points`` finds map the points as those that made the targets; refused points pass."""
    count = case.transform.n_params
    if not case.fittable or count > _MOST_FITTED:
        return
    source = np.random.default_rng(4).uniform(-1, 1, (max(20, count), case.transform.ndim))
    target = np.asarray(case.transform.apply(case.theta, source))
    if not np.isfinite(target).all():
        return
    try:
        fitted = case.transform.fit_points(source, target)
    except ValueError:  # the points leave a parameter undetermined
        return
    expect(np.shape(fitted) == case.theta.shape, f"fit_points: expected {case.theta.shape}, got {np.shape(fitted)}")
    off = float(np.abs(np.asarray(case.transform.apply(fitted, source)) - target).max())
    expect(off <= _TOLERANCE, f"fit_points: expected points to reach targets that can be reached, one is off by {off:.3g}")
