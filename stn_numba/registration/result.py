"""What a registration found, and how far it can be trusted."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_option
from stn_numba._util.html import table
from stn_numba.grid import Floats, Shape, to_normalized, to_pixels
from stn_numba.transform.base import Transform
from stn_numba.transform.matrix import MatrixTransform
from stn_numba.transform.points import apply_each
from stn_numba.warp import warp

__all__ = ["LevelReport", "Registration"]

Array = NDArray[np.float64]

_MOST_ROWS = 20  # of the table in notebooks
_MOST_PARAMETERS = 12  # of a theta that is shown


@dataclass(frozen=True)
class LevelReport:
    """How one level of the pyramid ended.

    Attributes
    ----------
    shape : (int, int) or (int, int, int)
        (h, w) or (d, h, w) of the fixed image at this level.
    iterations : ndarray of int, (N,)
        Steps that were tried.
    reasons : list of str
        Why each pair stopped. This says nothing about whether the result is right: see `Registration.success`.
    """

    shape: Shape
    iterations: NDArray[np.int64]
    reasons: list[str]


@dataclass(frozen=True, eq=False, repr=False)
class Registration:
    """The result of `register` and `register_stack`; immutable.

    For `register`, N is 1, and what is one number per pair is a number; for `register_stack` it is an array (N,).

    Attributes
    ----------
    theta : ndarray, (N, P), float64
        Parameters that map positions of `fixed` to positions of `moving`, so ``warp(moving, theta, transform)`` looks like
        `fixed`.
    success : bool or ndarray of bool, (N,)
        Whether the warped image shows what `fixed` shows: `detail_correlation` and `overlap` are large enough.
    correlation : float or ndarray, (N,)
        Of the warped moving image with `fixed`, in [-1, 1], where both are seen; with robust weights if there are any. Negative
        if one is a negative of the other.
    detail_correlation : float or ndarray, (N,)
        The same for details of a few pixels, which agree only where the images do. Large even for wrong results in periodic
        textures.
    overlap : float or ndarray, (N,)
        Share of the fixed image's pixels that the moving image shows, both without a frame of 2 pixels.
    gain, bias : ndarray, (N, C)
        ``gain * warped + bias`` is `fixed`, as nearly as possible, in the units of the images. 1 and 0 if they were not fitted.
    covariance : ndarray, (N, P, P)
        Of theta, from the curvature of the cost at the minimum and the residuals, if these were independent from pixel to
        pixel. It does not know of wrong minima. NaN if the curvature is singular, or a coarser lattice was
        registered instead. Computed when it is first asked for.
    levels : tuple of LevelReport
        From the coarsest level to the finest.
    transform : Transform
        The transform that theta belongs to; it knows the images' aspect.
    moving_shape, fixed_shape : (int, int) or (int, int, int)
        Of the images or volumes.
    align_corners : bool
        Convention of theta.
    """

    theta: Array
    success: Any
    correlation: Any
    detail_correlation: Any
    overlap: Any
    gain: Array
    bias: Array
    _find_covariance: Callable[[], Array]
    levels: tuple[LevelReport, ...]
    transform: Transform
    moving_shape: Shape
    fixed_shape: Shape
    align_corners: bool

    def __post_init__(self) -> None:
        for name in ("theta", "success", "correlation", "detail_correlation", "overlap", "gain", "bias"):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @functools.cached_property
    def covariance(self) -> Array:
        """(N, P, P), see above."""
        result = self._find_covariance()
        result.flags.writeable = False
        return result

    def __len__(self) -> int:
        return len(self.theta)

    def __repr__(self) -> str:
        if np.ndim(self.success) == 0:
            return (
                f"<Registration: success={self.success}, correlation {self.correlation:.4f}, overlap {self.overlap:.3f}, "
                f"{self.transform!r}>"
            )
        return f"<Registration: {int(np.sum(self.success))} of {len(self)} succeeded, {self.transform!r}>"

    def _repr_html_(self) -> str:
        names = ("success", "correlation", "detail_correlation", "overlap")
        columns = [np.atleast_1d(getattr(self, name)) for name in names]
        rows = [
            (pair, *(f"{column[pair]:.4f}" if column.dtype.kind == "f" else column[pair] for column in columns), _short(theta))
            for pair, theta in enumerate(self.theta[:_MOST_ROWS])
        ]
        headings = ["pair", *(name.replace("_", " ") for name in names), "theta"]
        more = f"<div>and {len(self) - len(rows)} more</div>" if len(self) > len(rows) else ""
        return table(headings, rows, title=repr(self), right=range(5)) + more

    def warp(self, image: ArrayLike, **options: Any) -> NDArray[Any]:
        """Warp an image like `moving` to look like `fixed`: ``stn_numba.warp`` with this theta.

        Parameters
        ----------
        image : array_like
            Any image of the shape of `moving`, also labels or another channel; for a stack N of them, (N, H, W) or
            (N, H, W, C). Volumes have a D before H.
        **options
            As for `stn_numba.warp`, for instance ``kernel="nearest"`` for labels.

        Returns
        -------
        ndarray
            Of the image's dtype, with the height and width of `fixed`.
        """
        options = {"shape": self.fixed_shape, "align_corners": self.align_corners, **options}
        image = np.asarray(image)
        if np.ndim(self.success) == 1 and image.ndim == len(self.moving_shape) + 1:  # gray frames
            return warp(image[..., None], self.theta, self.transform, **options)[..., 0]
        return warp(image, self.theta, self.transform, **options)

    def apply(self, points: ArrayLike, units: str = "normalized") -> Floats:
        """Map positions of `fixed` to positions of `moving`.

        Parameters
        ----------
        points : array_like, (M, 2) or (N, M, 2)
            Positions (x, y).
        units : {"normalized", "pixels"}, default "normalized"
            Of points and results.

        Returns
        -------
        ndarray, (N, M, 2)
        """
        return self._map(apply_each, points, units, self.fixed_shape, self.moving_shape)

    def apply_inverse(self, points: ArrayLike, units: str = "normalized") -> Floats:
        """Map positions of `moving` to positions of `fixed`, as `apply`; NaN where there is none."""
        return self._map(type(self.transform).apply_inverse, points, units, self.moving_shape, self.fixed_shape)

    def pixel_matrix(self) -> Array:
        """Return the matrices (N, 3, 3) from pixels (x, y, 1) of `fixed` to pixels of `moving`, as OpenCV has them.

        Raises
        ------
        TypeError
            If the transform has no matrix.
        """
        if not isinstance(self.transform, MatrixTransform):
            raise TypeError(f"transform: expected one that is a homography, got {self.transform!r}; use `apply`")
        return self.transform.pixel_matrix(self.theta, self.moving_shape, self.fixed_shape, self.align_corners)

    def _map(self, function: Any, points: ArrayLike, units: str, source: Shape, target: Shape) -> Floats:
        as_option(units, "units", ("normalized", "pixels"))
        if units == "normalized":
            return np.asarray(function(self.transform, self.theta, points))
        mapped = function(self.transform, self.theta, to_normalized(points, source, self.align_corners))
        return to_pixels(mapped, target, self.align_corners)


def _short(theta: Array) -> str:
    """Return the first parameters as a cell of a table."""
    rest = ", ..." if len(theta) > _MOST_PARAMETERS else ""
    return ", ".join(f"{value:.4f}" for value in theta[:_MOST_PARAMETERS]) + rest
