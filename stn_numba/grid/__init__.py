"""The coordinate convention, and the three kinds of sampling grid.

Convention
    Positions are (x, y), normalized: with ``align_corners=True`` -1 is the center of the first pixel of an axis and +1 the
    center of the last one; with ``align_corners=False`` they are the outer edges of those pixels. A grid carries the
    convention it was made for.

Kinds
    `DenseGrid` holds every position, `MatrixGrid` a homography an image, `BasisGrid` coefficients of basis functions. The
    sampler never builds the positions of the last two in memory; ``dense()`` builds them for you.
"""

from stn_numba.grid.coordinates import (
    Floats,
    Shape,
    as_floats,
    base_points,
    check_shape,
    displacement_axis,
    input_axis,
    output_axis,
    pixel_points,
    to_normalized,
    to_pixels,
)
from stn_numba.grid.kinds import BasisGrid, DenseGrid, Grid
from stn_numba.grid.matrices import MatrixGrid, PixelMatrixGrid, grid_from_pixel_matrix, map_points, map_points_vjp

__all__ = [
    "BasisGrid",
    "DenseGrid",
    "Floats",
    "Grid",
    "MatrixGrid",
    "PixelMatrixGrid",
    "Shape",
    "as_floats",
    "base_points",
    "check_shape",
    "displacement_axis",
    "grid_from_pixel_matrix",
    "input_axis",
    "map_points",
    "map_points_vjp",
    "output_axis",
    "pixel_points",
    "to_normalized",
    "to_pixels",
]
