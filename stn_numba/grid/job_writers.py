"""Write the values of a grid into a prepared job: the words of a kernel call that differs from the last in its arrays only.

See `stn_numba.sampler.plans`. A job is an array of machine words; `start` is the first word of the grid in it.
"""

from __future__ import annotations

import ctypes
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.kernel_words import COEFFICIENTS, KIND, MATRIX, POSITIONS
from stn_numba.grid.pixel_conversion import BETWEEN_PIXELS, conversion
from stn_numba.grid.validation import Floats, Shape
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.signature import lay_out

__all__ = ["CoefficientsWriter", "JobWriter", "MatrixWriter", "PositionsWriter"]


class JobWriter(Protocol):
    """Writes the values of grids of one kind, shape and dtype.

    Attributes
    ----------
    extra_words : int
        Words that it needs behind the end of a job.
    """

    extra_words: int

    def write(self, job: Any, values: NDArray[Any]) -> NDArray[Any] | None:
        """Write values to a job; return the array to hold while it runs, or None if a matrix contains NaN."""
        ...


class PositionsWriter:
    """Write the positions of a dense grid."""

    extra_words = 0

    def __init__(self, start: int) -> None:
        self.word = start + POSITIONS

    def write(self, job: Any, values: NDArray[Any]) -> NDArray[Any]:
        """Write the address of positions (N, h, w, 2)."""
        job[self.word] = address_of(values)
        return values


class CoefficientsWriter:
    """Write the coefficients of a grid over basis functions, which it holds."""

    extra_words = 0

    def __init__(self, start: int, basis: Floats) -> None:
        self.word, self.basis = start + COEFFICIENTS, basis

    def write(self, job: Any, values: NDArray[Any]) -> NDArray[Any]:
        """Write the address of coefficients (N, 2, B)."""
        coefficients = np.ascontiguousarray(values, np.float64)
        job[self.word] = address_of(coefficients)
        return coefficients


class MatrixWriter:
    """Write normalized matrices: they are converted to matrices between pixels in the words behind the job.

    The first word there receives their kind (affine or homography), the second whether one of their numbers is NaN.
    """

    def __init__(self, start: int, end: int, values: Floats, sizes: tuple[Shape, Shape, bool]) -> None:
        self.end, self.extra_words = end, 2 + 9 * len(values)
        self.kind, self.matrix = start + KIND, start + MATRIX
        centers, *rest = conversion(*sizes)
        arguments: list[Any] = []
        self.entry = BETWEEN_PIXELS.entry(lay_out((0, values.itemsize, len(values), centers, *rest, 0, 0), arguments))
        words = self.entry.job(arguments)
        self.template, self.memory = bytes(words), type(words)

    def write(self, job: Any, values: NDArray[Any]) -> NDArray[Any] | None:
        """Write the kind and the address of matrices (N, 3, 3)."""
        matrices, start = np.ascontiguousarray(values), ctypes.addressof(job) + 8 * self.end
        words = self.memory.from_buffer_copy(self.template)
        words[1], words[-2], words[-1] = address_of(matrices), start + 16, start
        self.entry.run(words)
        job[self.kind], job[self.matrix] = job[self.end], start + 16
        return None if job[self.end + 1] else matrices
