"""Numbers by which calls tell kernels what to do; known without Numba, which calls may not need."""

from __future__ import annotations

# The numbers of an axis; positions in [INSIDE, BEYOND) have all taps inside the image
SIZE, LOW, HIGH, STEP, MODE, FOLD_START, FOLD_LENGTH, INSIDE, BEYOND = range(9)

# axis[MODE]: what a tap beyond the edge reads. From REFLECT on images repeat, and positions are folded back into them: by
# turning about, or, for kernels that are not even and must not be turned with the image, within the image and its mirror
# image.
ZEROS, BORDER, REFLECT, WRAP, REFLECT_TAPS = range(5)

NEAREST, BILINEAR, POLYNOMIAL, TENT_SLOPE = range(4)  # families of interpolation kernels
NO_FILL, FILL_OUTSIDE, FILL_TAPS = range(3)  # what `fill` is for: nothing, positions outside, taps outside
DENSE, AFFINE, HOMOGRAPHY, BASIS = range(4)  # kinds of grids

STRIP = 256  # pixels of an output row that are worked on at a time
TILE_ROWS = 32  # strips one below the other: what they read of a turned image then stays in the first caches
