"""Where the pixels of an image lie in physical space, as ITK, SimpleITK and NIfTI describe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba._util.arrays import as_array, holds_real_numbers
from stn_numba.grid.coordinates import axes_of, input_axis, pixels_from_normalized
from stn_numba.grid.homography import inverted
from stn_numba.grid.pixel_matrix import as_matrices, as_square
from stn_numba.grid.validation import Shape, as_floats, check_shape

__all__ = ["ImageGeometry"]

Matrix = NDArray[np.float64]

_PARTS = 256  # whole numbers of this part of a pixel, such as halves, are kept free of rounding errors
_ROUNDINGS = 32 * np.finfo(np.float64).eps  # of a product of matrices, relative to the sum of its terms without signs

_LEAST_VOLUME = 1e-9  # of the cell that three directions span


@dataclass(frozen=True, init=False)
class ImageGeometry:
    """Where the pixels of an image, or the voxels of a volume, lie in physical space.

    Index (x, y, z), counted from 0, lies at ``origin + direction @ (spacing * index)``. The object does not change, is
    compared by value, and turns into matrices for `stn_numba.resample`, for other libraries or for points.

    Mind the order: `shape` is (D, H, W), as that of an array. All else is in the order (x, y, z), as in SimpleITK: x counts
    columns, the last axis of the array.

    Parameters
    ----------
    shape : (int, int) or (int, int, int)
        (H, W) of the image, or (D, H, W) of the volume.
    spacing : float or sequence of float, default 1.0
        Distance between the centers of neighbors along x, y (and z), in physical units, mostly millimeters; positive.
    origin : sequence of float, optional
        Physical position of the center of the first pixel; zeros by default.
    direction : array_like, optional
        (3, 3), or (2, 2) for images: its columns are the physical directions of the axes x, y and z of the image. SimpleITK's
        flat tuple, row by row, is fine as well. The identity by default.

    Raises
    ------
    TypeError
        If an argument does not consist of numbers.
    ValueError
        If it has another length, is not finite, `spacing` is not positive or `direction` has no inverse.

    Examples
    --------
    >>> geometry = ImageGeometry((30, 256, 256), spacing=(0.9, 0.9, 5), origin=(-115, -115, 40))
    >>> (geometry.index_to_physical @ [10, 0, 2, 1]).tolist()
    [-106.0, -115.0, 50.0, 1.0]
    >>> geometry == ImageGeometry((30, 256, 256), spacing=(0.9, 0.9, 5))
    False
    """

    shape: Shape
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[tuple[float, ...], ...]

    def __init__(
        self,
        shape: Shape,
        *,
        spacing: ArrayLike = 1.0,
        origin: ArrayLike | None = None,
        direction: ArrayLike | None = None,
    ) -> None:
        shape = check_shape(shape, ndim=axes_of(shape))
        ndim = len(shape)
        distances = _vector(np.full(ndim, spacing) if np.ndim(spacing) == 0 else spacing, "spacing", ndim)
        if min(distances) <= 0:
            raise ValueError(f"spacing: expected positive numbers, got {spacing!r:.80}")
        values = {
            "shape": shape,
            "spacing": distances,
            "origin": _vector(np.zeros(ndim) if origin is None else origin, "origin", ndim),
            "direction": _rows(np.eye(ndim) if direction is None else direction, ndim),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)  # as in every frozen dataclass

    @classmethod
    def from_affine(cls, matrix: ArrayLike, shape: Shape, *, flip_xy: bool = False) -> Self:
        """Return the geometry of an affine matrix from indices to physical positions, such as NIfTI files contain.

        NIfTI, nibabel and MONAI have physical axes that point to the right, to the front and up (RAS+), ITK, SimpleITK and
        DICOM such that point to the left, to the back and up (LPS+). Geometries that are used together must have the same:
        pass ``flip_xy=True`` for one of them if they have not.

        Parameters
        ----------
        matrix : array_like, (4, 4) or (3, 4)
            From (x, y, z, 1) to physical positions; (3, 3) or (2, 3) for images. nibabel's arrays have the axes (x, y, z): the
            volume for `stn_numba` is the transposed array.
        shape : (int, int) or (int, int, int)
            (H, W) or (D, H, W), of the transposed array.
        flip_xy : bool, default False
            Whether to negate physical x and y, which turns RAS+ into LPS+ and back.

        Returns
        -------
        ImageGeometry

        Raises
        ------
        TypeError, ValueError
            If `matrix` is not such a matrix of finite numbers, or has no inverse.

        Examples
        --------
        >>> affine = [[-2, 0, 0, 90], [0, 2, 0, -126], [0, 0, 3, -72], [0, 0, 0, 1]]    # nibabel.load(...).affine
        >>> geometry = ImageGeometry.from_affine(affine, (20, 109, 91), flip_xy=True)
        >>> geometry.spacing, geometry.origin
        ((2.0, 2.0, 3.0), (-90.0, 126.0, -72.0))
        """
        ndim = axes_of(shape)
        square = as_square(as_floats(as_matrices(matrix, ndim), "matrix", (1, "rows", ndim + 1)))[0]
        if not np.isfinite(square).all() or (square[-1] != np.eye(ndim + 1)[-1]).any():
            raise ValueError(f"matrix: expected finite numbers and a last row 0, ..., 0, 1, got {square.tolist()}")
        if as_bool(flip_xy, "flip_xy"):
            square[:2] *= -1
        spacing = np.linalg.norm(square[:-1, :-1], axis=0)
        if _is_singular(square[:-1, :-1]):
            raise ValueError("matrix: expected one that has an inverse, got a singular one")
        return cls(shape, spacing=spacing, origin=square[:-1, -1], direction=square[:-1, :-1] / spacing)

    @classmethod
    def from_simpleitk(cls, image: Any) -> Self:
        """Return the geometry of an image of SimpleITK, whose array ``SimpleITK.GetArrayFromImage`` returns.

        Parameters
        ----------
        image : SimpleITK.Image
            Or any object with the methods ``GetSize``, ``GetSpacing``, ``GetOrigin`` and ``GetDirection``.

        Returns
        -------
        ImageGeometry

        Raises
        ------
        TypeError
            If `image` has no such methods.
        ValueError
            If it has other than two or three axes.
        """
        try:
            size, spacing = image.GetSize(), image.GetSpacing()
            origin, direction = image.GetOrigin(), image.GetDirection()
        except AttributeError as error:
            raise TypeError(f"image: expected a SimpleITK.Image, got {type(image).__name__}") from error
        if len(size) not in (2, 3):
            raise ValueError(f"image: expected two or three axes, got {len(size)}")
        return cls(tuple(size)[::-1], spacing=spacing, origin=origin, direction=direction)

    @property
    def ndim(self) -> int:
        """2 for images, 3 for volumes."""
        return len(self.shape)

    @property
    def index_to_physical(self) -> Matrix:
        """(4, 4), (3, 3) for images: the matrix from indices (x, y, z, 1) to physical positions, NIfTI's affine."""
        result = np.eye(self.ndim + 1)
        result[:-1, :-1] = np.array(self.direction) * self.spacing
        result[:-1, -1] = self.origin
        return result

    @property
    def physical_to_index(self) -> Matrix:
        """The inverse of `index_to_physical`; an index may lie between voxels, or outside."""
        return np.asarray(inverted(self.index_to_physical[None])[0])

    def normalized_to_physical(self, align_corners: bool = True) -> Matrix:
        """Return the matrix from normalized to physical positions, see `stn_numba.grid`.

        Parameters
        ----------
        align_corners : bool, default True
            Whether -1 and +1 are the centers (True) or the outer edges (False) of the first and last pixels.

        Returns
        -------
        ndarray, (4, 4), float64
            (3, 3) for images.

        Examples
        --------
        >>> (ImageGeometry((5, 9), spacing=2).normalized_to_physical() @ [1, 1, 1]).tolist()
        [16.0, 8.0, 1.0]
        """
        return self.index_to_physical @ pixels_from_normalized(self.shape, as_bool(align_corners, "align_corners"))

    def physical_to_normalized(self, align_corners: bool = True) -> Matrix:
        """Return the inverse of `normalized_to_physical`.

        With ``align_corners=True`` all positions on an axis of one pixel are 0.
        """
        result = self.physical_to_index
        axes = [input_axis(size, as_bool(align_corners, "align_corners")) for size in self.shape[::-1]]
        scale, offset = np.array(axes).T
        result[:-1, -1] -= offset
        result[:-1] /= np.where(scale == 0, np.inf, scale)[:, None]
        return result

    def matrix_to(self, source: ImageGeometry, matrix: ArrayLike | None = None) -> Matrix:
        """Return the matrix from the pixels of this image to those of another one, for `grid_from_pixel_matrix`.

        Numbers that are, but for rounding errors, whole, half or such, are made so: between equal geometries the matrix is the
        identity exactly, and a crop is a shift by whole pixels.

        Parameters
        ----------
        source : ImageGeometry
            The other image.
        matrix : array_like, (4, 4), (3, 4), (N, 4, 4) or (N, 3, 4), optional
            From physical positions of this image to physical positions of `source`; (3, 3) or (2, 3) for images. By default
            they are the same.

        Returns
        -------
        ndarray, (4, 4) or (N, 4, 4), float64
            As many as `matrix`; (3, 3) or (N, 3, 3) for images.

        Raises
        ------
        TypeError
            If `source` is no geometry, or `matrix` does not hold real numbers.
        ValueError
            If `source` has another number of axes, or `matrix` another shape.

        Examples
        --------
        >>> whole, part = ImageGeometry((9, 9), spacing=0.7), ImageGeometry((4, 4), spacing=0.7, origin=(2.1, 0.7))
        >>> part.matrix_to(whole).tolist()
        [[1.0, 0.0, 3.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
        """
        if not isinstance(source, ImageGeometry):
            raise TypeError(f"source: expected an ImageGeometry, got {type(source).__name__}")
        if source.ndim != self.ndim:
            raise ValueError(f"source: expected {self.ndim} axes, got shape {source.shape}")
        ndim = self.ndim
        given = np.eye(ndim + 1) if matrix is None else as_array(matrix, "matrix")
        listed = as_floats(as_matrices(given, ndim), "matrix", ("N", "rows", ndim + 1))
        factors = source.physical_to_index, as_square(listed), self.index_to_physical
        with np.errstate(all="ignore"):
            result = _without_rounding_errors(*factors)
        return result[0] if given.ndim == 2 else result


def _without_rounding_errors(first: Matrix, second: Matrix, third: Matrix) -> Matrix:
    """The product of matrices; numbers that may be multiples of 1/256 are."""
    product: Matrix = first @ second @ third
    error = _ROUNDINGS * (np.abs(first) @ np.abs(second) @ np.abs(third))
    rounded = np.rint(product * _PARTS) / _PARTS
    return np.where(np.abs(rounded - product) <= error, rounded, product)


def _vector(value: Any, name: str, length: int) -> tuple[float, ...]:
    """`length` finite numbers."""
    array = _numbers(value, name)
    if array.shape != (length,) or not np.isfinite(array).all():
        order = ", ".join("xyz"[:length])
        raise ValueError(f"{name}: expected {length} finite numbers ({order}), got {value!r:.80}")
    return tuple(array.tolist())


def _rows(value: Any, ndim: int) -> tuple[tuple[float, ...], ...]:
    """The rows of a direction."""
    array = _numbers(value, "direction")
    if array.shape not in ((ndim, ndim), (ndim * ndim,)) or not np.isfinite(array).all():
        raise ValueError(f"direction: expected finite numbers ({ndim}, {ndim}), got {value!r:.80}")
    square = array.reshape(ndim, ndim)
    if _is_singular(square):
        raise ValueError(f"direction: expected a matrix that has an inverse, got {value!r:.80}")
    return tuple(tuple(row) for row in square.tolist())


def _is_singular(square: Matrix) -> bool:
    """Whether axes lie in one plane, or nearly so."""
    lengths = np.linalg.norm(square, axis=0)
    return not lengths.all() or bool(np.abs(np.linalg.det(square / lengths)) < _LEAST_VOLUME)


def _numbers(value: Any, name: str) -> Matrix:
    array = as_array(value, name)
    if not holds_real_numbers(array):
        raise TypeError(f"{name}: expected numbers, got dtype {array.dtype}")
    return array.astype(np.float64)
