"""The peer: torch's affine_grid and grid_sample."""

import numpy as np
import pytest

import stn_numba as stn
from tests.sampler.examples import BASIC_PADDINGS, random_image, random_transform

torch = pytest.importorskip("torch")

OUT = (11, 9)


def torch_warp(image, theta, padding, align_corners):
    """(out, d_image, d_theta) for d_out = cos(out), all channels last."""
    image = torch.tensor(image, requires_grad=True)
    theta = torch.tensor(theta, requires_grad=True)
    size = (len(image), image.shape[3], *OUT)
    grid = torch.nn.functional.affine_grid(theta.reshape(-1, 2, 3), size, align_corners=align_corners)
    out = torch.nn.functional.grid_sample(
        image.permute(0, 3, 1, 2), grid, mode="bilinear", padding_mode=padding, align_corners=align_corners
    ).permute(0, 2, 3, 1)
    out.sin().sum().backward()
    return out.detach().numpy(), image.grad.numpy(), theta.grad.numpy()


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding", BASIC_PADDINGS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-4), (np.float64, 1e-10)])
def test_forward_and_gradients_agree_with_torch(padding, align_corners, dtype, tolerance):
    transform, theta = random_transform("affine", 3)
    image, theta = random_image(3, 14, 10, 2, dtype=dtype), theta.astype(dtype)
    expected = torch_warp(image, theta, padding, align_corners)
    grid, to_theta = transform.forward(theta, OUT, align_corners)
    out, backprop = stn.sample_vjp(image, grid, padding=padding)
    d_image, d_grid = backprop(np.cos(out))
    np.testing.assert_allclose(out, expected[0], atol=tolerance / 10)
    np.testing.assert_allclose(d_image, expected[1], atol=tolerance)
    np.testing.assert_allclose(to_theta(d_grid), expected[2], rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("kernel", "mode"), [("nearest", "nearest"), ("bilinear", "bilinear"), ("bicubic", "bicubic")])
def test_grid_sample_and_both_gradients_agree_with_torch(kernel, mode, align_corners, padding):
    rng = np.random.default_rng(0)
    image, points = rng.normal(size=(2, 3, 7, 6)), rng.uniform(-1.7, 1.7, (2, 5, 4, 2))
    inputs = [torch.tensor(array, requires_grad=True) for array in (image, points)]
    expected = torch.nn.functional.grid_sample(*inputs, mode=mode, padding_mode=padding, align_corners=align_corners)
    expected.sin().sum().backward()
    options = {"kernel": kernel, "padding": padding, "align_corners": align_corners, "layout": "NCHW"}
    out, backprop = stn.sample_vjp(image, points, **options)
    d_image, d_grid = backprop(np.cos(out))
    np.testing.assert_allclose(out, expected.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(d_image, inputs[0].grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(d_grid, inputs[1].grad.numpy(), atol=1e-11)
