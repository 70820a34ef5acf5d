"""Scratch rows for a strip of voxels: those of images, and more for the third axis."""

from __future__ import annotations

from stn_numba.kernels.registration.rows import ROW, ROWS_BYTES
from stn_numba.kernels.registration.volumes.codes import LINE

# Places of rows, in bytes from the first; the rows of images come before
TZ, GZ, PZ = (ROWS_BYTES + ROW * place for place in range(3))
PRODUCTS = ROWS_BYTES + 3 * ROW  # fifteen rows: products of gradients, then of gradients with m, 1, f
SUMS = ROWS_BYTES + 18 * ROW  # vectors of sums over a row
VOLUME_ROWS_BYTES = SUMS + 32 * LINE
