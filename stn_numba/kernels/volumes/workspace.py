"""What kernels for volumes keep while they work on voxels of an output row: the options of the sampler, and scratch rows."""

from __future__ import annotations

from typing import Any, NamedTuple

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BORDER, FILL_OUTSIDE, MODE, NEAREST, POLYNOMIAL, REFLECT, STRIP

ROW = STRIP + 16  # numbers of 8 bytes in a scratch row; whole vectors may be read behind a strip
ROWS = 29

# Where gradients of eight voxels keep something in `vectors_of`, behind weights: eight numbers in each of eight vectors.
BY_VOXEL, BY_TAP, SHARES, D_OUT = 64, 128, 192, 256  # sums of taps, shares of d_out, and d_out


class Volume(NamedTuple):
    """An array (N, D, H, W, C): the address of its first element, a number of its dtype, and its strides in bytes."""

    address: int
    dtype: float
    n_step: int
    z_step: int
    y_step: int
    x_step: int
    c_step: int


class Sampler(NamedTuple):
    """An interpolation kernel, a padding and a fill value, as `sampling.workspace.Sampler`, with an axis more."""

    family: int
    K: int
    x_axis: tuple[float, ...]
    y_axis: tuple[float, ...]
    z_axis: tuple[float, ...]
    table: tuple[int, int, int, int]
    slope_table: tuple[int, int, int, int]
    fill: int
    fill_mode: int
    gathers: int


class Job(NamedTuple):
    """What all rows of a call have in common."""

    sampler: Sampler
    grid: Any
    volume: Volume
    out: Volume
    steps: tuple[int, int]
    size: tuple[int, int, int, int, int]
    memory: int
    zero: Any


class GradientJob(NamedTuple):
    """As `Job`, for gradients."""

    sampler: Sampler
    grid: Any
    volume: Volume
    d_out: Volume
    d_image: Volume
    by_image: bool
    by_grid: bool
    top: int  # planes [top, bottom) of the volume that a piece adds to, and whose gradient by the grid it computes
    bottom: int
    steps: tuple[int, int]
    size: tuple[int, int, int, int, int]
    memory: int
    zero: Any


class Place(NamedTuple):
    """Where a strip reads and writes: the first elements of its volume, of that volume's gradient, and of its own in d_out."""

    volume: int
    d_image: int
    d_out: int


@jit.inline
def scratch(memory, index):
    """Address of a scratch row."""
    return memory + 8 * ROW * index


@jit.inline
def three(memory, first):
    """Addresses of three scratch rows, for x, y and z."""
    return scratch(memory, first), scratch(memory, first + 1), scratch(memory, first + 2)


# Rows of taps, weights and slopes hold the K taps of a single voxel.


@jit.inline
def positions(memory):
    """Rows of positions in voxels."""
    return three(memory, 0)


@jit.inline
def padded(job):
    """Rows of positions after padding: the same rows, where it changes nothing."""
    return three(job.memory, 3 if is_moved(job.sampler) else 0)


@jit.inline
def factors(memory):
    """Rows of derivatives of the padded positions by the positions."""
    return three(memory, 6)


@jit.inline
def gradients(memory):
    """Rows of gradients by the positions."""
    return three(memory, 9)


@jit.inline
def tap_rows(memory):
    """Rows of indices of taps."""
    return three(memory, 12)


@jit.inline
def weight_rows(memory):
    """Rows of weights of taps."""
    return three(memory, 15)


@jit.inline
def slope_rows(memory):
    """Rows of derivatives of the weights by the position."""
    return three(memory, 18)


@jit.inline
def offsets_of(memory):
    """Row of bytes from the first voxel to the first tap."""
    return scratch(memory, 21)


@jit.inline
def d_offsets_of(memory):
    """As `offsets_of`, in the gradient by the volume."""
    return scratch(memory, 22)


@jit.inline
def vectors_of(memory):
    """Scratch memory for 192 vectors of eight numbers."""
    return scratch(memory, 23)


@jit.inline
def has_factors(sampler):
    """Whether padding folds or clips positions, so that the padded ones have a derivative by them."""
    mode = sampler.x_axis[MODE]
    return mode >= REFLECT or (mode == BORDER and sampler.family != POLYNOMIAL)


@jit.inline
def is_moved(sampler):
    """Whether padding changes positions."""
    return sampler.fill_mode == FILL_OUTSIDE or sampler.family == NEAREST or has_factors(sampler)


@jit.inline
def row_address(volume, n, k, i, column):
    """Address of a voxel in row i of plane k of volume n, in the first channel."""
    return volume.address + n * volume.n_step + k * volume.z_step + i * volume.y_step + column * volume.x_step
