"""The argument `out` of repeated calls, which use a plan."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import MatrixGrid
from stn_numba.sampler import plans
from tests.sampler.test_plans import OPTIONS, THETA, grids

pytestmark = pytest.mark.usefixtures("no_plans")
RNG = np.random.default_rng(6)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_planned_calls_write_to_a_given_array(options, without_plans):
    shape = (2, 2, 4, 7) if "layout" in options else (2, 4, 7, 2)
    image = RNG.normal(size=shape).astype(np.float32)
    for grid in grids(np.float32, 2):
        expected = without_plans(lambda g=grid: stn.sample(image, g, **options))
        for _ in range(3):
            out = np.full_like(expected, 7)
            assert stn.sample(image, grid, out=out, **options) is out or "layout" in options
            np.testing.assert_array_equal(out, expected)
    warped = without_plans(lambda: stn.warp(image, THETA, **options))
    for _ in range(3):
        out = np.full_like(warped, 7)
        np.testing.assert_array_equal(stn.warp(image, THETA, out=out, **options), warped)
        np.testing.assert_array_equal(out, warped)
    if "layout" not in options:
        image, warped = image[0, :, :, 0].copy(), np.zeros((4, 7), np.float32)
        for _ in range(3):
            stn.warp(image, THETA, out=warped, **options)
            np.testing.assert_array_equal(warped, without_plans(lambda: stn.warp(image, THETA, **options)))


@pytest.mark.parametrize("planned", [False, True])
def test_a_given_array_is_validated_with_and_without_a_plan(planned):
    image, theta = RNG.normal(size=(1, 4, 5, 1)), np.array([THETA])
    grid = MatrixGrid(np.eye(3)[None], (4, 5))
    if planned:
        stn.sample(image, grid), stn.warp(image, theta)
        assert plans._plans
    read_only, overlapping = np.zeros_like(image), np.zeros((2, *image.shape))
    read_only.flags.writeable = False
    shared = overlapping.reshape(-1)[10:30].reshape(image.shape)
    for call in (
        lambda **o: stn.sample(o.pop("image", image), grid, **o),
        lambda **o: stn.warp(o.pop("image", image), theta, **o),
    ):
        for out, error in (
            (np.zeros((1, 4, 4, 1)), ValueError),
            (np.zeros((1, 4, 5, 1), np.float32), TypeError),
            ([[0.0]], ValueError),
            (read_only, ValueError),
        ):
            with pytest.raises(error, match="out"):
                call(out=out)
        with pytest.raises(ValueError, match="overlaps the image"):
            call(image=overlapping[0], out=shared)
        strided = np.zeros((1, 4, 10, 1))[:, :, ::2]
        np.testing.assert_array_equal(call(out=strided), call())
        np.testing.assert_array_equal(strided, call())


def test_a_matrix_with_nan_is_left_to_validation(without_plans):
    image, theta = np.ones((1, 4, 4, 1), np.float32), [np.nan, *THETA[1:]]
    expected = without_plans(lambda: stn.warp(image, theta))
    for _ in range(3):
        out = np.full_like(image, 7)
        stn.warp(image, THETA, out=out)
        np.testing.assert_array_equal(stn.warp(image, theta, out=out), expected)
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float16", "complex64", "complex128", ">i4", "S3", "u1,f4"])
def test_planned_nearest_pixels_have_the_bits_of_unplanned_ones(dtype, without_plans):
    for layout, shape in (("NHWC", (2, 4, 7, 3)), ("NCHW", (2, 3, 4, 7)), ("NHWC", (2, 4, 7, 1))):
        for grid in grids(np.float32, 2):
            for _ in range(3):
                numbers = RNG.integers(0, 255, (*shape, np.dtype(dtype).itemsize), np.uint8)
                image = (numbers % 2 if dtype == "bool" else numbers).view(dtype)[..., 0]
                expected = without_plans(lambda i=image, g=grid, o=layout: stn.sample(i, g, kernel="nearest", layout=o))
                out = np.zeros(expected.shape, expected.dtype)
                assert stn.sample(image, grid, kernel="nearest", layout=layout).tobytes() == expected.tobytes()
                stn.sample(image, grid, kernel="nearest", layout=layout, out=out)
                assert out.tobytes() == expected.tobytes()
    assert bool(plans._plans) == (np.dtype(dtype).isnative)


def test_gradients_with_nearest_pixels_are_not_planned():
    image, grid = np.ones((1, 4, 4, 1), np.float32), MatrixGrid(np.eye(3)[None], (4, 4))
    for _ in range(3):
        out, backprop = stn.sample_vjp(image, grid, kernel="nearest")
        d_image, d_grid = backprop(2 * out)
        assert (d_image == 2).all()
        assert not d_grid.any()
