"""Volumes agree with torch's grid_sample: samples and both gradients."""

import numpy as np
import pytest

import stn_numba as stn

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
POSITIONS = RNG.uniform(-1.4, 1.4, (2, 3, 4, 11, 3))
POSITIONS[0, 0, 0, :4, 0] = 3e9, -3e9, 1e30, -1e30


@pytest.mark.parametrize("channels", [1, 4, 5])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("kernel", ["nearest", "linear"])
def test_samples_and_gradients(kernel, padding, align_corners, channels):
    positions = POSITIONS if padding != "reflection" else np.where(np.abs(POSITIONS) > 9, 2.71, POSITIONS)  # theirs cannot fold
    volume, d_out = RNG.standard_normal((2, channels, 5, 6, 7)), RNG.standard_normal((2, channels, 3, 4, 11))
    given, grid = torch.tensor(volume, requires_grad=True), torch.tensor(positions, requires_grad=True)
    mode = "bilinear" if kernel == "linear" else kernel
    expected = torch.nn.functional.grid_sample(given, grid, mode=mode, padding_mode=padding, align_corners=align_corners)
    expected.backward(torch.tensor(d_out))
    options = {"kernel": kernel, "padding": padding, "align_corners": align_corners, "layout": "NCDHW"}
    out, backprop = stn.sample_vjp(volume, positions, **options)
    d_volume, d_grid = backprop(d_out)
    np.testing.assert_allclose(out, expected.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(d_volume, given.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(d_grid, grid.grad.numpy(), atol=1e-11)


@pytest.mark.parametrize("align_corners", [True, False])
def test_affine_maps(align_corners):
    theta = np.eye(3, 4) + 0.2 * RNG.standard_normal((2, 3, 4))
    volume, d_out = RNG.standard_normal((2, 5, 6, 7, 2)), RNG.standard_normal((2, 4, 5, 6, 2))
    given, parameters = torch.tensor(np.moveaxis(volume, -1, 1), requires_grad=True), torch.tensor(theta, requires_grad=True)
    grid = torch.nn.functional.affine_grid(parameters, (2, 2, 4, 5, 6), align_corners=align_corners)
    expected = torch.nn.functional.grid_sample(given, grid, align_corners=align_corners)
    expected.backward(torch.tensor(np.moveaxis(d_out, -1, 1)))
    own, to_theta = stn.get_transform("affine", ndim=3).forward(theta.reshape(2, 12), (4, 5, 6), align_corners)
    out, backprop = stn.sample_vjp(volume, own)
    d_volume, d_grid = backprop(d_out)
    np.testing.assert_allclose(np.moveaxis(out, -1, 1), expected.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(np.moveaxis(d_volume, -1, 1), given.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(to_theta(d_grid), parameters.grad.numpy().reshape(2, 12), atol=1e-11)
