"""The same arrays in memory that kernels cannot train in place: read-only, with gaps, unaligned, of another dtype or order."""

from __future__ import annotations

import numpy as np


def read_only(array):
    array.flags.writeable = False
    return array


def with_gaps(array):
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def unaligned(array):
    result = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    result[...] = array
    return result


ODD_ARRAYS = {
    "read-only": read_only,
    "with gaps": with_gaps,
    "in Fortran's order": np.asfortranarray,
    "unaligned": unaligned,
    "big-endian": lambda array: array.astype(">f4"),
    "float64": lambda array: array.astype(np.float64),
    "a list": lambda array: array.tolist(),
}
