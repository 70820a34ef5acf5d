"""Read an image at the positions of a grid, and the gradients: checks, conventions, choice of kernel.

Convention: images are channels last, positions normalised (x, y) as in `stn_numba.grid`. A position that is NaN is
outside under every padding: it reads 0 and passes no gradient. Infinite and huge positions are outside too: they read
0 under ``"zeros"``, the nearest edge pixel under ``"border"``, and pass no gradient to their own coordinate. Where
bilinear sampling has a kink (at whole pixels) the gradient is the derivative from the right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import (
    BasisGrid,
    DenseGrid,
    Floats,
    Grid,
    MatrixGrid,
    input_axis,
    pixel_matrix,
    pixel_matrix_vjp,
)

__all__ = ["sample", "sample_vjp"]

PADDINGS = ("zeros", "border")

SampleBackprop = Callable[..., tuple[Floats | None, Floats | None]]

_PIXELS_A_TASK = 8192  # below this a task costs more to hand to a thread than to do
_MOST_TASKS = 64
_IMAGE_BANDS = 8  # into how many bands small batches are cut for the gradient by the image


class _Call(NamedTuple):
    """A checked call, in the form the kernels take."""

    image: Floats
    grid: Grid
    source: tuple[Any, ...]
    axes: Floats
    steps: tuple[int, int]
    batch: int
    num_threads: int | None

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
        return (self.batch, *self.grid.shape, self.image.shape[3])


def sample(
    image: ArrayLike,
    grid: Grid | ArrayLike,
    *,
    kernel: str = "bilinear",
    padding: str = "zeros",
    align_corners: bool | None = None,
    num_threads: int | None = None,
) -> Floats:
    """Read an image at the positions of a grid, by bilinear interpolation (equation 5 of arXiv 1506.02025).

    Parameters
    ----------
    image
        (N, H, W, C) float32 or float64. N may be 1 to serve every grid.
    grid
        A `Grid`, as a transform's ``forward`` gives it, or positions (N, h, w, 2), normalised (x, y). N may be 1 to serve every
        image.
    kernel
        ``"bilinear"``.
    padding
        What lies outside the image: ``"zeros"``, or ``"border"`` for the nearest edge pixel.
    align_corners
        The convention of plain positions, True unless said otherwise. A `Grid` knows its own.
    num_threads
        Most threads to use; by default all that Numba has. The result is the same, bit for bit.

    Returns
    -------
    out
        (N, h, w, C), of the image's dtype.

    Raises
    ------
    TypeError
        If the image is not float32 or float64.
    ValueError
        If shapes do not fit, an option is unknown, or `align_corners` contradicts the grid.

    Examples
    --------
    >>> image = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> float(sample(image, np.zeros((1, 1, 1, 2))).item())
    1.5
    """
    return _forward(_check(image, grid, kernel, padding, align_corners, num_threads))


def sample_vjp(
    image: ArrayLike,
    grid: Grid | ArrayLike,
    *,
    kernel: str = "bilinear",
    padding: str = "zeros",
    align_corners: bool | None = None,
    num_threads: int | None = None,
) -> tuple[Floats, SampleBackprop]:
    """As `sample`, and the way back (equations 6 and 7 of arXiv 1506.02025, mended: see docs/mathematics.md).

    Returns
    -------
    out
        (N, h, w, C).
    backprop
        ``backprop(d_out, *, image=True, grid=True) -> (d_image, d_grid)``. Each can be left out by passing False, and is then
        None. `d_grid` has the shape of the grid's own numbers: (N, h, w, 2) for plain positions, (N, 3, 3) for a `MatrixGrid`,
        (N, 2, B) for a `BasisGrid`; a transform's backprop takes it as it is.

    Examples
    --------
    >>> image = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> out, backprop = sample_vjp(image, np.zeros((1, 1, 1, 2)))
    >>> d_image, d_grid = backprop(np.ones_like(out))
    >>> d_image.ravel().tolist(), d_grid.ravel().tolist()
    ([0.25, 0.25, 0.25, 0.25], [0.5, 1.0])
    """
    call = _check(image, grid, kernel, padding, align_corners, num_threads)

    def backprop(d_out: ArrayLike, *, image: bool = True, grid: bool = True) -> tuple[Floats | None, Floats | None]:
        d_out = np.asarray(d_out)
        if d_out.shape != call.out_shape:
            raise ValueError(f"d_out: expected {call.out_shape}, got {d_out.shape}")
        d_out = np.ascontiguousarray(d_out, call.image.dtype)
        return _image_gradient(call, d_out) if image else None, _grid_gradient(call, d_out) if grid else None

    return _forward(call), backprop


def _check(
    image: ArrayLike,
    grid: Grid | ArrayLike,
    kernel: str,
    padding: str,
    align_corners: bool | None,
    num_threads: int | None,
) -> _Call:
    image = np.asarray(image)
    if image.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise TypeError(f"image: expected float32 or float64, got {image.dtype}")
    if image.ndim != 4 or 0 in image.shape[1:3]:
        raise ValueError(f"image: expected (N, H, W, C) with H, W >= 1, got {image.shape}")
    _check_option("kernel", kernel, ("bilinear",))
    _check_option("padding", padding, PADDINGS)
    if num_threads is not None and num_threads < 1:
        raise ValueError(f"num_threads: expected at least 1, got {num_threads}")
    if not isinstance(grid, Grid):
        grid = DenseGrid(grid, align_corners=True if align_corners is None else align_corners)
    elif align_corners is not None and align_corners != grid.align_corners:
        raise ValueError(f"align_corners: the grid was made for {grid.align_corners}, got {align_corners}")
    images, grids = len(image), len(grid)
    if images != grids and 1 not in (images, grids):
        raise ValueError(f"grid: expected N = {images} as the image has (or 1), got N = {grids}")
    image = np.ascontiguousarray(image).astype(image.dtype.newbyteorder("="), copy=False)
    return _Call(
        image,
        grid,
        _source(grid, image),
        np.array([_axis(size, padding) for size in (image.shape[2], image.shape[1])], image.dtype),
        (int(images != 1), int(grids != 1)),
        grids if images == 1 else images,
        num_threads,
    )


def _check_option(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


def _axis(size: int, padding: str) -> tuple[int, int, int, int]:
    """(low, high, last, second), see `kernels.taps`."""
    low, high = (-1, size) if padding == "zeros" else (0, size - 1)
    return low, high, max(size - 2, 0), min(size - 1, 1)


def _source(grid: Grid, image: Floats) -> tuple[Any, ...]:
    """The grid as the tuple that `kernels.positions` describes."""
    from stn_numba.kernels.positions import AFFINE, BASIS, DENSE, HOMOGRAPHY

    dense: Floats = np.empty((0, 0, 0, 2), image.dtype)
    matrix: NDArray[np.float64] = np.empty((0, 3, 3))
    basis, coefficients = np.empty((0, 0)), np.empty((0, 2, 0))
    in_shape = image.shape[1:3]
    if isinstance(grid, MatrixGrid):
        matrix = pixel_matrix(grid.values, in_shape, grid.shape, grid.align_corners)
        kind = AFFINE if np.array_equal(matrix[:, 2], np.broadcast_to([0, 0, 1], (len(grid), 3))) else HOMOGRAPHY
    elif isinstance(grid, BasisGrid):
        kind, basis = BASIS, grid.functions
        coefficients = np.ascontiguousarray(grid.values, np.float64)
    else:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and so outside
            kind, dense = DENSE, np.ascontiguousarray(grid.dense(), image.dtype)
    scale = np.array([*input_axis(in_shape[1], grid.align_corners), *input_axis(in_shape[0], grid.align_corners)])
    return kind, dense, matrix, basis, coefficients, scale


def _forward(call: _Call) -> Floats:
    from stn_numba.kernels import bilinear, threads

    out = np.empty(call.out_shape, call.image.dtype)
    if out.size:
        tasks = _tasks(call)
        form = threads.choose(bilinear.sample_serial, bilinear.sample_parallel, tasks, call.num_threads)
        form(tasks, call.image, call.source, call.axes, call.steps, out)
    return out


def _tasks(call: _Call) -> int:
    """Into how many tasks the output rows are cut; set by the shape alone."""
    rows = call.batch * call.grid.shape[0]
    work = call.grid.shape[1] * int(call.image.shape[3])
    return max(1, min(rows, rows * work // _PIXELS_A_TASK, _MOST_TASKS))


def _image_gradient(call: _Call, d_out: Floats) -> Floats:
    from stn_numba.kernels import bilinear, threads

    d_image = np.zeros_like(call.image)
    if d_out.size:
        small = d_out.size < 4 * _PIXELS_A_TASK
        bands = 1 if small or len(d_image) >= _IMAGE_BANDS else min(_IMAGE_BANDS, d_image.shape[1])
        tasks = 1 if small else len(d_image) * bands
        form = threads.choose(bilinear.image_gradient_serial, bilinear.image_gradient_parallel, tasks, call.num_threads)
        form(bands, call.source, call.axes, call.steps, d_out, d_image)
    return d_image


def _grid_gradient(call: _Call, d_out: Floats) -> Floats:
    from stn_numba.kernels import bilinear, threads

    batch, h, w, _ = call.out_shape
    is_dense = call.source[1].ndim == 4 and not isinstance(call.grid, MatrixGrid | BasisGrid)
    values = call.grid.values
    d_dense = np.zeros((batch * h, w if is_dense else 0, 2), call.image.dtype)
    partials = np.zeros((batch * h, 0 if is_dense else values[0].size if len(values) else 0))
    if d_out.size:
        tasks = _tasks(call)
        form = threads.choose(bilinear.grid_gradient_serial, bilinear.grid_gradient_parallel, tasks, call.num_threads)
        form(tasks, call.image, call.source, call.axes, call.steps, d_out, d_dense, partials)
    rows = d_dense.reshape(batch, h, w, 2) if is_dense else partials.reshape(batch, h, *values.shape[1:]).sum(axis=1)
    d_grid = rows if len(values) == batch else rows.sum(axis=0, keepdims=True)
    if isinstance(call.grid, MatrixGrid):
        d_grid = pixel_matrix_vjp(d_grid, call.image.shape[1:3], call.grid.shape, call.grid.align_corners)
    return d_grid.astype(call.image.dtype if is_dense else values.dtype, copy=False)
