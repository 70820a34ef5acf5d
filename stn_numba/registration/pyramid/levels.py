"""The pyramid of a pair of images: from coarse levels, where motions are short, to the images themselves."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Shape
from stn_numba.grid.coordinates import output_axis, pixels_from_normalized
from stn_numba.registration.pyramid.filters import halve, noise_left, smooth, spline_coefficients, weighted, with_two_lines
from stn_numba.registration.pyramid.planes import Planar, Planes

__all__ = ["Level", "make_levels"]

_SPLINE_REACH = 5  # pixels across which a spline depends on others by more than a few percent
_SURROUNDED = 0.98  # of the weights of a pixel's neighborhood, that it is smoothed from all sides
_MOST_LEFT = 0.5  # of the pixels that count
_COARSEST = 24  # pixels of the shorter side of the coarsest level, at least


@dataclass(frozen=True, eq=False)
class Level:
    """Moving and fixed images at one size: pixel j lies at pixel ``j * 2**depth`` of the images themselves.

    Attributes
    ----------
    depth : int
        How often the images were halved.
    moving, fixed : ndarray, (N * C, H, W)
        Planes of all images.
    moving_weight, fixed_weight : ndarray, (N * C, H, W), or None
        Weights of pixels, the same for all channels of an image; None if all count.
    moving_shape, fixed_shape : (int, int)
        Of the images themselves.
    align_corners : bool
        Convention of theta.
    channels : int
        C.
    cubic : bool
        Whether `moving` holds the coefficients of cubic splines instead of pixels.
    noise_left : float
        Share of the variance of the images' noise that is left after smoothing.
    """

    depth: int
    moving: Planar
    fixed: Planar
    moving_weight: Planar | None
    fixed_weight: Planar | None
    moving_shape: Shape
    fixed_shape: Shape
    align_corners: bool
    channels: int
    cubic: bool = False
    noise_left: float = 1.0

    @functools.cached_property
    def shape(self) -> Shape:
        """(h, w) of the fixed image at this level."""
        return self.fixed.shape[1], self.fixed.shape[2]

    @functools.cached_property
    def moving_size(self) -> Shape:
        """(H, W) of the moving image at this level."""
        h, w = self.moving_shape
        step = 1 << self.depth
        return -(-h // step), -(-w // step)

    @functools.cached_property
    def axes(self) -> tuple[float, float, float, float]:
        """Normalized positions of the fixed image's pixels: (step along x, start of x, step along y, start of y)."""
        (step_x, x), (step_y, y) = (output_axis(size, self.align_corners) for size in self.fixed_shape[::-1])
        return step_x * 2**self.depth, x, step_y * 2**self.depth, y

    @property
    def frame(self) -> tuple[float, ...]:
        """Shape and axes of the fixed image: what tables of its pixels depend on."""
        return *self.shape, *self.axes

    @functools.cached_property
    def to_pixels(self) -> NDArray[np.float64]:
        """(3, 3): from normalized positions to pixels of the moving image at this level."""
        matrix = pixels_from_normalized(self.moving_shape, self.align_corners)
        matrix[:2] /= 2.0**self.depth
        return matrix

    def smoothed(self, sigma: float) -> Level:
        """The same level, smoothed by a Gaussian of deviation `sigma`, at most 1.

        Pixels next to a mask have no weight, because they are smoothed from one side only.
        """
        moving, moving_weight = _smoothed(self.moving, self.moving_weight, sigma)
        fixed, fixed_weight = _smoothed(self.fixed, self.fixed_weight, sigma)
        return dataclasses.replace(
            self,
            moving=moving,
            moving_weight=moving_weight,
            fixed=fixed,
            fixed_weight=fixed_weight,
            noise_left=noise_left(sigma),
        )

    def with_splines(self) -> Level:
        """The same level, whose moving images are read by cubic splines (Unser, 1999).

        Pixels near a mask have no weight, because their splines depend on masked ones.
        """
        weight = self.moving_weight
        if weight is not None:
            from scipy import ndimage

            weight = ndimage.minimum_filter(weight, (0, _SPLINE_REACH, _SPLINE_REACH), mode="nearest")
        moving = spline_coefficients(self.moving)
        if weight is not None:  # rows as long as those of the coefficients
            weight = np.pad(
                weight,
                [(0, 0), *((0, longer - length) for longer, length in zip(moving.shape[1:], weight.shape[1:], strict=True))],
            )
        return dataclasses.replace(self, moving=moving, moving_weight=weight, cubic=True)

    def of_masks(self) -> Level | None:
        """The level whose moving images are the weights of pixels; None if all count."""
        if self.moving_weight is None:
            return None
        return dataclasses.replace(self, moving=self.moving_weight, moving_weight=None, cubic=False)

    def planes_of(self, pairs: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of the moving and of the fixed planes of some pairs, channel by channel; one image may serve all pairs."""
        channels = np.arange(self.channels)
        return tuple(  # type: ignore[return-value]
            ((pairs if len(planes) > self.channels else 0 * pairs)[:, None] * self.channels + channels).ravel()
            for planes in (self.moving, self.fixed)
        )

    @functools.cached_property
    def unit_gradients(self) -> NDArray[np.float64]:
        """(9, 3, 3): gradients by a normalized matrix that follow from one by each entry of the matrix to pixels."""
        return self.to_pixels.T @ np.eye(9).reshape(9, 3, 3)

    def points(self) -> NDArray[np.float64]:
        """Normalized positions (h * w, 2) of the fixed image's pixels."""
        step_x, start_x, step_y, start_y = self.axes
        h, w = self.shape
        x, y = np.meshgrid(step_x * np.arange(w) + start_x, step_y * np.arange(h) + start_y)
        return np.stack([x.ravel(), y.ravel()], axis=-1)


def make_levels(moving: Planes, fixed: Planes, align_corners: bool) -> list[Level]:
    """Return the levels from the finest to the coarsest."""
    levels: list[Level] = []
    planes = [np.reshape(each.values, (-1, *each.shape)) for each in (moving, fixed)]
    channels = moving.values.shape[1]
    weights = [None if each.weight is None else np.repeat(each.weight, channels, axis=0) for each in (moving, fixed)]
    while True:
        levels.append(
            Level(
                len(levels),
                with_two_lines(planes[0]),
                planes[1],
                None if weights[0] is None else with_two_lines(weights[0]),  # kernels read it as `moving`
                weights[1],
                moving.shape,
                fixed.shape,
                align_corners,
                channels,
            )
        )
        if min(*planes[0].shape[1:], *planes[1].shape[1:]) < 2 * _COARSEST:
            return levels
        for k, (plane, weight) in enumerate(zip(planes, weights, strict=True)):
            planes[k], weights[k] = (halve(plane), None) if weight is None else weighted(halve, plane, weight)


def _smoothed(planes: Planar, weight: Planar | None, sigma: float) -> tuple[Planar, Planar | None]:
    """Smooth planes, whose slopes go on beyond the edges, and return what weight is left."""
    by = functools.partial(smooth, sigma=sigma, odd=True)
    if weight is None:
        return by(planes), None
    result, around = weighted(by, planes, weight)
    left = np.where(around > _SURROUNDED, weight, np.float32(0))
    counts = [each.sum(axis=(1, 2), keepdims=True) for each in (left, weight)]
    return result, np.where(counts[0] > _MOST_LEFT * counts[1], left, weight)  # of scattered pixels hardly any would be left
