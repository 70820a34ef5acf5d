"""Volumes of PyTorch: `grid_sample`, `warp` and `SpatialTransformer` in three dimensions."""

import numpy as np
import pytest

import stn_numba as stn
from tests.torch.examples import images, parameters

torch = pytest.importorskip("torch")
bridge = pytest.importorskip("stn_numba.torch")
functional = torch.nn.functional

AFFINE = stn.get_transform("affine", ndim=3)
BOTH = pytest.mark.parametrize("align_corners", [True, False])


@BOTH
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grid_sample_is_that_of_torch(mode, padding, align_corners, channels):
    volume = images(torch, 2, channels, 4, 5, 6, requires_grad=True)
    grid = (images(torch, 2, 3, 2, 9, 3, seed=1) * 0.7).requires_grad_()
    d_out = images(torch, 2, channels, 3, 2, 9, seed=2)
    ours, theirs = (
        f(volume, grid, mode, padding, align_corners) for f in (bridge.grid_sample, functional.grid_sample)
    )  # fmt: skip
    torch.testing.assert_close(ours, theirs)
    assert ours.is_contiguous()
    for mine, expected in zip(*(torch.autograd.grad(out, (volume, grid), d_out) for out in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, expected)


def test_gradcheck_of_grid_sample():
    inputs = images(torch, 1, 2, 4, 3, 5, requires_grad=True), (images(torch, 1, 2, 3, 2, 3, seed=1) / 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, g: bridge.grid_sample(x, g, "bilinear", "reflection", False), inputs)


@pytest.mark.parametrize("name", ["affine", "projective", "translation", "rigid", "similarity", "tps", "bspline", "flow"])
def test_warps_are_those_of_numpy_and_gradients_are_right(name):
    sizes = {"tps": "control_points", "bspline": "control_points", "flow": "shape"}
    options = {sizes[name]: (4, 4, 4) if name == "bspline" else (2, 3, 2)} if name in sizes else {"ndim": 3}
    transform = stn.get_transform(name, **options)
    image, theta = images(torch, 2, 2, 4, 6, 5, requires_grad=True), parameters(torch, transform, 2)
    expected = stn.warp(image.detach(), theta, transform, (2, 4, 3), padding="border", layout="NCDHW")
    for given in (transform, (name, options)):
        out = bridge.warp(image, theta, given, (2, 4, 3), padding="border")
        assert np.array_equal(out.detach().numpy(), expected)
    few = theta[:, :6].detach().requires_grad_()

    def function(image, few):
        return bridge.warp(image, torch.cat([few, theta[:, 6:].detach()], 1), transform, (2, 4, 3), padding="border")

    assert torch.autograd.gradcheck(function, (image, few), atol=1e-7, rtol=1e-5)


@BOTH
def test_affine_warps_are_those_of_torch(align_corners):
    volume, theta = images(torch, 2, 3, 5, 4, 6), parameters(torch, AFFINE, 2)
    grid = functional.affine_grid(theta.reshape(2, 3, 4), [2, 3, 4, 3, 5], align_corners=align_corners)
    expected = functional.grid_sample(volume, grid, align_corners=align_corners)
    out = bridge.warp(volume, theta, AFFINE, (4, 3, 5), align_corners=align_corners)
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize(
    ("layout", "image", "rows", "out"),
    [
        ("NCHW", (4, 5, 3), None, (2, 3, 2)),
        ("NCHW", (2, 4, 5, 3), None, (2, 2, 3, 2)),
        ("NCDHW", (2, 4, 5, 3), 3, (3, 2, 2, 3, 2)),
        ("NDHWC", (4, 5, 3, 2), 1, (2, 3, 2, 2)),
        ("NDHWC", (3, 4, 5, 3, 2), 3, (3, 2, 3, 2, 2)),
    ],
)
def test_axes_are_those_of_numpy(layout, image, rows, out):
    image, theta = images(torch, *image, requires_grad=True), parameters(torch, AFFINE, 3)
    theta = (theta[0] if rows is None else theta[:rows]).requires_grad_()
    result = bridge.warp(image, theta, AFFINE, (2, 3, 2), layout=layout)
    of_numpy = "NCDHW" if layout == "NCHW" else layout
    assert tuple(result.shape) == out
    assert np.array_equal(result.detach().numpy(), stn.warp(image.detach(), theta.detach(), AFFINE, (2, 3, 2), layout=of_numpy))
    d_image, d_theta = torch.autograd.grad(result.sum(), [image, theta])
    assert (d_image.shape, d_theta.shape) == (image.shape, theta.shape)


@pytest.mark.parametrize("shape", [None, (2, 3, 4)])
def test_a_spatial_transformer_of_volumes_starts_with_the_identity_and_learns(shape):
    torch.manual_seed(0)
    look = torch.nn.Sequential(torch.nn.Conv3d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten())
    layer = bridge.SpatialTransformer(look, "rigid", shape, options={"ndim": 3}, padding="border")
    volume = torch.rand(2, 1, 5, 6, 7)
    out = layer(volume)
    if shape is None:
        torch.testing.assert_close(out, volume)
    assert out.shape == (2, 1, *(shape or (5, 6, 7)))
    out.square().sum().backward()
    assert layer.theta_layer.bias.grad.abs().min() > 0


def test_compiled_and_meta_tensors():
    volume, theta = torch.rand(2, 1, 4, 5, 6), parameters(torch, AFFINE, 2, dtype=torch.float32)
    meta = bridge.warp(volume.to("meta"), theta.to("meta"), ("affine", {"ndim": 3}), (2, 3, 4))
    assert meta.shape == (2, 1, 2, 3, 4)
    compiled = torch.compile(lambda x, t: bridge.warp(x, t, ("affine", {"ndim": 3})), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(volume, theta), bridge.warp(volume, theta, AFFINE))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"image": torch.zeros(2, 4)}, ValueError, r"image: expected \(N, C, D, H, W\), \(C, D, H, W\) or \(D, H, W\), got"),
        ({"layout": "NHWC"}, ValueError, "layout: expected one of NCDHW, NDHWC, got 'NHWC'"),
        ({"theta": torch.zeros(2, 3, 4)}, ValueError, r"take theta.reshape\(2, -1\)"),
        ({"shape": (2, 3)}, TypeError, r"shape: expected three whole numbers \(d, h, w\)"),
    ],
)
def test_errors_name_the_argument(change, error, message):
    arguments = {"image": torch.zeros(2, 1, 4, 4, 4), "theta": torch.zeros(2, 12), "transform": AFFINE, **change}
    with pytest.raises(error, match=message):
        bridge.warp(**arguments)
    with pytest.raises(ValueError, match=r"shape: expected \(d, h, w\), got \(2, 3\)"):
        bridge.SpatialTransformer(torch.nn.Flatten(), "affine", (2, 3), options={"ndim": 3})
