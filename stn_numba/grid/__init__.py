"""The coordinate convention, and the kinds of sampling grid.

Convention
    Positions are (x, y), normalized: with ``align_corners=True`` -1 is the center of the first pixel of an axis and +1 the
    center of the last one; with ``align_corners=False`` they are the outer edges of those pixels. A grid knows the convention
    that it was made for.

Kinds
    `DenseGrid` stores every position, `MatrixGrid` one homography per image, `BasisGrid` coefficients of basis functions.
    The sampler never builds the positions of the last two in memory; ``dense()`` builds them for you.
"""

from stn_numba.grid.base import Grid
from stn_numba.grid.basis import BasisGrid
from stn_numba.grid.coordinates import base_points, displacement_axis, pixel_points, to_normalized, to_pixels
from stn_numba.grid.dense import DenseGrid
from stn_numba.grid.homography import map_points, map_points_jacobian, map_points_vjp
from stn_numba.grid.kernel_grid import KernelGrid
from stn_numba.grid.matrix import MatrixGrid
from stn_numba.grid.pixel_matrix import PixelMatrixGrid, grid_from_pixel_matrix
from stn_numba.grid.validation import Floats, Shape, as_floats, check_shape

__all__ = [
    "BasisGrid",
    "DenseGrid",
    "Floats",
    "Grid",
    "KernelGrid",
    "MatrixGrid",
    "PixelMatrixGrid",
    "Shape",
    "as_floats",
    "base_points",
    "check_shape",
    "displacement_axis",
    "grid_from_pixel_matrix",
    "map_points",
    "map_points_jacobian",
    "map_points_vjp",
    "pixel_points",
    "to_normalized",
    "to_pixels",
]
