"""Convolution of volumes, as convolutions of images whose channels are neighboring planes."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_int
from stn_numba.nn.arrays import Backprop, Floats, Size, as_gradient
from stn_numba.nn.layers.base import Layer, expect_shape, he_normal
from stn_numba.nn.layers.conv2d import Conv2d
from stn_numba.nn.layers.volumes.options import Triple, as_simple, as_triple, expect_volumes

__all__ = ["Conv3d"]


class Conv3d(Layer):
    """3D convolution: each output voxel is a weighted sum over a block of the input, plus a bias.

    Maps x (N, D, H, W, C) to y (N, d, h, w, filters), with ``d = (D + 2 * padding - kernel_size) // stride + 1``, h and w
    alike. The parameters are ``weight`` (planes, rows, columns, C, filters) for blocks of planes x rows x columns, with
    He-normal initial values, and ``bias`` (filters,), with initial zeros.

    Parameters
    ----------
    filters : int
        Channels of the output, at least 1.
    kernel_size : int or (int, int, int)
        Side of the block in voxels, or its planes, rows and columns, at least 1.
    stride : int or (int, int, int), default 1
        Voxels from one block to the next along each axis, at least 1.
    padding : int, (int, int, int) or "same", default 0
        Planes, rows and columns of zeros added on each side, fewer than those of a block. ``"same"`` adds so many that the
        output has ``ceil(D / stride)`` planes, rows and columns alike, as in `Conv2d`.

    Raises
    ------
    TypeError, ValueError
        If an option is no integer or triple, or out of its range.

    Notes
    -----
    The planes of a block become channels of an image, and `Conv2d` does the rest. So the speed is that of `Conv2d`, but the
    input is copied once for each plane of a block, and these copies are kept until the backward: a network that is trained on
    volumes of more than about 64 x 64 x 64 should shrink them first, as with `AvgPool3d`. Nothing is fused with the layers
    around it.

    Examples
    --------
    >>> layer = Conv3d(4, 3)
    >>> layer.initialize((8, 8, 8, 1), np.random.default_rng(0))
    (6, 6, 6, 4)
    >>> layer.forward(np.zeros((2, 8, 8, 8, 1), np.float32))[0].shape
    (2, 6, 6, 6, 4)
    >>> Conv3d(4, (1, 3, 3), stride=(2, 1, 1), padding="same").initialize((8, 8, 8, 1), np.random.default_rng(0))
    (4, 8, 8, 4)
    """

    fixed_options = ("filters", "kernel_size", "stride", "padding")

    def __init__(
        self, filters: int, kernel_size: int | Triple, *, stride: int | Triple = 1, padding: int | Triple | str = 0
    ) -> None:
        super().__init__()
        self.filters = as_int(filters, "filters", least=1)
        size, step = as_triple(kernel_size, "kernel_size", least=1), as_triple(stride, "stride", least=1)
        self.kernel_size, self.stride = as_simple(size), as_simple(step)
        self.padding, sides, plane_padding = _as_padding(padding, size)
        self._planes, self._step, self._sides = size[0], step[0], sides
        self._of_image = (size[1:], step[1:], plane_padding)
        self._image_layer()  # rejects options that do not fit

    def _image_layer(self) -> Conv2d:
        """Return the convolution of images with the same rows and columns, without parameters."""
        size, stride, padding = self._of_image
        return Conv2d(self.filters, size, stride=stride, padding=padding)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Draw weights for inputs (D, H, W, C), set biases to zero, and return (d, h, w, filters)."""
        expect_shape(self, input_shape, 4, "(D, H, W, C)")
        out_shape, shape = self.out_shape(input_shape), (self._planes, *self._of_image[0], input_shape[3], self.filters)
        weight = he_normal(rng, shape, int(np.prod(shape[:4])), dtype)
        self.params = {"weight": weight, "bias": np.zeros(self.filters, dtype)}
        return out_shape

    def out_shape(self, shape: Size) -> Size:
        """Return (d, h, w, filters) of the output for an input of (D, H, W, C)."""
        whole = shape[0] + sum(self._sides)
        if whole < self._planes:
            raise ValueError(f"Conv3d: a block of {self._planes} planes does not fit an input of {whole}")
        return ((whole - self._planes) // self._step + 1, *self._image_layer().out_shape(shape[1:]))

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, d, h, w, filters)."""
        weight, bias = self.params["weight"], self.params["bias"]
        expect_volumes(self, x, weight.shape[3])
        out_shape, images = (len(x), *self.out_shape(x.shape[1:])), self._stacked(x)
        layer = self._image_layer()
        by_image = weight.transpose(1, 2, 0, 3, 4)  # (rows, columns, planes, C, filters)
        layer.params = {"weight": by_image.reshape(*weight.shape[1:3], images.shape[4], self.filters), "bias": bias}
        y, image_backprop = layer.forward(images.reshape(len(x) * out_shape[1], *images.shape[2:]))

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, dict[str, Floats]]:
            dy = as_gradient(self, dy, y.reshape(out_shape))
            d_images, gradients = image_backprop(dy.reshape(y.shape), input_gradient=input_gradient)
            d_weight = gradients["weight"].reshape(by_image.shape).transpose(2, 0, 1, 3, 4)
            dx = None if d_images is None else self._stacked_vjp(d_images.reshape(images.shape), x.shape)
            return dx, {"weight": np.ascontiguousarray(d_weight), "bias": gradients["bias"]}

        return y.reshape(out_shape), backprop

    def _stacked(self, x: Floats) -> Floats:
        """Return images (N, d, H, W, planes * C) for volumes: each has the planes of its blocks as channels."""
        if any(self._sides):
            x = np.pad(x, ((0, 0), self._sides, (0, 0), (0, 0), (0, 0)))
        d = (x.shape[1] - self._planes) // self._step + 1
        images = np.empty((len(x), d, *x.shape[2:4], self._planes * x.shape[4]), x.dtype)
        for plane in range(self._planes):
            images[..., plane * x.shape[4] : (plane + 1) * x.shape[4]] = x[:, self._places(plane, d)]
        return images

    def _stacked_vjp(self, d_images: Floats, shape: Size) -> Floats:
        """Add the gradients by the images of `_stacked` to one by the volumes, of a shape."""
        d, C = d_images.shape[1], shape[4]
        dx = np.zeros((shape[0], shape[1] + sum(self._sides), *shape[2:]), d_images.dtype)
        for plane in range(self._planes):
            dx[:, self._places(plane, d)] += d_images[..., plane * C : (plane + 1) * C]
        return dx[:, self._sides[0] : self._sides[0] + shape[1]]

    def _places(self, plane: int, count: int) -> slice:
        """Where the planes of a number in each of `count` blocks are."""
        return slice(plane, plane + (count - 1) * self._step + 1, self._step)


def _as_padding(padding: object, size: Triple) -> tuple[int | Triple | str, tuple[int, int], tuple[int, int] | str]:
    """Return the option as the layer keeps it, the planes on each side, and the option for rows and columns."""
    if isinstance(padding, str):
        if padding != "same":
            raise ValueError(f"padding: expected whole numbers or 'same', got {padding!r:.60}")
        front = (size[0] - 1) // 2
        return "same", (front, size[0] - 1 - front), "same"
    sides = as_triple(padding, "padding", least=0)
    if any(side >= length for side, length in zip(sides, size, strict=True)):
        raise ValueError(f"padding: expected less than the kernel_size {as_simple(size)}, got {padding}")
    return as_simple(sides), (sides[0], sides[0]), sides[1:]
