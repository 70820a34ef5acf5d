"""The pyramid of a pair of images: from coarse levels, where motions are short, to the images themselves."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Shape
from stn_numba.grid.coordinates import output_axis, pixels_from_normalized
from stn_numba.registration.pyramid.filters import noise_left, weighted, with_two_lines
from stn_numba.registration.pyramid.planes import Planar, Planes
from stn_numba.registration.pyramid.volume_filters import halve_axes, smooth_all, splines_of

__all__ = ["Level", "make_levels"]

_SPLINE_REACH = 5  # pixels across which a spline depends on others by more than a few percent
_SURROUNDED = 0.98  # of the weights of a pixel's neighborhood, that it is smoothed from all sides
_MOST_LEFT = 0.5  # of the pixels that count
_MARGIN, _WIDE = 2, 32  # pixels that smoothing mixes with what is behind an edge; of axes that are at least so long
_COARSEST = 24  # pixels of the shorter side of the coarsest level, at least
_COARSEST_VOLUME = 16  # voxels of an axis that was halved, at least


@dataclass(frozen=True, eq=False)
class Level:
    """Moving and fixed images, or volumes, at one size: pixel j of an axis lies at pixel ``j * step`` of the images themselves.

    Attributes
    ----------
    depth : int
        How often the images were halved.
    moving, fixed : ndarray, (N * C, H, W) or (N * C, D, H, W)
        Planes of all images.
    moving_weight, fixed_weight : ndarray, (N * C, H, W) or (N * C, D, H, W), or None
        Weights of pixels, the same for all channels of an image; None if all count.
    moving_shape, fixed_shape : tuple of int
        (H, W) or (D, H, W) of the images themselves.
    align_corners : bool
        Convention of theta.
    channels : int
        C.
    cubic : bool
        Whether `moving` holds the coefficients of cubic splines instead of pixels.
    noise_left : float
        Share of the variance of the images' noise that is left after smoothing.
    halved : tuple of int
        How often each axis was halved, if not all of them `depth` times: short axes of volumes are not.
    moving_margins, fixed_margins : tuple of int
        Pixels that are left out at both ends of each axis; none by default.
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
    halved: tuple[int, ...] | None = None
    moving_margins: tuple[int, ...] = ()
    fixed_margins: tuple[int, ...] = ()

    @functools.cached_property
    def ndim(self) -> int:
        """Number of axes: 2 for images, 3 for volumes."""
        return len(self.fixed_shape)

    @functools.cached_property
    def steps(self) -> tuple[int, ...]:
        """Pixels of the images themselves from one pixel to the next, along each axis."""
        return tuple(1 << times for times in self.halved or (self.depth,) * self.ndim)

    @functools.cached_property
    def shape(self) -> Shape:
        """(h, w) or (d, h, w) of the fixed image at this level."""
        return self.fixed.shape[1:]

    @functools.cached_property
    def moving_size(self) -> Shape:
        """(H, W) or (D, H, W) of the moving image at this level, without margins."""
        sizes = tuple(-(-size // step) for size, step in zip(self.moving_shape, self.steps, strict=True))
        margins = self.moving_margins or (0,) * self.ndim
        return tuple(size - 2 * margin for size, margin in zip(sizes, margins, strict=True))

    @functools.cached_property
    def axes(self) -> tuple[float, ...]:
        """Normalized positions of the fixed image's pixels: step along x, start of x, then the same of y and z."""
        axes = (output_axis(size, self.align_corners) for size in self.fixed_shape[::-1])
        margins = self.fixed_margins[::-1] or (0,) * self.ndim
        return tuple(
            number
            for (step, start), times, margin in zip(axes, self.steps[::-1], margins, strict=True)
            for number in (step * times, step * times * margin + start)
        )

    @property
    def frame(self) -> tuple[float, ...]:
        """Shape and axes of the fixed image: what tables of its pixels depend on."""
        return *self.shape, *self.axes

    @functools.cached_property
    def to_pixels(self) -> NDArray[np.float64]:
        """(3, 3) or (4, 4): from normalized positions to pixels of the moving image at this level."""
        matrix = pixels_from_normalized(self.moving_shape, self.align_corners)
        matrix[:-1] /= np.array(self.steps[::-1], np.float64)[:, None]
        matrix[:-1, -1] -= self.moving_margins[::-1] or 0
        return matrix

    @functools.cached_property
    def scale(self) -> NDArray[np.float64]:
        """(2,) or (3,): pixels of this level in a unit of each normalized coordinate."""
        return np.diag(self.to_pixels)[:-1]

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
            noise_left=noise_left(sigma, self.ndim),
        )

    def without_margin(self) -> Level:
        """The same level without the outermost pixels of axes that are long enough.

        Smoothing knows only one side of them. Besides, a warped image shows the edges of the original, and something else
        behind them: smoothing mixes both. Of a fixed image with a mask, all pixels that it leaves count.
        """
        margins = tuple(_MARGIN if min(sizes) >= _WIDE else 0 for sizes in zip(self.moving_size, self.shape, strict=True))
        fixed_margins = margins if self.fixed_weight is None else (0,) * self.ndim
        return dataclasses.replace(
            self,
            moving=_inner(self.moving, margins),
            moving_weight=None if self.moving_weight is None else _inner(self.moving_weight, margins),
            fixed=_inner(self.fixed, fixed_margins),
            moving_margins=margins,
            fixed_margins=fixed_margins,
        )

    def with_splines(self) -> Level:
        """The same level, whose moving images are read by cubic splines (Unser, 1999).

        Pixels near a mask have no weight, because their splines depend on masked ones.
        """
        weight = self.moving_weight
        if weight is not None:
            from scipy import ndimage

            weight = ndimage.minimum_filter(weight, (0, *(_SPLINE_REACH,) * self.ndim), mode="nearest")
        moving = splines_of(self.moving)
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
        """(9, 3, 3) or (16, 4, 4): gradients by a normalized matrix that follow from one by each entry of that to pixels."""
        size = self.ndim + 1
        return self.to_pixels.T @ np.eye(size**2).reshape(-1, size, size)

    def points(self, planes: slice = slice(None)) -> NDArray[np.float64]:
        """Normalized positions (h * w, 2) of the fixed image's pixels, or (planes * h * w, 3) of some planes of a volume."""
        lines = [
            step * np.arange(size) + start
            for step, start, size in zip(self.axes[::2], self.axes[1::2], self.shape[::-1], strict=True)
        ]
        lines[-1] = lines[-1][planes]
        return np.stack([axis.ravel() for axis in np.meshgrid(*lines[::-1], indexing="ij")[::-1]], axis=-1)


def make_levels(moving: Planes, fixed: Planes, align_corners: bool) -> list[Level]:
    """Return the levels from the finest to the coarsest."""
    levels: list[Level] = []
    planes = [np.reshape(each.values, (-1, *each.shape)) for each in (moving, fixed)]
    channels = moving.values.shape[1]
    weights = [None if each.weight is None else np.repeat(each.weight, channels, axis=0) for each in (moving, fixed)]
    halved = (0,) * len(fixed.shape)
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
                halved=halved,
            )
        )
        axes = _axes_to_halve([plane.shape[1:] for plane in planes])
        if not any(axes):
            return levels
        halved = tuple(times + more for times, more in zip(halved, axes, strict=True))
        halve = functools.partial(halve_axes, axes=axes)
        for k, (plane, weight) in enumerate(zip(planes, weights, strict=True)):
            planes[k], weights[k] = (halve(plane), None) if weight is None else weighted(halve, plane, weight)


def _inner(planes: Planar, margins: tuple[int, ...]) -> Planar:
    """Planes without margins at both ends of each axis."""
    return np.ascontiguousarray(planes[:, *(slice(margin, -margin or None) for margin in margins)])


def _axes_to_halve(shapes: list[Shape]) -> tuple[bool, ...]:
    """Which axes the next level halves: all of images that are large enough; the longest of volumes, until all are short."""
    shortest = tuple(min(sizes) for sizes in zip(*shapes, strict=True))
    if len(shortest) == 2:
        return (min(shortest) >= 2 * _COARSEST,) * 2
    long = [size for size in shortest if size >= 2 * _COARSEST_VOLUME]
    return tuple(size in long and 2 * size > max(long) for size in shortest)


def _smoothed(planes: Planar, weight: Planar | None, sigma: float) -> tuple[Planar, Planar | None]:
    """Smooth planes, whose slopes go on beyond the edges, and return what weight is left."""
    by = functools.partial(smooth_all, sigma=sigma, odd=True)
    if weight is None:
        return by(planes), None
    result, around = weighted(by, planes, weight)
    left = np.where(around > _SURROUNDED, weight, np.float32(0))
    counts = [each.sum(axis=tuple(range(1, each.ndim)), keepdims=True) for each in (left, weight)]
    return result, np.where(counts[0] > _MOST_LEFT * counts[1], left, weight)  # of scattered pixels hardly any would be left
