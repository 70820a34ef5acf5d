"""Kernels, paddings and conventions of the sampler."""

import itertools

import numpy as np
import pytest

from stn_numba import Transform
from stn_numba.sampler.interpolation import PiecewisePolynomial, bicubic
from stn_numba.sampler.padding import PADDINGS
from tests.onnx.running import check_transform_alone

OUTWARD = [2.1, 0.3, 0.4, -0.2, 1.8, -0.5]  # reads far beyond all edges
QUADRATIC = PiecewisePolynomial([-1.5, -0.5, 0.5, 1.5], [[0.5, -1, 0.5], [0, 1, -1], [0, 0.5, 0.5]])
UNEVEN = PiecewisePolynomial([-1, 0, 2], [[1, -0.5], [0, 1]])
KERNELS = ("nearest", "bilinear", "bicubic", "mitchell", "lanczos3", QUADRATIC, UNEVEN)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("kernel", "padding"), list(itertools.product(KERNELS, PADDINGS)), ids=str)
def test_every_kernel_with_every_padding(kernel, padding, align_corners, tmp_path):
    options = {"kernel": kernel, "padding": padding, "align_corners": align_corners, "initial": OUTWARD}
    check_transform_alone("affine", tmp_path / "m.onnx", **options)


@pytest.mark.parametrize("in_shape", [(1, 6), (5, 1), (1, 1), (2, 2)])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("kernel", "padding"), list(itertools.product(("bilinear", "bicubic", "mitchell"), PADDINGS)))
def test_axes_of_one_pixel(kernel, padding, align_corners, in_shape, tmp_path):
    options = {"kernel": kernel, "padding": padding, "align_corners": align_corners, "initial": OUTWARD}
    check_transform_alone("affine", tmp_path / "m.onnx", in_shape=in_shape, counts=(2,), **options)


def test_what_grid_sample_can_do_is_left_to_it(tmp_path):
    exported = check_transform_alone("affine", tmp_path / "m.onnx", initial=OUTWARD, padding="reflection", kernel=bicubic())
    assert [name for name in exported.operators if "Sample" in name or name in ("AffineGrid", "Gather", "Where", "Mul")] == [
        "AffineGrid",
        "GridSample",
    ]


class Broken(Transform):
    """Positions that are NaN, infinite, or far away."""

    n_params = 1

    def identity(self):
        return np.zeros(1)

    def apply(self, theta, points):
        x = points[:, 0] + theta
        far = np.where(x > 0.5, np.inf, np.where(x < -0.5, -1e30, x))
        return np.stack([np.where(points[:, 1] > 0.4, np.nan, far), far / 2], axis=-1)


@pytest.mark.filterwarnings("ignore:Broken has no apply_vjp")
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic", "mitchell"])
def test_positions_that_are_no_numbers_or_far_away(kernel, padding, tmp_path):
    exported = check_transform_alone(Broken(), tmp_path / "m.onnx", kernel=kernel, padding=padding)
    assert "IsNaN" in exported.operators
