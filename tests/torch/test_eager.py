"""Plain calls go past the operators, with the same results."""

import pytest

import stn_numba as stn
from tests.torch.examples import FishEye, images, parameters

torch = pytest.importorskip("torch")
bridge = pytest.importorskip("stn_numba.torch")
eager = pytest.importorskip("stn_numba.torch.eager")


def results(image, numbers, function):
    inputs = image.clone().requires_grad_(), numbers.clone().requires_grad_()
    out = function(*inputs)
    return out, *torch.autograd.grad(out.square().sum(), inputs)


@pytest.mark.parametrize("transform", ["affine", stn.get_transform("tps"), FishEye()], ids=str)
def test_both_ways_have_the_same_bits(transform, monkeypatch):
    image = images(torch, 2, 3, 6, 5)
    theta = parameters(torch, stn.get_transform(transform) if isinstance(transform, str) else transform, 2)
    direct = results(image, theta, lambda image, theta: bridge.warp(image, theta, transform, kernel="bicubic"))
    monkeypatch.setattr(eager, "_is_plain", lambda *_: False)
    by_operator = results(image, theta, lambda image, theta: bridge.warp(image, theta, transform, kernel="bicubic"))
    assert all(map(torch.equal, direct, by_operator))


def test_only_plain_calls_are_plain():
    image, theta = torch.rand(1, 1, 4, 4), torch.zeros(1, 6)
    assert eager._is_plain(image, torch.nn.Parameter(theta))
    assert not eager._is_plain(image, theta.to("meta"))
    with torch._subclasses.FakeTensorMode():
        assert not eager._is_plain(image, theta)


def test_a_gradient_may_be_part_of_a_larger_graph():
    """`create_graph=True` is no error as long as nobody differentiates through the gradient of a warp."""
    theta = torch.tensor([[1.0, 0, 0.1, 0, 1, 0]], requires_grad=True)
    scale = torch.tensor(2.0, requires_grad=True)
    loss = scale.pow(3) + bridge.warp(torch.rand(1, 1, 4, 4), theta).sum()
    slope, _ = torch.autograd.grad(loss, [scale, theta], create_graph=True)
    assert torch.autograd.grad(slope, scale)[0].item() == 12.0


def test_a_graph_may_be_used_twice():
    theta = torch.tensor([[1.0, 0, 0.1, 0, 1, 0]], requires_grad=True)
    out = bridge.warp(torch.rand(1, 1, 4, 4), theta)
    first, second = (torch.autograd.grad(out.sum(), theta, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
