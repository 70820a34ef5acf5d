"""The data of a warp: the same numbers for every library."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import stn_numba as stn
from benchmarks.case import Array


@dataclass(frozen=True, eq=False)
class WarpProblem:
    """Images to warp, and how.

    Attributes
    ----------
    image
        (N, H, W, C).
    theta
        Transform parameters (N, P).
    shape
        Output size (h, w).
    transform
        ``"affine"``, ``"projective"`` or ``"tps"``.
    dense_grid
        Whether `grid` is given, instead of `theta`.
    kernel, padding, layout
        As `stn_numba.sample` takes them; `image` has its channels last with either layout.
    gradient
        Which gradients to compute: ``""``, ``"theta"`` or ``"image and theta"``; with `dense_grid`, "theta" stands for
        the grid.
    reuse_out
        Whether to write to an existing array, as a loop over the frames of a video would.
    single_image
        Whether the call gets one image without the batch axis, and no option.
    """

    image: Array
    theta: NDArray[np.float32]
    shape: tuple[int, int]
    transform: str = "affine"
    dense_grid: bool = False
    kernel: str = "bilinear"
    padding: str = "zeros"
    layout: str = "NHWC"
    gradient: str = ""
    reuse_out: bool = False
    single_image: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is a forward warp of float32 batches with the options that all libraries share."""
        options = (self.kernel, self.padding, self.layout, self.gradient, self.reuse_out, self.single_image)
        return self.image.dtype == np.float32 and options == ("bilinear", "zeros", "NHWC", "", False, False)

    @property
    def affine(self) -> bool:
        """Whether affine parameters are given, not a dense grid."""
        return self.transform == "affine" and not self.dense_grid

    @property
    def n_channels(self) -> int:
        return self.image.shape[3]

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
        return (len(self.image), *self.shape, self.n_channels)

    @property
    def first_image(self) -> Array:
        """The first image, (H, W, C), or (H, W) if it has one channel."""
        image = self.image[0]
        return image[..., 0] if self.n_channels == 1 else image

    @functools.cached_property
    def grid(self) -> NDArray[np.float32]:
        """Normalized positions (N, h, w, 2)."""
        grid, _ = stn.get_transform(self.transform).forward(self.theta.astype(np.float64), self.shape)
        return grid.dense().astype(np.float32)

    @functools.cached_property
    def d_out(self) -> NDArray[np.float32]:
        return np.random.default_rng(1).standard_normal(self.out_shape, np.float32)

    @property
    def pixel_matrices(self) -> NDArray[np.float64]:
        """Matrices (N, 3, 3) from output to input pixels; computed here, so that an error in the library's would show."""
        matrices = np.tile(np.eye(3), (len(self.theta), 1, 1))
        matrices.reshape(-1, 9)[:, : self.theta.shape[1]] = self.theta
        return _to_pixels(self.image.shape[1:3]) @ matrices @ np.linalg.inv(_to_pixels(self.shape))

    @property
    def bytes_moved(self) -> int:
        """Bytes of all arrays that must be read or written at least once."""
        out_bytes = int(np.prod(self.out_shape)) * self.image.itemsize
        grid_bytes = self.grid.nbytes * (2 if self.gradient else 1) if self.dense_grid else 0
        d_image_bytes = self.image.nbytes if "image" in self.gradient else 0
        d_out_bytes = out_bytes if self.gradient else 0
        return self.image.nbytes + out_bytes + grid_bytes + d_image_bytes + d_out_bytes


def make_warp(
    size: tuple[int, int, int, int],
    transform: str = "affine",
    shape: tuple[int, int] | None = None,
    dtype: str = "float32",
    **options,
) -> WarpProblem:
    """Make noise (N, H, W, C), in which a wrong weight or tap shows at once, and moderate random parameters."""
    rng = np.random.default_rng(0)
    image = rng.random(size, np.float32) if dtype == "float32" else rng.integers(0, 256, size, dtype)
    theta = PARAMETERS[transform](rng, size[0]).astype(np.float32)
    return WarpProblem(image, theta, shape or size[1:3], transform, **options)


def _affine(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Rotate by 10 to 30 degrees, scale by 0.8 to 1.2, shift by up to a tenth of the image."""
    angle = np.radians(rng.uniform(10, 30, count)) * rng.choice([-1, 1], count)
    scale = rng.uniform(0.8, 1.2, count)
    x, y = rng.uniform(-0.2, 0.2, (2, count))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.stack([cos, -sin, x, sin, cos, y], axis=1)


def _projective(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return np.concatenate([_affine(rng, count), rng.uniform(-0.2, 0.2, (count, 2))], axis=1)


def _tps(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Move the 16 control points by affine maps: kornia's spline differs from the usual one, but both reproduce these."""
    points = stn.get_transform("tps").identity().reshape(2, -1)
    matrices = _affine(rng, count).reshape(-1, 2, 3)
    return (matrices[:, :, :2] @ points + matrices[:, :, 2:]).reshape(count, -1)


PARAMETERS = {"affine": _affine, "projective": _projective, "tps": _tps}


def _to_pixels(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the matrix from normalized positions to pixels of an (H, W) image."""
    y, x = ((length - 1) / 2 for length in shape)
    return np.array([[x, 0, x], [0, y, y], [0, 0, 1]])
