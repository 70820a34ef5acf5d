"""Filters of volumes (N, D, H, W) of float32 along one axis: smoother, or half as long; see `kernels.registration.filters`."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.filters import MARGIN, continue_ends, eight_beyond, pixel_beyond, write
from stn_numba.kernels.registration.rows import aligned, get, put
from stn_numba.kernels.registration.shuffles import evens_and_odds
from stn_numba.kernels.simd.raw import load_raw, store_raw
from stn_numba.kernels.simd.scratch import allocate, get_product, put_product, release
from stn_numba.kernels.simd.vectors import EIGHT, SIXTEEN, fma, full

VOXEL = np.float32(0)  # any number of the type of voxels


@jit.tasks
def filter_lines(first, stop, source, size, step, weights, radius, odd, out):
    """Filter along the middle axis of an array (outer, length, inner), and keep every `step`-th line: one a task.

    Weights are those of distances 0 to `radius`.
    """
    _, length, inner = size
    lines, whole = (length + step - 1) // step, inner // 8 * 8
    for task in range(first, stop):
        line, image, target = task % lines * step, source + 4 * (task // lines) * length * inner, out + 4 * task * inner
        for j in range(0, whole, 8):
            total = load_raw(image + 4 * (line * inner + j), VOXEL, EIGHT) * load_raw(weights, VOXEL)
            for k in range(1, radius + 1):
                before = eight_beyond(image, line - k, j, (length, inner), odd)
                both = before + eight_beyond(image, line + k, j, (length, inner), odd)
                total = fma(both, full(EIGHT, load_raw(weights + 4 * k, VOXEL)), total)
            store_raw(target + 4 * j, total)
        for j in range(whole, inner):
            last = load_raw(image + 4 * (line * inner + j), VOXEL) * load_raw(weights, VOXEL)
            for k in range(1, radius + 1):
                pair = pixel_beyond(image, line - k, j, (length, inner), odd)
                pair += pixel_beyond(image, line + k, j, (length, inner), odd)
                last = fma(pair, load_raw(weights + 4 * k, VOXEL), last)
            store_raw(target + 4 * j, last)
    return True


@jit.inline
def every_other(line, place):
    """Eight numbers of a scratch row from a place on, every other one."""
    return evens_and_odds(get_product(line, VOXEL, place, SIXTEEN))[0]


@jit.tasks
def filter_rows(first, stop, source, w, step, weights, radius, odd, out):
    """As `filter_lines` along the last axis of an array (rows, w), for a step of 1 or 2: one row a task."""
    columns, memory = (w + step - 1) // step, allocate(4 * (w + 4 * MARGIN))
    if memory:
        line = aligned(memory)
        for row in range(first, stop):
            for j in range(0, w // 8 * 8, 8):
                put(line, MARGIN + j, load_raw(source + 4 * (row * w + j), VOXEL, EIGHT))
            for j in range(w // 8 * 8, w):
                put_product(line, MARGIN + j, load_raw(source + 4 * (row * w + j), VOXEL))
            continue_ends(line, w, radius, odd)
            for j in range(0, columns, 8):
                place = MARGIN + step * j
                here = get(line, place) if step == 1 else every_other(line, place)
                total = here * load_raw(weights, VOXEL)
                for k in range(1, radius + 1):
                    if step == 1:
                        both = get(line, place - k) + get(line, place + k)
                    else:
                        both = every_other(line, place - k) + every_other(line, place + k)
                    total = fma(both, full(EIGHT, load_raw(weights + 4 * k, VOXEL)), total)
                write(out + 4 * row * columns, j, columns, total, line)
        release(memory)
    return memory != 0
