"""Convert the parameters of homographies to matrices between pixels, as OpenCV and scikit-image use them, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba.grid import Floats, MatrixGrid, Shape, as_floats, base_points, check_shape, map_points
from stn_numba.grid.coordinates import axes_matrix, input_axis, pixels_from_normalized
from stn_numba.grid.homography import facing, inverted
from stn_numba.grid.pixel_matrix import as_matrices, as_square
from stn_numba.transform.base import Transform
from stn_numba.transform.fitting.matrices import linear_form
from stn_numba.transform.fitting.pairs import Pairs

__all__ = ["PixelMethods"]

Array = NDArray[np.float64]

_PROBES = {axes: base_points((5,) * axes) for axes in (2, 3)}
_TOLERANCE = 1e-6  # distance, normalized, by which a transform may miss the map of a matrix: far below a pixel


class PixelMethods(Transform):
    """Methods of `stn_numba.transform.MatrixTransform` that follow from its `matrix`."""

    def matrix(self, theta: ArrayLike) -> Floats:
        """See `MatrixTransform.matrix`."""
        raise NotImplementedError

    def pixel_matrix(
        self, theta: ArrayLike, in_shape: Shape, out_shape: Shape, align_corners: bool = True, *, inverse: bool = False
    ) -> Array:
        """Return the matrices between pixels that parameters stand for, in the convention of OpenCV and scikit-image.

        With ``cv2.warpPerspective`` use the flag ``WARP_INVERSE_MAP``, or ``inverse=True``; ``skimage.transform.warp`` takes
        the matrix as its `inverse_map`. `stn_numba.warp` reads the same positions.

        Parameters
        ----------
        theta : array_like, (N, P)
            Parameters.
        in_shape, out_shape : (int, int) or (int, int, int)
            (H, W) of the image to read and (h, w) of the output, or (D, H, W) and (d, h, w) of volumes.
        align_corners : bool, default True
            Convention of the parameters, see `stn_numba.grid`.
        inverse : bool, default False
            Whether to return matrices from input pixels to output pixels instead.

        Returns
        -------
        ndarray, (N, 3, 3) or (N, 4, 4), float64
            From (x, y, 1) or (x, y, z, 1) in output pixels to input pixels, where 0 is the center of the first one.

        Raises
        ------
        TypeError, ValueError
            If `theta` is not (N, P) numbers, or a shape is not two whole numbers, three for volumes; with `inverse` also if a
            matrix has none.

        Examples
        --------
        >>> from stn_numba import get_transform
        >>> half = [[0.5, 0, 0, 0, 0.5, 0]]
        >>> get_transform("affine").pixel_matrix(half, (9, 9), (9, 9)).tolist()
        [[[0.5, 0.0, 2.0], [0.0, 0.5, 2.0], [0.0, 0.0, 1.0]]]
        """
        in_shape, out_shape = check_shape(in_shape, "in_shape", self.ndim), check_shape(out_shape, "out_shape", self.ndim)
        bound = self._for_pixels(in_shape, as_bool(align_corners, "align_corners"))
        pixels = MatrixGrid(bound._exact_matrix(theta), out_shape, align_corners=align_corners).pixel_matrix(in_shape)
        if not as_bool(inverse, "inverse"):
            return pixels
        return _scaled(_inverted(pixels, "theta"))

    def from_pixel_matrix(
        self, matrix: ArrayLike, in_shape: Shape, out_shape: Shape, align_corners: bool = True, *, inverse: bool = False
    ) -> Array:
        """Return the parameters of matrices between pixels: the inverse of `pixel_matrix`.

        Parameters
        ----------
        matrix : array_like, (2, 3), (3, 3), (N, 2, 3) or (N, 3, 3)
            From (x, y, 1) in output pixels to input pixels, where 0 is the center of the first one. A common factor does not
            matter. With ``ndim=3`` (3, 4) or (4, 4), or N of them: from (x, y, z, 1).
        in_shape, out_shape : (int, int) or (int, int, int)
            (H, W) of the image to read and (h, w) of the output, or (D, H, W) and (d, h, w) of volumes.
        align_corners : bool, default True
            Convention of the parameters, see `stn_numba.grid`.
        inverse : bool, default False
            Whether the matrix maps input pixels to output pixels instead, as OpenCV's do without ``WARP_INVERSE_MAP``.

        Returns
        -------
        ndarray, (N, P), float64

        Raises
        ------
        TypeError
            If `matrix` does not hold real numbers, or a shape is not two whole numbers, three for volumes.
        ValueError
            If `matrix` has another shape, is not finite, has no inverse although `inverse` is True, or is no map of this kind,
            as a shear is no rotation. If an image has too few pixels to define normalized units.

        Examples
        --------
        >>> from stn_numba import get_transform
        >>> two_right = [[1, 0, 2], [0, 1, 0]]
        >>> get_transform("affine").from_pixel_matrix(two_right, (9, 9), (9, 9)).tolist()
        [[1.0, 0.0, 0.5, 0.0, 1.0, 0.0]]
        """
        in_shape = _sizes(in_shape, "in_shape", align_corners, self.ndim)
        out_shape = _sizes(out_shape, "out_shape", align_corners, self.ndim)
        square, probe = _square(matrix, self.ndim), _PROBES[self.ndim]
        if as_bool(inverse, "inverse"):
            square = _inverted(square, "matrix")
        normalized = _normalized(square, in_shape, out_shape, align_corners)
        bound = self._for_pixels(in_shape, align_corners)
        form = linear_form(bound._exact_matrix, bound.identity())
        target = map_points(normalized, probe)
        theta = bound._fitted(target) if form is None else form.solved(normalized)
        with np.errstate(all="ignore"):
            distance = np.abs(map_points(bound._exact_matrix(theta), probe) - target)
        both = np.isnan(target) & np.isnan(distance)
        off = np.where(both, 0.0, distance).max(axis=(1, 2), initial=0.0)
        for row in np.nonzero(~(off <= _TOLERANCE))[0][:1]:
            raise ValueError(
                f"matrix: expected the map of a {type(self).__name__}, got one that differs from all of them; "
                f'the nearest one found is off by {off[row]:.3g} in normalized units (row {row}); take "affine" or "projective"'
            )
        return theta

    def _exact_matrix(self, theta: ArrayLike) -> Array:
        """`matrix` in float64."""
        return np.asarray(self.matrix(self._check_theta(theta).astype(np.float64)), np.float64)

    def _for_pixels(self, in_shape: Shape, align_corners: bool) -> PixelMethods:
        bound = self.for_image(in_shape, align_corners)
        if not isinstance(bound, PixelMethods):
            raise TypeError(f"{type(self).__name__}.for_image: expected a MatrixTransform, got {type(bound).__name__}")
        return bound

    def _fitted(self, target: Floats) -> Array:
        """Parameters (N, P) that map the probe to targets (N, M, 2), without those that are NaN."""
        known = np.asarray(np.isfinite(target).all(axis=-1), np.float64)
        pairs = Pairs(_PROBES[self.ndim], np.nan_to_num(target).astype(np.float64), known)
        return np.asarray(self.solve_points(pairs), np.float64)


def _sizes(shape: Shape, name: str, align_corners: bool, ndim: int) -> Shape:
    shape = check_shape(shape, name, ndim)
    least = 2 if as_bool(align_corners, "align_corners") else 1
    if min(shape) < least:
        expected = " x ".join([str(least)] * ndim) + (" pixels" if ndim == 2 else " voxels")
        raise ValueError(f"{name}: expected at least {expected} with align_corners={align_corners}, got {shape}")
    return shape


def _square(matrix: ArrayLike, ndim: int) -> Array:
    """Finite matrices (N, 3, 3), or (N, 4, 4) for volumes."""
    listed = as_matrices(matrix, ndim)
    given = as_floats(listed, "matrix", ("N", listed.shape[1], ndim + 1))
    if not np.isfinite(given).all():
        raise ValueError("matrix: expected finite numbers, got NaN or infinity")
    return as_square(given)


def _normalized(pixels: Array, in_shape: Shape, out_shape: Shape, align_corners: bool) -> Array:
    """Convert matrices from output pixels to input pixels to ones between normalized positions, with 1 as the last number."""
    with np.errstate(all="ignore"):
        facing_input, _ = facing(pixels, in_shape)
        matrix = _to_normalized(in_shape, align_corners) @ facing_input @ pixels_from_normalized(out_shape, align_corners)
    for row in np.nonzero(~(matrix[:, -1, -1] > 0))[0][:1]:
        raise ValueError(
            f"matrix: the center of the output lies at or behind its horizon, or it has no inverse (row {row}): no theta "
            "stands for it; `grid_from_pixel_matrix` makes a grid of it for `sample`"
        )
    return _scaled(matrix)


def _to_normalized(shape: Shape, align_corners: bool) -> Array:
    """The inverse of `pixels_from_normalized`."""
    axes = (input_axis(size, align_corners) for size in shape[::-1])
    return axes_matrix([(1 / scale, -offset / scale) for scale, offset in axes])


def _scaled(matrix: Array) -> Array:
    return matrix / matrix[:, -1:, -1:]


def _inverted(matrix: Array, name: str) -> Array:
    with np.errstate(all="ignore"):
        result: Array = inverted(matrix)
    if not np.isfinite(result).all():
        raise ValueError(f"{name}: expected a matrix that has an inverse, got a singular one")
    return result
