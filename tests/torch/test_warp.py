"""Warps of tensors, with gradients."""

import numpy as np
import pytest

import stn_numba as stn
from tests.torch.examples import FishEye, all_transforms, images, parameters

torch = pytest.importorskip("torch")
bridge = pytest.importorskip("stn_numba.torch")

AFFINE = stn.get_transform("affine")
TRANSFORMS = dict(all_transforms())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_results_are_those_of_numpy_and_gradients_are_right(name):
    transform = TRANSFORMS[name]
    image, theta = images(torch, 2, 2, 6, 5, requires_grad=True), parameters(torch, transform, 2)
    expected = stn.warp(image.detach(), theta, transform, (4, 3), padding="border", layout="NCHW")
    theta.requires_grad_()
    out = bridge.warp(image, theta, transform, (4, 3), padding="border")
    assert np.array_equal(out.detach().numpy(), expected)
    few = theta[:, :6].detach().requires_grad_()  # a flow has more parameters than are worth checking

    def function(image, few):
        return bridge.warp(image, torch.cat([few, theta[:, 6:].detach()], 1), transform, (4, 3), padding="border")

    assert torch.autograd.gradcheck(function, (image, few), atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel": "bicubic", "padding": "wrap"},
        {"fill": 0.5},
        {"fill": [1.0, 2.0], "align_corners": False},
        {"antialias": True, "shape": (3, 2), "padding": "border"},
        {"kernel": stn.sampler.interpolation.bicubic(-0.5), "num_threads": 1},
    ],
    ids=str,
)
def test_options_are_those_of_numpy(options):
    image, theta = images(torch, 2, 2, 7, 6, requires_grad=True), parameters(torch, AFFINE, 2)
    expected = stn.warp(image.detach(), theta, layout="NCHW", **options)
    inputs = image, theta.requires_grad_()
    out = bridge.warp(*inputs, **options)
    assert np.array_equal(out.detach().numpy(), expected)
    assert torch.autograd.gradcheck(lambda image, theta: bridge.warp(image, theta, **options), inputs, eps=1e-7, atol=1e-5)


@pytest.mark.parametrize(
    ("layout", "image", "theta", "out"),
    [
        ("NCHW", (5, 4), (6,), (3, 2)),
        ("NCHW", (2, 5, 4), (6,), (2, 3, 2)),
        ("NCHW", (2, 5, 4), (1, 6), (2, 3, 2)),
        ("NCHW", (2, 5, 4), (3, 6), (3, 2, 3, 2)),
        ("NCHW", (5, 4), (3, 6), (3, 3, 2)),
        ("NCHW", (3, 2, 5, 4), (6,), (3, 2, 3, 2)),
        ("NCHW", (1, 2, 5, 4), (3, 6), (3, 2, 3, 2)),
        ("NHWC", (5, 4), (6,), (3, 2)),
        ("NHWC", (5, 4, 2), (6,), (3, 2, 2)),
        ("NHWC", (3, 5, 4, 2), (3, 6), (3, 3, 2, 2)),
        ("NCHW", (0, 2, 5, 4), (0, 6), (0, 2, 3, 2)),
    ],
)
def test_axes_are_those_of_numpy(layout, image, theta, out):
    image, rows = images(torch, *image, requires_grad=True), parameters(torch, AFFINE, 3)
    theta = (rows[0] if len(theta) == 1 else rows[: theta[0]]).requires_grad_()
    result = bridge.warp(image, theta, shape=(3, 2), layout=layout)
    expected = stn.warp(image.detach(), theta.detach(), shape=(3, 2), layout=layout)
    assert tuple(result.shape) == expected.shape == out
    assert result.is_contiguous()
    assert np.array_equal(result.detach().numpy(), expected)
    d_image, d_theta = torch.autograd.grad(result.sum(), [image, theta])
    assert (d_image.shape, d_theta.shape) == (image.shape, theta.shape)


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(half):
    image = images(torch, 1, 2, 6, 5).to(getattr(torch, half)).requires_grad_()
    theta = parameters(torch, AFFINE, 1).to(image.dtype).requires_grad_()
    out = bridge.warp(image, theta)
    assert torch.equal(out, bridge.warp(image.float(), theta.float()).to(image.dtype))
    assert {tensor.dtype for tensor in (out, *torch.autograd.grad(out.sum(), [image, theta]))} == {image.dtype}


def test_whole_numbers_are_warped_without_gradients():
    image = torch.arange(12, dtype=torch.uint8).reshape(1, 1, 3, 4)
    mirror = torch.tensor([-1.0, 0, 0, 0, 1, 0])
    assert torch.equal(bridge.warp(image, mirror), image.flip(3))
    with pytest.raises(TypeError, match=r"image: gradients need torch.float32 or torch.float64, got torch.uint8"):
        bridge.warp(image, mirror.requires_grad_())
    with torch.no_grad():
        assert torch.equal(bridge.warp(image, mirror), image.flip(3))


def test_theta_of_another_dtype():
    image, theta = images(torch, 1, 1, 4, 4, dtype=torch.float32), parameters(torch, AFFINE, 1, requires_grad=True)
    out = bridge.warp(image, theta)
    assert (out.dtype, torch.autograd.grad(out.sum(), theta)[0].dtype) == (torch.float32, torch.float64)
    whole = torch.tensor([[-1, 0, 0, 0, 1, 0]])
    assert torch.equal(bridge.warp(image, whole), image.flip(3))


def test_conjugate_and_negative_views_are_computed_first():
    image = images(torch, 1, 1, 3, 3)
    negative = torch.complex(image, image).conj().imag
    assert negative.is_neg()
    torch.testing.assert_close(bridge.warp(negative, torch.tensor([[1.0, 0, 0, 0, 1, 0]])), -image)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"image": np.zeros((1, 1, 4, 4))}, TypeError, "image: expected a tensor, got ndarray; stn_numba.warp takes arrays"),
        ({"theta": [1, 0, 0, 0, 1, 0]}, TypeError, "theta: expected a tensor, got list"),
        ({"theta": torch.zeros(1, 2, 3)}, ValueError, r"theta: expected .*, got \(1, 2, 3\); take theta.reshape\(1, -1\)"),
        ({"theta": torch.zeros(1, 5)}, ValueError, r"theta: expected .*\(N, 6\), got \(1, 5\)"),
        ({"theta": torch.zeros(3, 6)}, ValueError, "theta: expected 1 or 2 rows, as the image has, got 3"),
        ({"image": torch.zeros(4)}, ValueError, r"image: expected \(N, C, H, W\), \(C, H, W\) or \(H, W\), got \(4,\)"),
        ({"layout": "CHW"}, ValueError, "layout: expected one of NCHW, NHWC, got 'CHW'"),
        ({"transform": "afine"}, ValueError, "transform: expected one of .* did you mean 'affine'"),
        ({"kernel": "bicubik"}, ValueError, "kernel: .* did you mean 'bicubic'"),
        ({"shape": (2,)}, TypeError, r"shape: expected two whole numbers \(h, w\)"),
    ],
)
@pytest.mark.parametrize("gradient", [False, True])
def test_errors_name_the_argument(change, error, message, gradient):
    arguments = {"image": torch.zeros(2, 1, 4, 4, requires_grad=gradient), "theta": torch.zeros(2, 6), **change}
    with pytest.raises(error, match=message):
        bridge.warp(**arguments)


def test_no_more_threads_than_torch_may_use(monkeypatch):
    compute, seen = pytest.importorskip("stn_numba.torch.compute"), []

    def spy(*arrays, **options):
        seen.append(stn.get_num_threads())
        return stn.warp(*arrays, **options)

    monkeypatch.setattr(compute, "warp", spy)
    before = torch.get_num_threads()
    monkeypatch.setattr("stn_numba.threads.counts._program", 2)
    try:
        for torch_threads in (1, 3):
            torch.set_num_threads(torch_threads)
            bridge.warp(torch.zeros(1, 1, 4, 4), torch.zeros(1, 6))
    finally:
        torch.set_num_threads(before)
    assert seen == [1, min(2, stn.get_num_threads())]


def test_a_transform_that_makes_positions_makes_them_once_a_step(monkeypatch):
    calls, apply_vjp = [], FishEye.apply_vjp
    monkeypatch.setattr(FishEye, "apply_vjp", lambda self, *args: calls.append(1) or apply_vjp(self, *args))
    theta = torch.zeros(1, 1, requires_grad=True)
    bridge.warp(torch.rand(1, 1, 4, 4), theta, FishEye()).sum().backward()
    assert len(calls) == 1


def test_tensors_changed_before_backward_are_noticed():
    image, theta = torch.rand(1, 1, 4, 4), torch.tensor([[1.0, 0, 0, 0, 1, 0]], requires_grad=True)
    out = bridge.warp(image, theta)
    image += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()
