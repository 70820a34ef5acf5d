"""Numbers by which calls tell kernels what to do; they do not import Numba, which calls may not need."""

from __future__ import annotations

# An axis of an image is a tuple of these numbers: its size, the positions of the first and last pixel, the bytes to the next
# pixel, what a tap beyond the edge reads (MODE), where a repeating image starts and its length, and the positions
# [INSIDE, BEYOND) whose taps all lie inside the image.
SIZE, LOW, HIGH, STEP, MODE, FOLD_START, FOLD_LENGTH, INSIDE, BEYOND = range(9)

# axis[MODE]. From REFLECT on images repeat, and positions are folded back into them: mirrored, or, for kernels that are not
# even and must not be mirrored with the image, within the image and its mirror image.
ZEROS, BORDER, REFLECT, WRAP, REFLECT_TAPS = range(5)

NEAREST, BILINEAR, POLYNOMIAL, TENT_SLOPE = range(4)  # families of interpolation kernels; the last is bilinear's derivative
NO_FILL, FILL_OUTSIDE, FILL_TAPS = range(3)  # who reads the fill value: nobody, positions beyond the edges, taps beyond them
DENSE, AFFINE, HOMOGRAPHY, BASIS = range(4)  # kinds of grids

STRIP = 256  # pixels of an output row that are worked on at a time
TILE_ROWS = 32  # strips one below the other: what they read of a rotated image then stays in the first caches
