"""The operators: what PyTorch checks of them, and what compilers and function transforms make of them."""

import pytest

import stn_numba as stn
from tests.torch.examples import FishEye, images, parameters

torch = pytest.importorskip("torch")
bridge = pytest.importorskip("stn_numba.torch")
operators = pytest.importorskip("stn_numba.torch.operators")
options = pytest.importorskip("stn_numba.torch.options")

AFFINE = stn.get_transform("affine")
FISH_EYE = FishEye()
KERNEL = stn.sampler.interpolation.bicubic(-0.5)
TRANSFORMS = {"by name": "affine", "by name and options": ("affine", {}), "object": AFFINE}


def positions_or_theta(transform, **more):
    if transform is None:
        return images(torch, 2, 4, 3, 2, **more)
    return parameters(torch, stn.get_transform("affine") if transform == "affine" else transform, 2, **more)


@pytest.mark.parametrize(("transform", "layout"), [(None, "NCHW"), ("affine", "NHWC"), (FISH_EYE, "NCHW")], ids=str)
def test_opcheck(transform, layout):
    text = options.text_of(transform, *options.Sampling(layout=layout))
    given = images(torch, *((2, 3, 6, 5) if layout == "NCHW" else (2, 6, 5, 3))), positions_or_theta(transform)
    inputs = [tensor.clone().requires_grad_() for tensor in given]
    torch.library.opcheck(operators.sample, (*inputs, [4, 3], text))
    d_out = images(torch, *((2, 3, 4, 3) if layout == "NCHW" else (2, 4, 3, 3)))
    for wanted in ((True, False), (False, True)):
        torch.library.opcheck(operators.sample_backward, (d_out, *given, [4, 3], text, *wanted))


@pytest.mark.parametrize("by_operator", [False, True])
def test_second_derivatives_are_refused_by_name(by_operator, monkeypatch):
    if by_operator:
        monkeypatch.setattr("stn_numba.torch.eager._is_plain", lambda *_: False)
    image, grid = images(torch, 1, 1, 4, 4), images(torch, 1, 2, 2, 2, requires_grad=True)
    theta = parameters(torch, AFFINE, 1, requires_grad=True)
    for out, variable, name in (
        (bridge.grid_sample(image, grid, align_corners=True), grid, "grid_sample"),
        (bridge.warp(image, theta), theta, "warp"),
    ):
        gradient = torch.autograd.grad(out.square().sum(), variable, create_graph=True)[0]
        assert gradient.requires_grad
        with pytest.raises(NotImplementedError, match=f"stn_numba.torch.{name}: second derivatives are not implemented"):
            gradient.sum().backward()


@pytest.fixture
def compiled():
    torch._dynamo.reset()
    yield lambda function, **more: torch.compile(function, fullgraph=True, backend="aot_eager", **more)
    torch._dynamo.reset()


def gradients(out, inputs):
    return torch.autograd.grad(out.square().sum(), inputs)


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_compiled_warp_is_one_operator(transform, compiled):
    inputs = images(torch, 2, 1, 6, 5, requires_grad=True), parameters(torch, AFFINE, 2, requires_grad=True)

    def function(image, theta):
        return bridge.warp(image * 2, theta, transform, (4, 3), kernel=KERNEL, fill=0.5, align_corners=False) + 1

    out, expected = compiled(function)(*inputs), function(*inputs)
    assert torch.equal(out, expected)
    assert all(map(torch.equal, gradients(out, inputs), gradients(expected, inputs)))


def test_a_compiled_grid_sample_of_several_sizes(compiled):
    function = compiled(lambda image, grid: bridge.grid_sample(image, grid, "bicubic", "reflection", False), dynamic=True)
    for batch, side in ((2, 6), (3, 7), (1, 4)):
        inputs = images(torch, batch, 2, side, 5, requires_grad=True), images(torch, batch, side, 3, 2, requires_grad=True)
        out, expected = function(*inputs), bridge.grid_sample(*inputs, "bicubic", "reflection", False)
        assert torch.equal(out, expected)
        assert all(map(torch.equal, gradients(out, inputs), gradients(expected, inputs)))


def test_another_transform_object_compiles_again(compiled):
    image, theta = images(torch, 1, 1, 6, 5), images(torch, 1, 1)
    holder = torch.nn.Module()

    def function(image, theta):
        return bridge.warp(image, theta, holder.transform)

    run = compiled(function)
    for transform in (FISH_EYE, stn.get_transform("rotation"), FishEye()):
        holder.transform = transform
        assert torch.equal(run(image, theta), function(image, theta)), transform


def test_function_transforms_are_refused_by_name():
    image, theta = images(torch, 1, 1, 6, 5), parameters(torch, AFFINE, 1)
    with pytest.raises(NotImplementedError, match=r"stn_numba.torch: warps have no rules for transforms of torch.func"):
        torch.func.grad(lambda theta: bridge.warp(image, theta).sum())(theta)


def test_an_exported_program_names_the_operator():
    class Mirror(torch.nn.Module):
        def forward(self, image):
            return bridge.warp(image, torch.tensor([[-1.0, 0, 0, 0, 1, 0]]))

    image = torch.rand(1, 1, 3, 4)
    program = torch.export.export(Mirror(), (image,))
    assert "stn_numba.sample.default" in program.graph_module.code
    assert torch.equal(program.module()(image), image.flip(3))
