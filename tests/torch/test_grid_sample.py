"""A drop-in for torch.nn.functional.grid_sample."""

import sys
import types
import unittest
import warnings

import numpy as np
import pytest

from tests.torch.examples import images

torch = pytest.importorskip("torch")
bridge = pytest.importorskip("stn_numba.torch")
functional = torch.nn.functional


@pytest.fixture(autouse=True)
def forget_warnings(monkeypatch):
    monkeypatch.setattr(sys.modules["stn_numba.torch.grid_sample"], "_warned", set())


@pytest.fixture(scope="module")
def torch_samples():
    """PyTorch's own sample inputs for its function."""
    missing = types.ModuleType("expecttest")  # its test suite needs this package, what we read here does not
    missing.TestCase = unittest.TestCase
    sys.modules.setdefault("expecttest", missing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        invocations = pytest.importorskip("torch.testing._internal.common_methods_invocations")
    return lambda dtype: list(invocations.sample_inputs_grid_sample(None, "cpu", dtype, True))


@pytest.mark.filterwarnings("ignore:.*has no kernels for:RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_the_values_and_gradients_are_those_of_torch_for_its_own_samples(torch_samples, dtype):
    tolerance = {"float32": 1e-5, "float64": 1e-13, "bfloat16": 0}[dtype]
    samples = torch_samples(getattr(torch, dtype))
    assert {sample.input.ndim for sample in samples} == {4, 5}
    for sample in samples:
        inputs = sample.input, *sample.args
        out, expected = (f(*inputs, **sample.kwargs) for f in (bridge.grid_sample, functional.grid_sample))
        d_out = torch.randn(expected.shape).to(expected.dtype)
        got, right = (torch.autograd.grad(each, inputs, d_out) for each in (out, expected))
        for ours, theirs in zip((out, *got), (expected, *right), strict=True):
            largest = theirs.abs().max().item()  # float32 sums round by that: those in float64 agree to 14 digits
            torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance * largest, msg=str(sample.kwargs))


def test_the_default_of_align_corners_warns_as_torch_does():
    image, grid = images(torch, 1, 1, 3, 3), images(torch, 1, 2, 2, 2)
    with pytest.warns(UserWarning, match="Default grid_sample") as ours:
        out = bridge.grid_sample(image, grid)
    with pytest.warns(UserWarning, match="Default grid_sample") as theirs:
        expected = functional.grid_sample(image, grid)
    assert str(ours[0].message) == str(theirs[0].message)
    assert ours[0].filename == __file__
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: (torch.rand(1, 1, 2, 2).half(), torch.rand(1, 2, 2, 2).half()), "tensors of torch.float16"),
        (lambda: (torch.rand(1, 1, 2, 2).bfloat16(), torch.rand(1, 2, 2, 2).bfloat16()), "tensors of torch.bfloat16"),
    ],
)
def test_what_we_lack_goes_to_torch_with_one_warning(make, reason):
    image, grid = make()
    expected = functional.grid_sample(image, grid, align_corners=False)
    with pytest.warns(RuntimeWarning, match=f"grid_sample has no kernels for {reason}") as caught:
        assert torch.equal(bridge.grid_sample(image, grid, align_corners=False), expected)
    assert caught[0].filename == __file__
    assert torch.equal(bridge.grid_sample(image, grid, align_corners=False), expected)  # without a warning


def test_vmap_goes_to_torch():
    image, grids = torch.rand(2, 1, 4, 4), torch.rand(3, 2, 2, 2, 2)
    with pytest.warns(RuntimeWarning, match=r"calls inside torch.func transforms"):
        out = torch.vmap(lambda grid: bridge.grid_sample(image, grid, align_corners=True))(grids)
    assert torch.equal(out[1], functional.grid_sample(image, grids[1], align_corners=True))


@pytest.mark.parametrize(
    ("image", "grid", "options"),
    [
        ((2, 1, 3, 3), (1, 2, 2, 2), {}),
        ((1, 1, 3, 3), (1, 2, 2, 3), {}),
        ((1, 3, 3), (1, 2, 2, 2), {}),
        ((1, 1, 0, 3), (1, 2, 2, 2), {}),
        ((1, 1, 3, 3), (1, 2, 2, 2), {"mode": "cubic"}),
        ((1, 1, 3, 3), (1, 2, 2, 2), {"padding_mode": "wrap"}),
        ((1, 1, 2, 3, 3), (1, 2, 2, 2, 3), {"mode": "bicubic"}),
    ],
)
def test_errors_are_those_of_torch(image, grid, options):
    inputs = torch.rand(image), torch.rand(grid)
    with pytest.raises((RuntimeError, ValueError)) as theirs:
        functional.grid_sample(*inputs, align_corners=False, **options)
    with pytest.raises(type(theirs.value)) as ours:
        bridge.grid_sample(*inputs, align_corners=False, **options)
    assert str(ours.value) == str(theirs.value)


def test_dtypes_that_differ_are_refused_by_torch():
    with pytest.raises(RuntimeError, match="expected scalar type"):
        bridge.grid_sample(torch.rand(1, 1, 2, 2), torch.rand(1, 2, 2, 2).double(), align_corners=False)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_gradients_on_pixel_lines_are_those_from_the_right_as_in_torch(padding, align_corners):
    """Positions exactly on pixels and on edges, where bilinear has kinks; nothing is rounded in an image of 5 pixels."""
    image = images(torch, 1, 2, 5, 5, requires_grad=True)
    axis = torch.linspace(-1, 1, 9, dtype=torch.float64) if align_corners else (torch.arange(1, 10, 2) / 5.0 - 1).double()
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)[None].requires_grad_()
    d_out = images(torch, 1, 2, len(axis), len(axis), seed=1)
    options = {"padding_mode": padding, "align_corners": align_corners}
    out, expected = (f(image, grid, **options) for f in (bridge.grid_sample, functional.grid_sample))
    torch.testing.assert_close(out, expected)
    got, right = (torch.autograd.grad(each, [image, grid], d_out) for each in (out, expected))
    torch.testing.assert_close(got[0], right[0])
    d_x, torch_d_x = got[1][..., 0], right[1][..., 0]
    if align_corners and padding != "zeros":  # torch's choice at the centers of the outermost pixels is no derivative
        assert not torch_d_x[..., [0, -1]].any()
        d_x, torch_d_x = d_x[..., 1:-1], torch_d_x[..., 1:-1]
    torch.testing.assert_close(d_x, torch_d_x)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_positions_that_are_no_numbers_are_outside(mode):
    """PyTorch's results for these are undefined: they depend on mode and padding, and some versions crash."""
    image = torch.ones(1, 1, 3, 3, requires_grad=True)
    values = torch.tensor([float("nan"), float("inf"), -float("inf")])
    for padding, expected in (("zeros", [0.0, 0, 0]), ("border", [0.0, 1, 1]), ("reflection", [0.0, 0, 0])):
        grid = torch.stack([values, torch.zeros(3)], dim=-1)[None, None].requires_grad_()
        out = bridge.grid_sample(image, grid, mode, padding, align_corners=False)
        assert out.flatten().tolist() == expected
        d_grid = torch.autograd.grad(out.sum(), grid)[0]
        assert torch.equal(d_grid, torch.zeros_like(d_grid))


def variants(tensor):
    """The same numbers in other places in memory."""
    yield "contiguous", tensor
    yield "transposed", tensor.transpose(2, 3).contiguous().transpose(2, 3)
    yield "channels last", tensor.contiguous(memory_format=torch.channels_last)
    yield "sliced", torch.stack([tensor, tensor + 1], dim=-1)[..., 0]
    yield "flipped twice", tensor.flip(3).flip(3)


def test_memory_layouts_give_the_same_results():
    image, grid = images(torch, 2, 3, 6, 5, dtype=torch.float32), images(torch, 2, 4, 3, 2, dtype=torch.float32) / 2
    d_out = images(torch, 2, 3, 4, 3, dtype=torch.float32, seed=2)
    expected = None
    for name, x in variants(image):
        for _, g in variants(grid):
            x, g = x.detach().requires_grad_(), g.detach().requires_grad_()
            out = bridge.grid_sample(x, g, align_corners=False)
            assert out.is_contiguous()
            got = out, *torch.autograd.grad(out, [x, g], d_out)
            expected = expected or got
            assert torch.equal(out, expected[0]), name
            torch.testing.assert_close(got[1:], expected[1:], rtol=1e-6, atol=1e-5)


def test_expanded_tensors_sum_their_gradients():
    image, grid = images(torch, 1, 1, 6, 5, requires_grad=True), (images(torch, 1, 4, 3, 2) / 2).requires_grad_()

    def gradients(function):
        out = function(image.expand(3, 2, 6, 5), grid.expand(3, 4, 3, 2), align_corners=False)
        return out, *torch.autograd.grad(out.sum(), [image, grid])  # whose gradient by `out` is expanded too

    for ours, theirs in zip(*map(gradients, (bridge.grid_sample, functional.grid_sample)), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("which", [0, 1])
def test_one_gradient_alone(which):
    inputs = [images(torch, 1, 2, 5, 4), images(torch, 1, 3, 3, 2) / 2]
    inputs[which].requires_grad_()
    out, expected = (f(*inputs, align_corners=True) for f in (bridge.grid_sample, functional.grid_sample))
    torch.testing.assert_close(*(torch.autograd.grad(each.sum(), inputs[which])[0] for each in (out, expected)))


@pytest.mark.parametrize(
    ("image", "grid"), [((0, 2, 3, 3), (0, 4, 5, 2)), ((2, 0, 3, 3), (2, 4, 5, 2)), ((2, 2, 3, 3), (2, 0, 5, 2))]
)
def test_nothing_to_sample(image, grid):
    inputs = [torch.rand(image, requires_grad=True), torch.rand(grid, requires_grad=True)]
    out = bridge.grid_sample(*inputs, align_corners=False)
    assert out.shape == (image[0], image[1], *grid[1:3])
    for got, given in zip(torch.autograd.grad(out.sum(), inputs), inputs, strict=True):
        assert torch.equal(got, torch.zeros_like(given))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_gradcheck(mode):
    inputs = images(torch, 2, 2, 5, 4, requires_grad=True), (images(torch, 2, 3, 3, 2) / 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, g: bridge.grid_sample(x, g, mode, "reflection", False), inputs)


def test_meta_tensors_have_shapes():
    out = bridge.grid_sample(torch.rand(2, 3, 4, 4, device="meta"), torch.rand(2, 5, 6, 2, device="meta"), align_corners=False)
    assert (out.shape, out.device.type) == ((2, 3, 5, 6), "meta")


def test_results_are_the_sampler_s():
    import stn_numba as stn

    image, grid = images(torch, 2, 3, 6, 5), images(torch, 2, 4, 3, 2)
    out = bridge.grid_sample(image, grid, "bicubic", "border", align_corners=True)
    expected = stn.sample(image, grid, kernel="bicubic", padding="border", align_corners=True, layout="NCHW")
    assert np.array_equal(out.numpy(), expected)
