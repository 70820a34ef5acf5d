"""Samples and gradients of volumes, with random options and positions, agree with the slow oracle."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.sampler import volume_gradients
from tests.sampler import oracle
from tests.sampler.examples import OWN_KERNELS, strided_image
from tests.sampler.test_against_oracle import FAR, KERNEL_NAMES, RESOLVED_PADDINGS, can_be_compared, put_far

CHANNELS = (1, 2, 3, 4, 5, 9)
SIZES = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 6), st.sampled_from(CHANNELS))
STRIDES = st.sampled_from(["plain", "stepped", "reversed", "fortran"])
LAYOUTS = st.sampled_from(["NDHWC", "NCDHW"])


def in_layout(array, layout):
    """An array (N, D, H, W, C), or back again, in a layout."""
    return np.moveaxis(array, -1, 1) if layout == "NCDHW" else array


def last(array, layout):
    return np.moveaxis(array, 1, -1) if layout == "NCDHW" else array


def random_volume(rng, batch, sizes, dtype, strides, layout):
    *space, C = sizes
    return strided_image(rng, (batch, C, *space) if layout == "NCDHW" else (batch, *space, C), dtype, strides)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    kernel=st.sampled_from(KERNEL_NAMES),
    padding=st.sampled_from(RESOLVED_PADDINGS),
    dtype=st.sampled_from(["float32", "float64", "uint8", "int16", "int32"]),
    strides=STRIDES,
    layout=LAYOUTS,
    sizes=SIZES,
    width=st.sampled_from([1, 3, 11]),
    fill=st.sampled_from([None, 7.0]),
    far=st.lists(st.sampled_from(FAR), max_size=6),
)
def test_samples_agree_with_the_oracle(seed, kernel, padding, dtype, strides, layout, sizes, width, fill, far):
    assume(can_be_compared(kernel, padding, fill))
    rng = np.random.default_rng(seed)
    volume = random_volume(rng, 2, sizes, dtype, strides, layout)
    voxels = rng.uniform(-3, 8, (2, 2, 3, width, 3))
    put_far(voxels, far, kernel)
    kernel = OWN_KERNELS.get(kernel, kernel)
    got = stn.sample(volume, voxels, kernel=kernel, padding=padding, fill=fill, layout=layout, units="pixels")
    expected = oracle.read(last(volume, layout).astype(float), voxels, kernel, padding, fill)
    assert got.dtype == dtype
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        assert np.abs(last(got, layout).astype(float) - np.clip(expected, limits.min, limits.max)).max() <= 0.501
    else:
        np.testing.assert_allclose(last(got, layout), expected, atol=1e-9 if dtype == "float64" else 2e-4)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    kernel=st.sampled_from(KERNEL_NAMES),
    padding=st.sampled_from(RESOLVED_PADDINGS),
    dtypes=st.sampled_from([("float64", "float64"), ("float32", "float64"), ("float32", "float32"), ("float64", "float32")]),
    strides=STRIDES,
    layout=LAYOUTS,
    sizes=SIZES,
    batch=st.sampled_from([(2, 2), (1, 2), (2, 1)]),
    width=st.sampled_from([1, 3, 11]),
    fill=st.sampled_from([None, 7.0]),
    far=st.lists(st.sampled_from(FAR), max_size=6),
)
def test_gradients_agree_with_the_oracle(seed, kernel, padding, dtypes, strides, layout, sizes, batch, width, fill, far):
    assume(can_be_compared(kernel, padding, fill))
    rng, (volumes, grids) = np.random.default_rng(seed), batch
    volume = random_volume(rng, volumes, sizes, dtypes[0], strides, layout)
    d_out = random_volume(rng, 2, (2, 3, width, sizes[3]), dtypes[0], strides, layout)
    voxels = rng.uniform(-3, 8, (grids, 2, 3, width, 3)).astype(dtypes[1])
    put_far(voxels, far, kernel)
    kernel = OWN_KERNELS.get(kernel, kernel)
    options = {"kernel": kernel, "padding": padding, "fill": fill, "layout": layout, "units": "pixels"}
    d_volume, d_grid = stn.sample_vjp(volume, voxels, **options)[1](d_out)
    expected = oracle.gradients(last(volume, layout), voxels, last(d_out, layout), kernel, padding, fill)
    assert (d_volume.dtype, d_grid.dtype) == dtypes
    tolerance = 1e-9 if dtypes[0] == "float64" else 4e-4
    np.testing.assert_allclose(last(d_volume, layout), expected[0], atol=tolerance, rtol=tolerance)
    tolerance = 1e-9 if dtypes == ("float64",) * 2 else 4e-4
    np.testing.assert_allclose(d_grid, expected[1], atol=10 * tolerance, rtol=tolerance)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    kernel=st.sampled_from(KERNEL_NAMES),
    padding=st.sampled_from(RESOLVED_PADDINGS),
    dtype=st.sampled_from(["float32", "float64"]),
    layout=LAYOUTS,
    channels=st.sampled_from(CHANNELS),
    depth=st.integers(1, 9),
    bands=st.integers(2, 4),
    kind=st.sampled_from(["dense", "affine", "projective"]),
)
def test_bands_of_a_volume_add_up_to_its_gradients(seed, kernel, padding, dtype, layout, channels, depth, bands, kind):
    """A volume that several threads share is divided; here a small one."""
    rng = np.random.default_rng(seed)
    volume, d_out = (random_volume(rng, 1, (*sizes, channels), dtype, "plain", layout) for sizes in ((depth, 5, 6), (3, 2, 19)))
    if kind == "dense":
        grid = rng.uniform(-1.6, 1.6, (1, 3, 2, 19, 3))
    else:
        transform = stn.get_transform(kind, ndim=3)
        theta = transform.identity() + rng.normal(0, 0.3 if kind == "affine" else 0.1, transform.n_params)
        grid = transform.forward(theta[None], (3, 2, 19))[0]
    options = {"kernel": OWN_KERNELS.get(kernel, kernel), "padding": padding, "layout": layout}
    d_volume, d_grid = stn.sample_vjp(volume, grid, **options)[1](d_out)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(volume_gradients, "PIXELS_PER_TASK", 0)
        patched.setattr(volume_gradients, "_BANDS", bands)
        d_divided, d_grid_divided = stn.sample_vjp(volume, grid, **options)[1](d_out)
        d_alone = stn.sample_gradients(volume, grid, d_out, by_grid=False, **options)[0]
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for d_divided_volume in (d_divided, d_alone):
        np.testing.assert_allclose(d_divided_volume, d_volume, atol=100 * tolerance, rtol=tolerance)
    np.testing.assert_allclose(d_grid_divided, d_grid, atol=100 * tolerance * max(1, np.abs(d_grid).max()), rtol=tolerance)
