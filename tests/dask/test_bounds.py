"""Bounds of positions hold for every pixel of a window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dask.problems import TRANSFORMS, VOLUMES, thetas

pytest.importorskip("dask", reason="Dask is not installed")
from stn_numba.dask.bounds import bounds_of_window
from stn_numba.dask.positions import OutputPositions
from stn_numba.dask.reading import Axis
from stn_numba.kernels.constants import BILINEAR, BORDER, WRAP, ZEROS


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_position_that_counts_lies_within_the_bounds(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    makers = data.draw(st.sampled_from([TRANSFORMS, VOLUMES]))
    transform = makers[data.draw(st.sampled_from([*makers]))]()
    size = 60 if transform.ndim == 2 else 12
    in_shape, shape = (tuple(data.draw(st.integers(1, size)) for _ in range(transform.ndim)) for _ in range(2))
    window = tuple(slice(start := data.draw(st.integers(0, n - 1)), data.draw(st.integers(start + 1, n))) for n in shape)
    align_corners = data.draw(st.booleans())
    theta = thetas(transform, 2, rng, data.draw(st.sampled_from([0.0, 0.1, 1.0, 10.0])))
    positions = OutputPositions(transform.for_image(in_shape), theta, in_shape, shape, align_corners)
    mode = data.draw(st.sampled_from([ZEROS, BORDER, WRAP]))
    axes = [Axis(n, BILINEAR, 2, mode, 0.0, float(n)) for n in in_shape[::-1]]
    at = positions.in_window(window, slice(None))
    at = np.moveaxis(at, 1, -1).reshape(-1, transform.ndim)
    counts = np.isfinite(at).all(axis=1)
    if mode == ZEROS:
        counts = np.all([axis.counts(x) for axis, x in zip(axes, at.T, strict=True)], axis=0)
    if mode == WRAP:
        counts &= (np.abs(at) < 2.0**31).all(axis=1)  # farther out a repeating image ends
    found = bounds_of_window(positions, window, slice(None), axes)
    if not counts.any():
        return
    low, high = found
    slack = 1e-6 * (1 + np.abs(at[counts]).max())
    assert (at[counts] >= low - slack).all()
    assert (at[counts] <= high + slack).all()


@pytest.mark.parametrize(("makers", "name"), [(TRANSFORMS, "tps"), (TRANSFORMS, "polynomial"), (VOLUMES, "tps")])
def test_mapped_points_bend_no_farther_than_the_bound(makers, name):
    transform, rng = makers[name](), np.random.default_rng(0)
    theta = thetas(transform, 1, rng, 1.0)
    farthest = 0.0
    centers = [*getattr(transform, "control_points", ()), *rng.uniform(-0.7, 0.7, (40, transform.ndim))]
    for center in centers:
        sides = rng.uniform(0.01, 0.5, transform.ndim)
        low = np.clip(center - sides / 2, -1, 1 - sides)
        bound = transform.interpolation_error(theta, sides)
        share = rng.random((200, transform.ndim))
        share[0] = (np.clip(center, -1, 1) - low) / sides
        corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * transform.ndim), axis=-1).reshape(-1, transform.ndim)
        weights = np.prod(np.where(corners == 1, share[:, None], 1 - share[:, None]), axis=2)
        between = weights @ transform.apply(theta, low + corners * sides)[0]
        difference = np.abs(transform.apply(theta, low + share * sides)[0] - between).max(axis=0)
        assert (difference <= bound[0] + 1e-12).all()
        farthest = max(farthest, float((difference / bound[0]).max()))
    assert farthest > 0.002  # a bound that is too small is found
