"""Pairs of images whose true transform is known, for registration.

The scene of a pair is a photo of scikit-image as a continuous function, its quintic spline. `moving` samples it on a lattice
of pixels, and `fixed` at the true positions of its own pixels, so neither image is resampled from the other. The scene is
larger than both, so pixels that leave `moving` show content there, never an edge. `fixed` gets a gain, a bias and noise. Gray
levels of the scene span 5 to 175, so those of `fixed` stay below 255: OpenCV clips higher ones.

Positions are pixels (x, y); the center of the first pixel is (0, 0). Truths map positions of `fixed` to positions of `moving`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, ndimage

Points = NDArray[np.float64]  # (M, 2), or (M, 3) in volumes
Mapping = Callable[[Points], Points]
Image = NDArray[np.float32]

PHOTOS = ("camera", "astronaut", "chelsea", "coffee", "coins", "gravel", "brick", "immunohistochemistry")
SQUARE_PHOTOS = ("camera", "astronaut", "gravel", "brick", "immunohistochemistry", "grass")  # of 512 x 512 pixels
LOWEST, HIGHEST = 5.0, 175.0
JITTER, GAIN, BIAS, NOISE = 12.0, 1.3, 20.0, 2.0
SPLINE_DEGREE = 5


@dataclass(frozen=True, eq=False)
class Truth:
    """The true mapping of a pair, from pixels of `fixed` to pixels of `moving`.

    Attributes
    ----------
    mapping
        Maps positions (M, 2), or (M, 3) of volumes.
    shape
        (H, W) or (D, H, W) of both images.
    points
        Where errors are measured: by default the corners of `fixed`, an image.
    """

    mapping: Mapping
    shape: tuple[int, ...]
    points: Points = field(default_factory=lambda: np.empty((0, 2)))

    def __post_init__(self) -> None:
        if not len(self.points):
            object.__setattr__(self, "points", corners(self.shape))

    def __call__(self, points: Any) -> Points:
        return self.mapping(np.asarray(points, np.float64))

    def error(self, mapping: Mapping) -> float:
        """Mean distance in pixels between a mapping of pixels and the true one; infinite if anything is not finite."""
        distances = np.linalg.norm(np.asarray(mapping(self.points)) - self(self.points), axis=1)
        return float(distances.mean()) if np.isfinite(distances).all() else float("inf")

    def pixel_mapping(self, apply: Mapping) -> Mapping:
        """Return the mapping of pixels by one of normalized positions (align_corners=True), such as `Registration.apply`."""
        half = (np.array(self.shape[::-1]) - 1) / 2
        return lambda points: (np.asarray(apply(points / half - 1)).reshape(points.shape) + 1) * half

    def normalized_error(self, apply: Mapping) -> float:
        """Error, in pixels, of a mapping of normalized positions."""
        return self.error(self.pixel_mapping(apply))


class Pair(NamedTuple):
    """Two images (H, W) with gray levels in [0, 255], or volumes (D, H, W), and the truth."""

    moving: Image
    fixed: Image
    truth: Truth


class Stack(NamedTuple):
    """Frames (N, H, W), and the true shifts (N, 2): position p of the first frame is p + shift in frame n."""

    frames: Image
    shifts: Points


def affine(seed: int = 0, size: int = 512, jitter: float = JITTER, **options: Any) -> Pair:
    """Move the corners by up to `jitter` pixels along each axis, and take the affine map nearest to that.

    `options` are those of `_pair`: the photo, and what happens to the gray levels. So it is in every function here.
    """
    before, after = _moved_corners(seed, size, jitter)
    coefficients = np.linalg.lstsq(np.c_[before, np.ones(4)], after, rcond=None)[0]
    return _pair(seed, size, jitter, lambda points: points @ coefficients[:2] + coefficients[2], **options)


def large_affine(seed: int = 0, size: int = 512, jitter: float = 96, exactly: bool = False, **options: Any) -> Pair:
    """Move three corners by up to `jitter` pixels along each axis, or `exactly` by as much; the fourth follows."""
    rng = np.random.default_rng(seed)
    before = corners((size, size))[:3]
    moves = jitter * rng.choice([-1, 1], before.shape) if exactly else rng.uniform(-jitter, jitter, before.shape)
    coefficients = np.linalg.solve(np.c_[before, np.ones(3)], before + moves)
    return _pair(seed, size, jitter, lambda points: points @ coefficients[:2] + coefficients[2], **options)


def homography(seed: int = 0, size: int = 512, jitter: float = JITTER, **options: Any) -> Pair:
    """Move the corners by up to `jitter` pixels along each axis."""
    before, after = _moved_corners(seed, size, jitter)
    return _pair(seed, size, jitter, homogeneous_mapping(_homography(before, after)), **options)


def similarity(seed: int = 0, size: int = 512, jitter: float = JITTER, **options: Any) -> Pair:
    """Move the corners by up to `jitter` pixels along each axis, and take the rotation, scale and shift nearest to that."""
    before, after = (points[:, 0] + 1j * points[:, 1] for points in _moved_corners(seed, size, jitter))
    turn, shift = np.linalg.lstsq(np.c_[before, np.ones(4)], after, rcond=None)[0]

    def mapping(points: Points) -> Points:
        mapped = turn * (points[:, 0] + 1j * points[:, 1]) + shift
        return np.stack([mapped.real, mapped.imag], axis=1)

    return _pair(seed, size, jitter, mapping, **options)


def fish_eye(seed: int = 0, size: int = 512, **options: Any) -> Pair:
    """Radius r is read at r + k r^3, in normalized units; corners move by 7 to 14 pixels at size 512."""
    rng = np.random.default_rng(seed)
    k, half = rng.uniform(0.01, 0.02) * rng.choice([-1, 1]), (size - 1) / 2

    def mapping(points: Points) -> Points:
        normalized = points / half - 1
        return (normalized * (1 + k * np.sum(normalized**2, axis=1, keepdims=True)) + 1) * half

    return _pair(seed, size, 2 * JITTER, mapping, **options)


def thin_plate(seed: int = 0, size: int = 512, jitter: float = 6, lattice: int = 4, **options: Any) -> Pair:
    """Move each point of a lattice of control points by up to `jitter` pixels along each axis."""
    rng = np.random.default_rng(seed)
    ticks, half = np.linspace(-1, 1, lattice), (size - 1) / 2
    before = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    after = before + rng.uniform(-jitter, jitter, before.shape) / half
    spline = interpolate.RBFInterpolator(before, after, kernel="thin_plate_spline")
    return _pair(seed, size, 2 * jitter, lambda points: (spline(points / half - 1) + 1) * half, everywhere=True, **options)


def smooth_field(seed: int = 0, size: int = 512, amplitude: float = 4, width: float = 60, **options: Any) -> Pair:
    """Displacements are white noise smoothed by a Gaussian of `width` pixels; their root mean square is `amplitude` pixels."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal((2, size, size)), (0, width, width), mode="mirror")
    field *= amplitude / np.sqrt(np.mean(np.sum(field**2, axis=0)))

    def mapping(points: Points) -> Points:
        return points + np.stack([ndimage.map_coordinates(each, points.T[::-1], mode="mirror") for each in field], axis=1)

    return _pair(seed, size, 3 * amplitude, mapping, everywhere=True, **options)


def ramp(seed: int = 0, size: int = 512, **options: Any) -> Pair:
    """An affine pair whose `fixed` darkens to 0.6 on the left and brightens to 1.4 on the right."""
    pair = affine(seed, size, **{"gain": 1.0, "bias": 0.0, **options})
    return pair._replace(fixed=_levels(pair.fixed * np.linspace(0.6, 1.4, size)))


def inverted(seed: int = 0, size: int = 512, **options: Any) -> Pair:
    """An affine pair whose `fixed` is a negative."""
    pair = affine(seed, size, **options)
    return pair._replace(fixed=_levels(255 - pair.fixed))


def covered(seed: int = 0, size: int = 512, share: float = 0.25, **options: Any) -> Pair:
    """An affine pair in which a square shows another photo; it covers `share` of `fixed`."""
    pair = affine(seed, size, **options)
    rng = np.random.default_rng(seed)
    side = round(size * share**0.5)
    top, left = rng.integers(0, size - side, 2)
    fixed = pair.fixed.copy()
    fixed[top : top + side, left : left + side] = affine(seed + 1, size, **options).moving[:side, :side]
    return pair._replace(fixed=fixed)


def drift(seed: int = 0, size: int = 256, frames: int = 40, step: float = 1.0, noise: float = NOISE) -> Stack:
    """Frames that a random walk shifts, by steps with a standard deviation of `step` pixels along each axis."""
    rng = np.random.default_rng(seed)
    shifts = np.cumsum(np.r_[np.zeros((1, 2)), rng.normal(0, step, (frames - 1, 2))], axis=0)
    sample = _scene(seed, size, 32)
    points = _pixels((size, size))
    images = [_levels(sample(points - shift).reshape(size, size) + rng.normal(0, noise, (size, size))) for shift in shifts]
    return Stack(np.stack(images), shifts)


def corners(shape: tuple[int, ...]) -> Points:
    """Return the centers of the four corner pixels."""
    height, width = shape
    return np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float64)


def _pair(
    seed: int,
    size: int,
    margin: float,
    mapping: Mapping,
    everywhere: bool = False,
    *,
    photo: str | None = None,
    gain: float = GAIN,
    bias: float = BIAS,
    noise: float = NOISE,
    moving_noise: float = 0.0,
) -> Pair:
    """Return the pair of a mapping; `everywhere` measures errors all over what both images show, not at the corners.

    `photo` is chosen by the seed unless it is named; noise is given by its standard deviation.
    """
    shape, rng, sample = (size, size), np.random.default_rng([seed, 1]), _scene(seed, size, margin, photo)
    truth = Truth(mapping, shape, _shared_points(mapping, shape)) if everywhere else Truth(mapping, shape)
    points = _pixels(shape)
    fixed = gain * sample(truth(points)).reshape(shape) + bias + rng.normal(0, noise, shape)
    moving = sample(points).reshape(shape) + rng.normal(0, moving_noise, shape)
    return Pair(_levels(moving), _levels(fixed), truth)


def _shared_points(mapping: Mapping, shape: tuple[int, int], count: int = 32) -> Points:
    """Return points of a lattice over `fixed` that lie inside `moving` too."""
    ticks = [np.linspace(0, length - 1, count) for length in shape[::-1]]
    points = np.stack(np.meshgrid(*ticks), axis=-1).reshape(-1, 2)
    inside = np.all((mapping(points) >= 0) & (mapping(points) <= np.array(shape[::-1]) - 1), axis=1)
    return points[inside]


def _moved_corners(seed: int, size: int, jitter: float) -> tuple[Points, Points]:
    before = corners((size, size))
    return before, before + np.random.default_rng(seed).uniform(-jitter, jitter, before.shape)


def _homography(before: Points, after: Points) -> NDArray[np.float64]:
    """Return the matrix (3, 3) that maps four points to four points."""
    rows = []
    for (x, y), (u, v) in zip(before, after, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return np.append(np.linalg.solve(np.array(rows), after.ravel()), 1).reshape(3, 3)


def _scene(seed: int, size: int, margin: float, photo: str | None = None) -> Mapping:
    """Return the scene as a function of the pixels of `moving`, with `margin` pixels around them.

    A photo pixel is at least an image pixel wide, and the pair shows the middle of the photo; beyond its edge it is mirrored.
    """
    levels = _mosaic(seed) if size > 512 else _photo(photo or PHOTOS[seed % len(PHOTOS)])
    zoom = min(1, (min(levels.shape) - 1) / (size - 1 + 2 * margin))
    center, coefficients = (np.array(levels.shape[::-1]) - 1) / 2, _coefficients(levels)

    def sample(points: Points) -> Points:
        positions = center + zoom * (points - (size - 1) / 2)
        return ndimage.map_coordinates(coefficients, positions.T[::-1], order=SPLINE_DEGREE, mode="mirror", prefilter=False)

    return sample


@functools.cache
def _photo(name: str) -> NDArray[np.float64]:
    """Return a photo that ships with scikit-image, in gray, with levels from `LOWEST` to `HIGHEST`."""
    import skimage.color
    import skimage.data

    photo = getattr(skimage.data, name)()
    gray = skimage.color.rgb2gray(photo) if photo.ndim == 3 else photo
    return np.interp(gray, (gray.min(), gray.max()), (LOWEST, HIGHEST))


def _mosaic(seed: int) -> NDArray[np.float64]:
    """Return four photos side by side, 1024 x 1024."""
    names = np.random.default_rng(seed).permutation(SQUARE_PHOTOS)[:4]
    first, second, third, fourth = (_photo(str(name)) for name in names)
    return np.block([[first, second], [third, fourth]])


def _coefficients(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    return ndimage.spline_filter(levels, SPLINE_DEGREE, mode="mirror")


def _pixels(shape: tuple[int, int]) -> Points:
    y, x = np.indices(shape)
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)


def _levels(image: NDArray[np.float64]) -> Image:
    return np.clip(image, 0, 255).astype(np.float32)


def homogeneous_mapping(matrix: Any) -> Mapping:
    """Return the mapping of pixels by a matrix (2, 3) or (3, 3)."""
    whole = np.eye(3)
    whole[: len(matrix)] = matrix

    def mapping(points: Points) -> Points:
        x, y, w = whole @ np.c_[points, np.ones(len(points))].T
        return np.stack([x / w, y / w], axis=1)

    return mapping
