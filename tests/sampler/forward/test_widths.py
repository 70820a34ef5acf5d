"""Widths around those at which strips and vectors end; and the precision of positions on long axes."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import to_pixels
from tests.sampler import oracle
from tests.sampler.examples import KINDS, random_grid, random_image

WIDTHS = (7, 8, 9, 15, 16, 17, 33, 511, 512, 513, 1023, 1024, 1025)
ROWS = 3


def columns_to_check(w):
    """Columns on both sides of where a strip or a vector may end, and the last ones."""
    return sorted({j for j in (0, 1, 7, 8, 15, 16, 31, 32, 511, 512, 513, 1023, 1024, w - 2, w - 1) if 0 <= j < w})


@pytest.mark.parametrize("w", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("kernel", "channels", "layout"),
    [
        ("bilinear", 1, "NHWC"),
        ("bilinear", 3, "NHWC"),
        ("bilinear", 4, "NCHW"),
        ("bicubic", 3, "NHWC"),
        ("nearest", 16, "NCHW"),
    ],
)
def test_strips_and_vectors_join_without_a_seam(kernel, channels, layout, kind, w):
    image = random_image(1, 6, w, channels)
    grid = random_grid(kind, 1, (ROWS, w))
    columns = columns_to_check(w)
    pixels = to_pixels(grid.dense(), image.shape[1:3])[:, :, columns]
    given = image.transpose(0, 3, 1, 2) if layout == "NCHW" else image
    out, backprop = stn.sample_vjp(given, grid, kernel=kernel, layout=layout)
    d_out = random_image(*out.shape, seed=5)
    d_image, d_grid = backprop(d_out)
    as_nhwc = out.transpose(0, 2, 3, 1) if layout == "NCHW" else out
    np.testing.assert_allclose(as_nhwc[:, :, columns], oracle.read(image, pixels, kernel, "zeros", None), atol=1e-9)
    assert np.sum(out * d_out) == pytest.approx(np.sum(given * d_image), rel=1e-10, abs=1e-10)
    built = stn.sample_vjp(given, grid.dense(), kernel=kernel, layout=layout)[1](d_out, image=False)[1]
    np.testing.assert_allclose(d_grid, grid.own_gradient(built), rtol=1e-7, atol=1e-7 * np.abs(d_grid).max())


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("in_shape", [(1, 9), (9, 1), (1, 1)])
def test_images_of_one_row_or_column_agree_with_the_oracle(in_shape, channels, padding):
    image = random_image(1, *in_shape, channels)
    grid = stn.get_transform("affine").forward([[0.617, 0.103, 0.051, 0.031, 0.413, 0.207]], (4, 40), align_corners=False)[0]
    pixels = to_pixels(grid.dense(), in_shape, align_corners=False)
    out, backprop = stn.sample_vjp(image, grid, padding=padding)
    resolved = "symmetric" if padding == "reflection" else padding
    np.testing.assert_allclose(out, oracle.read(image, pixels, "bilinear", resolved, None), atol=1e-9)
    d_out = random_image(*out.shape, seed=5)
    d_image, d_grid = backprop(d_out)
    assert np.sum(out * d_out) == pytest.approx(np.sum(image * d_image), rel=1e-10)
    step = 1e-6 * random_image(*grid.dense().shape, seed=6)
    change = stn.sample(image, grid.dense() + step, padding=padding, align_corners=False)
    change -= stn.sample(image, grid.dense() - step, padding=padding, align_corners=False)
    dense = stn.sample_vjp(image, grid.dense(), padding=padding, align_corners=False)[1](d_out)[1]
    assert np.sum(change * d_out) / 2 == pytest.approx(np.sum(dense * step), rel=1e-4, abs=1e-10)
    np.testing.assert_allclose(d_grid, grid.own_gradient(dense), atol=1e-9)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("theta", [[1, 0, 0, 0, 1, 0], [0.71, -0.3, 0.013, 0.3, 0.71, -0.2], [0.999, 1e-4, 1e-3, 0, 1, 0]])
def test_positions_of_a_matrix_are_as_exact_as_those_of_torch(theta, align_corners):
    torch = pytest.importorskip("torch")
    size, theta = (4, 4096), np.float32([theta])
    ramp = np.tile(np.arange(4096.0), (4, 1))[None, ..., None]  # reads back the position along x
    grid, _ = stn.get_transform("affine").forward(theta, size, align_corners)
    exact = to_pixels(
        stn.get_transform("affine").apply(theta.astype(float), stn.base_points(size, align_corners)), size, align_corners
    )
    exact = exact[0, :, 0].reshape(size).clip(0, 4095)
    by_torch = torch.nn.functional.affine_grid(torch.tensor(theta).reshape(1, 2, 3), (1, 1, *size), align_corners=align_corners)
    theirs = to_pixels(by_torch.numpy(), size, align_corners)[0, ..., 0].clip(0, 4095)
    ours = stn.sample(ramp, grid, padding="border")[0, ..., 0]
    assert np.abs(ours - exact).max() <= min(np.abs(theirs - exact).max(), 1e-9)
    in_float32 = stn.sample(ramp.astype(np.float32), grid, padding="border")[0, ..., 0]
    rounded = torch.nn.functional.grid_sample(
        torch.tensor(ramp.astype(np.float32)).permute(0, 3, 1, 2), by_torch, padding_mode="border", align_corners=align_corners
    ).numpy()[0, 0]
    assert np.abs(in_float32 - exact).max() <= max(np.abs(rounded - exact).max(), 4096 * 2.0**-23)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int32])
def test_positions_of_any_dtype_are_computed_in_no_less_than_float64(dtype):
    points = np.random.default_rng(0).uniform(0, 4000, (1, 2, 50, 2)).astype(dtype)
    points[..., 1] = 0
    ramp = np.arange(4096.0).reshape(1, 1, 4096, 1)
    np.testing.assert_array_equal(stn.sample(ramp, points, units="pixels")[0, ..., 0], points[0, ..., 0].astype(float))
