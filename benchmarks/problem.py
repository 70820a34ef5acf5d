"""A warp to be done: the same numbers for every contestant."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import stn_numba as stn

Array = NDArray[np.generic]
GRADIENTS = ("", "theta", "image and theta")


@dataclass(frozen=True, eq=False)
class Problem:
    """Images (N, H, W, C), parameters theta (N, P) or, with `dense`, the positions they give, and what is asked for.

    `gradient` is one of `GRADIENTS`, where "theta" means the positions if they are given. `single` is one image without the
    axis of a batch, and a call that names nothing but image and parameters. `into_given` writes to an array that is there
    already, as a video loop would.
    """

    image: Array
    theta: NDArray[np.float32]
    shape: tuple[int, int]
    transform: str = "affine"
    dense: bool = False
    kernel: str = "bilinear"
    padding: str = "zeros"
    layout: str = "NHWC"
    gradient: str = ""
    into_given: bool = False
    single: bool = False

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
        return (len(self.image), *self.shape, self.image.shape[3])

    @property
    def one_image(self) -> Array:
        """The first image, (H, W, C) or, if it has one channel, (H, W)."""
        image = self.image[0]
        return image[..., 0] if image.shape[2] == 1 else image

    @functools.cached_property
    def positions(self) -> NDArray[np.float32]:
        """Normalized positions (N, h, w, 2)."""
        grid, _ = stn.get_transform(self.transform).forward(self.theta.astype(np.float64), self.shape)
        return grid.dense().astype(np.float32)

    @functools.cached_property
    def d_out(self) -> NDArray[np.float32]:
        return np.random.default_rng(1).standard_normal(self.out_shape, np.float32)

    @property
    def pixel_matrices(self) -> NDArray[np.float64]:
        """(N, 3, 3) from output to input pixels; put together here, so that a fault in the library's own would show."""
        matrices = np.tile(np.eye(3), (len(self.theta), 1, 1))
        matrices.reshape(-1, 9)[:, : self.theta.shape[1]] = self.theta
        to_output = _from_normalized(self.shape)
        return _from_normalized(self.image.shape[1:3]) @ matrices @ np.linalg.inv(to_output)

    @property
    def bytes_moved(self) -> int:
        """Bytes of every array that must be read or written at least once."""
        out_bytes = int(np.prod(self.out_shape)) * self.image.itemsize
        positions = self.positions.nbytes * (2 if self.gradient else 1) if self.dense else 0
        d_image = self.image.nbytes if "image" in self.gradient else 0
        d_out = out_bytes if self.gradient else 0
        return self.image.nbytes + out_bytes + positions + d_image + d_out


def make_problem(
    size: tuple[int, int, int, int],
    transform: str = "affine",
    shape: tuple[int, int] | None = None,
    dtype: str = "float32",
    **rest,
) -> Problem:
    """Noise of (N, H, W, C), where a wrong weight or tap shows at once, and moderate random parameters."""
    generator = np.random.default_rng(0)
    image = generator.random(size, np.float32) if dtype == "float32" else generator.integers(0, 256, size, dtype)
    theta = PARAMETERS[transform](generator, size[0]).astype(np.float32)
    return Problem(image, theta, shape or size[1:3], transform, **rest)


def _affine(generator: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Turn by 10 to 30 degrees, scale by 0.8 to 1.2, shift by up to a tenth."""
    angle = np.radians(generator.uniform(10, 30, count)) * generator.choice([-1, 1], count)
    scale = generator.uniform(0.8, 1.2, count)
    x, y = generator.uniform(-0.2, 0.2, (2, count))
    along, across = scale * np.cos(angle), scale * np.sin(angle)
    return np.stack([along, -across, x, across, along, y], axis=1)


def _projective(generator: np.random.Generator, count: int) -> NDArray[np.float64]:
    return np.concatenate([_affine(generator, count), generator.uniform(-0.2, 0.2, (count, 2))], axis=1)


def _tps(generator: np.random.Generator, count: int) -> NDArray[np.float64]:
    """The 16 control points, moved by affine maps: kornia's spline differs from the usual one, but both reproduce these."""
    points = stn.get_transform("tps").identity().reshape(2, -1)
    matrices = _affine(generator, count).reshape(-1, 2, 3)
    return (matrices[:, :, :2] @ points + matrices[:, :, 2:]).reshape(count, -1)


PARAMETERS = {"affine": _affine, "projective": _projective, "tps": _tps}


def _from_normalized(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Matrix from normalized positions to pixels of an (H, W) image."""
    (height, width) = ((length - 1) / 2 for length in shape)
    return np.array([[width, 0, width], [0, height, height], [0, 0, 1]])
