"""Convolution of volumes against sums over blocks, and against PyTorch."""

import itertools

import numpy as np
import pytest

from stn_numba.nn import Conv2d, Conv3d

RNG = np.random.default_rng(0)


def initialized(layer, shape, dtype=np.float64):
    layer.initialize(shape, np.random.default_rng(1), dtype)
    layer.params["bias"] += RNG.normal(size=layer.filters)
    return layer


def slow_convolution(x, weight, bias, stride, sides):
    """The sum over each block, voxel by voxel; `sides` are zeros (before, after) along each axis."""
    x = np.pad(x, ((0, 0), *sides, (0, 0)))
    size = weight.shape[:3]
    out = [(length - part) // step + 1 for length, part, step in zip(x.shape[1:4], size, stride, strict=True)]
    y = np.zeros((len(x), *out, weight.shape[4]))
    for place in itertools.product(*map(range, out)):
        block = x[:, *(slice(p * s, p * s + k) for p, s, k in zip(place, stride, size, strict=True))]
        y[:, *place] = np.tensordot(block, weight, axes=4) + bias
    return y


@pytest.mark.parametrize(
    ("layer", "stride", "sides"),
    [
        (Conv3d(3, 3), (1, 1, 1), [(0, 0)] * 3),
        (Conv3d(2, (2, 3, 1), stride=(1, 2, 3), padding=(1, 2, 0)), (1, 2, 3), [(1, 1), (2, 2), (0, 0)]),
        (Conv3d(2, (4, 3, 2), stride=2, padding="same"), (2, 2, 2), [(1, 2), (1, 1), (0, 1)]),
        (Conv3d(4, 1), (1, 1, 1), [(0, 0)] * 3),
    ],
    ids=["plain", "by axis", "same", "1 x 1 x 1"],
)
def test_each_voxel_is_the_sum_over_its_block(layer, stride, sides):
    x = RNG.normal(size=(2, 6, 5, 7, 2))
    initialized(layer, x.shape[1:])
    y, _ = layer.forward(x)
    assert y.shape == (2, *layer.out_shape(x.shape[1:]))
    np.testing.assert_allclose(y, slow_convolution(x, *layer.params.values(), stride, sides), atol=1e-12)


def test_one_plane_is_the_convolution_of_images():
    volume, image = Conv3d(3, (1, 3, 3)), Conv2d(3, 3)
    x = RNG.normal(size=(32, 1, 6, 5, 2)).astype(np.float32)
    initialized(volume, x.shape[1:], np.float32)
    image.params = {"weight": volume.params["weight"][0], "bias": volume.params["bias"]}
    np.testing.assert_array_equal(volume.forward(x)[0][:, 0], image.forward(x[:, 0])[0])


def test_torch_agrees():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    layer, x = Conv3d(4, (3, 2, 3), stride=(1, 2, 1), padding=1), RNG.normal(size=(2, 5, 6, 4, 3))
    initialized(layer, x.shape[1:])
    y, backprop = layer.forward(x)
    dy = RNG.normal(size=y.shape)
    dx, gradients = backprop(dy)
    tensors = [x.transpose(0, 4, 1, 2, 3), layer.params["weight"].transpose(4, 3, 0, 1, 2), layer.params["bias"]]
    tensors = [torch.tensor(np.ascontiguousarray(array), requires_grad=True) for array in tensors]
    expected = torch.nn.functional.conv3d(*tensors, stride=(1, 2, 1), padding=1)
    expected.backward(torch.tensor(dy.transpose(0, 4, 1, 2, 3)))
    np.testing.assert_allclose(y, expected.detach().numpy().transpose(0, 2, 3, 4, 1), atol=1e-12)
    np.testing.assert_allclose(dx, tensors[0].grad.numpy().transpose(0, 2, 3, 4, 1), atol=1e-12)
    np.testing.assert_allclose(gradients["weight"], tensors[1].grad.numpy().transpose(2, 3, 4, 1, 0), atol=1e-12)
    np.testing.assert_allclose(gradients["bias"], tensors[2].grad.numpy(), atol=1e-12)


def test_images_and_other_channels_are_refused():
    layer = initialized(Conv3d(2, 3), (4, 4, 4, 2))
    for shape in ((1, 4, 4, 2), (1, 4, 4, 4, 3), (1, 0, 4, 4, 2)):
        with pytest.raises(ValueError, match=r"Conv3d: expected floats \(N, D, H, W, 2\), got float64"):
            layer.forward(np.zeros(shape))
    with pytest.raises(ValueError, match=r"Conv3d: dy: expected floats \(1, 2, 2, 2, 2\)"):
        layer.forward(np.zeros((1, 4, 4, 4, 2)))[1](np.zeros((1, 2, 2, 2, 1)))
