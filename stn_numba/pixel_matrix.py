"""Homographies between pixels: what a `MatrixGrid` says of normalised positions, said of output and input pixels."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.arguments import as_bool
from stn_numba.arrays import as_array
from stn_numba.grid import Floats, MatrixGrid, Shape, as_floats, check_shape, input_axis, output_axis

__all__ = ["grid_of_pixel_matrix", "is_affine", "pixel_matrix", "pixel_matrix_vjp"]


def grid_of_pixel_matrix(matrix: ArrayLike, in_shape: Shape, out_shape: Shape, *, inverse: bool = False) -> MatrixGrid:
    """Return the grid of a matrix between pixels, as OpenCV and scikit-image take it.

    Parameters
    ----------
    matrix
        (2, 3) or (3, 3), or N of them: from (x, y, 1) in output pixels to input pixels, where 0 is the centre of the first.
    in_shape, out_shape
        (H, W) of the image that is read, and (h, w) of the output.
    inverse
        Whether the matrix leads from input to output pixels instead, as OpenCV's do without ``WARP_INVERSE_MAP``.

    Returns
    -------
    MatrixGrid
        For `stn_numba.sample` of images of `in_shape`, with ``align_corners=False``; scaled so that the middle of the output
        lies before the horizon.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not of these shapes, or has no inverse where that is asked for.

    Examples
    --------
    >>> two_right = [[1, 0, 2], [0, 1, 0]]
    >>> grid_of_pixel_matrix(two_right, (4, 4), (4, 2)).dense()[0, 0].tolist()
    [[0.25, -0.75], [0.75, -0.75]]
    """
    given = as_array(matrix, "matrix")
    if given.shape[-2:] not in ((2, 3), (3, 3)) or given.ndim > 3:
        raise ValueError(f"matrix: expected (2, 3) or (3, 3), or N of them, got {given.shape}")
    rows = as_floats(given.reshape(-1, *given.shape[-2:]), "matrix", ("N", given.shape[-2], 3))
    pixels: Floats = np.tile(np.eye(3), (len(rows), 1, 1))
    pixels[:, : rows.shape[1]] = rows
    in_shape, out_shape = check_shape(in_shape, "in_shape"), check_shape(out_shape, "out_shape")
    inverse = as_bool(inverse, "inverse")
    with np.errstate(all="ignore"):  # infinite and NaN entries lead outside
        result = (_inverse(pixels) if inverse else pixels) @ _to_pixels(out_shape, False)
        result /= np.where(result[:, 2:, 2:] == 0, 1, result[:, 2:, 2:])
        for axis, size in enumerate(in_shape[::-1]):
            scale, offset = input_axis(size, False)
            result[:, axis] = (result[:, axis] - offset * result[:, 2]) / (scale or 1)
    return MatrixGrid(result, out_shape, align_corners=False, in_shape=in_shape)


def _inverse(matrices: Floats) -> Floats:
    try:
        return np.linalg.inv(matrices)
    except np.linalg.LinAlgError:
        raise ValueError("matrix: expected one that has an inverse, got a singular one") from None


def pixel_matrix(matrix: Floats, in_shape: Shape, out_shape: Shape, align_corners: bool) -> NDArray[np.float64]:
    """Homographies (N, 3, 3) from output pixels to input pixels.

    The terms are ordered so that the identity at equal sizes comes out as the identity matrix without any rounding.
    Infinite and NaN entries are let through in silence: the kernels take what comes of them as outside.
    """
    from stn_numba.kernels import homographies

    result = matrix.astype(np.float64, order="C")  # a copy, which is worked on in place
    rewrite = homographies.by_centres if align_corners else homographies.by_edges
    rewrite(result, in_shape[::-1], out_shape[::-1], *_output_axes(out_shape, align_corners))
    return result


@functools.lru_cache(64)
def _output_axes(shape: Shape, align_corners: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the first output pixel lies along x and y, and how far apart pixels are."""
    (step_x, start_x), (step_y, start_y) = (output_axis(size, align_corners) for size in shape[::-1])
    return (start_x, start_y), (step_x, step_y)


def is_affine(matrix: Floats) -> bool:
    """Whether the depth of every point is 1 under all matrices (N, 3, 3)."""
    return not np.count_nonzero(matrix[:, 2] != _AFFINE_ROW)


_AFFINE_ROW = np.array([0.0, 0.0, 1.0])


def pixel_matrix_vjp(d_pixels: Floats, in_shape: Shape, out_shape: Shape, align_corners: bool) -> NDArray[np.float64]:
    """Gradient by the normalised matrices for a gradient (N, 3, 3) by `pixel_matrix`: A^T d B^T, as one product."""
    result: NDArray[np.float64] = d_pixels.reshape(-1, 9) @ _both_sides(in_shape, out_shape, align_corners)
    return result.reshape(d_pixels.shape)


@functools.lru_cache(64)
def _both_sides(in_shape: Shape, out_shape: Shape, align_corners: bool) -> NDArray[np.float64]:
    """The (9, 9) that turns the entries of d into those of A^T d B^T."""
    to_input, from_output = _axis_matrices(in_shape, out_shape, align_corners)
    return np.ascontiguousarray(np.kron(to_input, from_output.T))


def _axis_matrices(in_shape: Shape, out_shape: Shape, align_corners: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From normalised to pixels of the input, and from pixels of the output to normalised."""
    (px, ox), (py, oy) = (output_axis(size, align_corners) for size in out_shape[::-1])
    return _to_pixels(in_shape, align_corners), np.array([[px, 0, ox], [0, py, oy], [0, 0, 1]])


def _to_pixels(shape: Shape, align_corners: bool) -> NDArray[np.float64]:
    """From normalised positions to pixels."""
    (sx, tx), (sy, ty) = (input_axis(size, align_corners) for size in shape[::-1])
    return np.array([[sx, 0, tx], [0, sy, ty], [0, 0, 1]])
