"""Read an image at the positions of a grid, and the gradients: checks, conventions, choice of kernel.

Convention: positions are (x, y), normalised as in `stn_numba.grid` unless said otherwise. A position that is NaN is outside
under every padding: it reads 0, or `fill`, and passes no gradient. Infinite and huge positions are outside too: they read
the nearest edge pixel under ``"border"``, else as NaN, and pass no gradient to their own coordinate. Where a kernel has a
kink (bilinear: at whole pixels) the gradient is the derivative from the right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba import antialias as sub_samples
from stn_numba.basis import BasisRows
from stn_numba.grid import (
    BasisGrid,
    DenseGrid,
    Floats,
    Grid,
    MatrixGrid,
    displacement_axis,
    input_axis,
    is_affine,
    pixel_matrix,
    pixel_matrix_vjp,
)
from stn_numba.interpolation import PiecewisePolynomial, kernel_rule
from stn_numba.outside import PADDINGS, axis_rule, fill_rule

__all__ = ["sample", "sample_vjp"]

Array = NDArray[Any]
SampleBackprop = Callable[..., tuple[Array | None, Array | None]]

IMAGE_DTYPES = ("float32", "float64", "uint8", "int8", "uint16", "int16", "int32")
_PIXELS_A_TASK = 8192  # below this a task costs more to hand to a thread than to do
_MOST_TASKS = 64
_IMAGE_BANDS = 8  # into how many bands small batches are cut for the gradient by the image


class _Call(NamedTuple):
    """A checked call, in the form the kernels take; image, d_image and d_out are (N, H, W, C) views of any strides."""

    image: Array
    grid: Grid
    source: tuple[Any, ...]
    scale: NDArray[np.float64]
    kernel: str | PiecewisePolynomial
    padding: str
    fill: ArrayLike | None
    layout: str
    steps: tuple[int, int]
    batch: int
    num_threads: int | None
    runs: list[sub_samples.Run]  # empty without antialiasing, or where it has nothing to do

    @property
    def size(self) -> tuple[int, int, int, int]:
        """(N, h, w, C) of the output."""
        return (self.batch, *self.grid.shape, self.image.shape[3])

    @property
    def working(self) -> Floats:
        """An empty array of the floats in which the image's numbers are computed."""
        return np.empty(0, np.float64 if self.image.dtype in (np.float64, np.int32) else np.float32)

    def rule(self, image: Array) -> tuple[Any, ...]:
        """Kernel and padding for an image of these strides, as `kernels.strips` describes them."""
        align_corners = self.grid.align_corners
        family, K, table, slope_table, even = kernel_rule(self.kernel)
        x, y = (axis_rule(image.shape[k], image.strides[k], self.padding, align_corners, family, K, even) for k in (2, 1))
        return family, K, x, y, table, slope_table, *fill_rule(self.fill, self.padding, image.shape[3], self.working.dtype)


def sample(
    image: ArrayLike,
    grid: Grid | ArrayLike,
    *,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str = "zeros",
    fill: ArrayLike | None = None,
    align_corners: bool | None = None,
    units: str = "normalised",
    displacement: bool = False,
    antialias: bool = False,
    layout: str = "NHWC",
    out: Array | None = None,
    num_threads: int | None = None,
) -> Array:
    """Read an image at the positions of a grid (equation 5 of arXiv 1506.02025, with any kernel).

    Parameters
    ----------
    image
        (N, H, W, C), or (N, C, H, W) with ``layout="NCHW"``; of any strides, and not copied. float32, float64, uint8, int8,
        uint16, int16 or int32; bool with ``kernel="nearest"``; complex64 and complex128 as pairs. Copied are only float16,
        which is widened to float32, and numbers of foreign byte order. N may be 1 to serve every grid.
    grid
        A `Grid`, as a transform's ``forward`` gives it, or positions (N, h, w, 2). N may be 1 to serve every image.
    kernel
        ``"nearest"`` (ties to even), ``"bilinear"``, ``"bicubic"``, ``"lanczos3"``, ``"cubic_b_spline"``, ``"mitchell"``, or a
        `stn_numba.interpolation.PiecewisePolynomial`.
    padding
        What taps beyond the edge read: ``"zeros"``, ``"border"``, ``"symmetric"``, ``"reflect101"``, ``"reflection"`` (one of
        the two before, by align_corners), ``"wrap"``, or ``"constant"`` for `fill`. See `stn_numba.outside`.
    fill
        A number, or one for each channel, which may be complex for a complex image. With ``padding="constant"`` taps beyond
        the edge read it; with the others it is the output wherever a position lies beyond the outer edges of the image,
        whatever taps near the edge read.
    align_corners
        The convention of plain positions, True unless said otherwise. A `Grid` knows its own.
    units
        Of plain positions: ``"normalised"``, or ``"pixels"`` (0 is the centre of the first pixel).
    displacement
        Whether plain positions are displacements from the output pixel's own place.
    antialias
        Whether to average where the grid minifies: over q_y x q_x places in each output pixel's cell, as many as it takes to
        come no farther apart than input pixels, and at most 16 x 16; at the cost of as many readings. See
        `stn_numba.antialias`. The gradient takes the factors as constant.
    layout
        ``"NHWC"`` or ``"NCHW"``, of image and output.
    out
        Array to write to, of the output's shape and the image's dtype; it may not overlap the image.
    num_threads
        Most threads to use; by default as `stn_numba.get_num_threads` says. The result is the same, bit for bit.

    Returns
    -------
    out
        (N, h, w, C) or (N, C, h, w), of the image's dtype; integers are rounded half to even and limited to their range.

    Raises
    ------
    TypeError
        If the dtype of image or `out` is not offered.
    ValueError
        If shapes do not fit, an option is unknown, or `align_corners` contradicts the grid.

    Examples
    --------
    >>> image = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> float(sample(image, np.zeros((1, 1, 1, 2))).item())
    1.5
    """
    image = np.asarray(image)
    if image.dtype == np.bool_ and kernel != "nearest":
        raise TypeError(f'image: bool can be read with kernel="nearest" only, got kernel={kernel!r}')
    options = align_corners, units, displacement, antialias, layout, num_threads
    parts = zip(_numbers(image), _fills(fill, image.dtype.kind), strict=True)
    calls = [_check(part, grid, kernel, padding, value, *options) for part, value in parts]
    out = _check_out(out, calls[0], image)
    for call, place in zip(calls, _numbers(out), strict=True):
        _read(call, place)
        if out.dtype == np.float16:
            with np.errstate(over="ignore"):
                out[...] = place
    return _caller_layout(out, layout)


def sample_vjp(
    image: ArrayLike,
    grid: Grid | ArrayLike,
    *,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str = "zeros",
    fill: ArrayLike | None = None,
    align_corners: bool | None = None,
    units: str = "normalised",
    displacement: bool = False,
    antialias: bool = False,
    layout: str = "NHWC",
    num_threads: int | None = None,
) -> tuple[Array, SampleBackprop]:
    """As `sample`, and the way back (equations 6 and 7 of arXiv 1506.02025, mended: see docs/mathematics.md).

    The image must be float32 or float64.

    Returns
    -------
    out
        (N, h, w, C), or (N, C, h, w).
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
    image = np.asarray(image)
    if image.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise TypeError(f"image: gradients need float32 or float64, got {image.dtype}")
    call = _check(image, grid, kernel, padding, fill, align_corners, units, displacement, antialias, layout, num_threads)

    def backprop(d_out: ArrayLike, *, image: bool = True, grid: bool = True) -> tuple[Array | None, Array | None]:
        d_out, expected = np.asarray(d_out), _laid_out(call.size, layout)
        if d_out.shape != expected:
            raise ValueError(f"d_out: expected {expected}, got {d_out.shape}")
        d_out = _channels_last(np.asarray(d_out, call.image.dtype), layout)
        d_image, d_grid = _gradients(call, d_out, bool(image), bool(grid))
        return d_image if d_image is None or layout == "NHWC" else d_image.transpose(0, 3, 1, 2), d_grid

    out = _check_out(None, call, image)
    _read(call, out)
    return _caller_layout(out, layout), backprop


def _numbers(array: Array) -> list[Array]:
    """An array as those of a dtype that kernels know: views, but for float16, which is widened to a new one."""
    if array.dtype.kind == "c":
        return [array.real, array.imag]
    if array.dtype == np.bool_:
        return [array.view(np.uint8)]
    return [array.astype(np.float32) if array.dtype.newbyteorder("=") == np.float16 else array]


def _fills(fill: Any, kind: str) -> list[Any]:
    """`fill` for each of `_numbers` of an image of a dtype of this kind."""
    if kind == "b" and fill is not None:
        return [np.asarray(fill).astype(bool)]
    if kind != "c":
        return [fill]
    values = np.asarray(fill)
    return [values.real, values.imag] if values.dtype.kind == "c" else [fill, None if fill is None else 0.0]


def _channels_last(array: Array, layout: str) -> Array:
    """View of an array with its channels last."""
    return array.transpose(0, 2, 3, 1) if layout == "NCHW" else array


def _caller_layout(array: Array, layout: str) -> Array:
    """View of an array with its channels last as the caller lays it out."""
    return array.transpose(0, 3, 1, 2) if layout == "NCHW" else array


def _laid_out(size: tuple[int, ...], layout: str) -> tuple[int, ...]:
    n, h, w, c = size
    return (n, c, h, w) if layout == "NCHW" else (n, h, w, c)


def _check(
    image: Array,
    grid: Grid | ArrayLike,
    kernel: str | PiecewisePolynomial,
    padding: str,
    fill: ArrayLike | None,
    align_corners: bool | None,
    units: str,
    displacement: bool,
    antialias: bool,
    layout: str,
    num_threads: int | None,
) -> _Call:
    if not _is_known(image.dtype):
        raise TypeError(f"image: expected {', '.join(IMAGE_DTYPES)}, float16, bool or complex, got {image.dtype}")
    _check_option("padding", padding, PADDINGS)
    _check_option("layout", layout, ("NHWC", "NCHW"))
    _check_option("units", units, ("normalised", "pixels"))
    for name, value in (("antialias", antialias), ("displacement", displacement)):
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name}: expected True or False, got {value!r}")
    kernel_rule(kernel)
    if image.ndim != 4 or 0 in _channels_last(image, layout).shape[1:3]:
        raise ValueError(f"image: expected ({', '.join(layout)}) with H, W >= 1, got {image.shape}")
    if num_threads is not None and num_threads < 1:
        raise ValueError(f"num_threads: expected at least 1, got {num_threads}")
    if not isinstance(grid, Grid):
        grid = DenseGrid(grid, align_corners=True if align_corners is None else align_corners)
    elif align_corners is not None and align_corners != grid.align_corners:
        raise ValueError(f"align_corners: the grid was made for {grid.align_corners}, got {align_corners}")
    elif units != "normalised" or displacement:
        raise ValueError("units, displacement: these are for plain positions; a Grid is normalised and absolute")
    images, grids = len(image), len(grid)
    if images != grids and 1 not in (images, grids):
        raise ValueError(f"grid: expected N = {images} as the image has (or 1), got N = {grids}")
    image = _channels_last(image.astype(image.dtype.newbyteorder("="), copy=False), layout)
    fill_rule(fill, padding, image.shape[3], np.float64)
    scale = _scale(grid, image.shape[1:3], units, displacement)
    everywhere = fill is None and padding not in ("zeros", "constant")
    return _Call(
        image,
        grid,
        _source(grid, image.shape[1:3], scale),
        scale,
        kernel,
        padding,
        fill,
        layout,
        (int(images != 1), int(grids != 1)),
        grids if images == 1 else images,
        num_threads,
        sub_samples.plan(grid, image.shape[1:3], scale, everywhere) if antialias else [],
    )


@functools.lru_cache(64)
def _is_known(dtype: np.dtype[Any]) -> bool:
    """Whether kernels know a dtype, in any order of bytes."""
    return dtype.newbyteorder("=").name in IMAGE_DTYPES


def _check_option(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


def _check_out(out: Array | None, call: _Call, image: Array) -> Array:
    """The output as a channels-last view, made if not given."""
    expected, dtype = _laid_out(call.size, call.layout), image.dtype.newbyteorder("=")
    if out is None:
        return _channels_last(np.empty(expected, dtype), call.layout)
    if not isinstance(out, np.ndarray) or out.shape != expected:
        raise ValueError(f"out: expected an array {expected}, got {getattr(out, 'shape', type(out).__name__)}")
    if out.dtype != dtype:
        raise TypeError(f"out: expected {dtype}, as the image, got {out.dtype}")
    if not out.flags.writeable:
        raise ValueError("out: the array is read-only")
    if np.may_share_memory(out, image) or np.may_share_memory(out, call.grid.values):
        raise ValueError("out: the array overlaps the image or the grid")
    if _overlaps_itself(out):
        raise ValueError("out: several elements share one place in memory")
    return _channels_last(out, call.layout)


def _overlaps_itself(array: Array) -> bool:
    """Whether two elements may share memory (as np.broadcast_to makes them)."""
    axes = sorted((abs(step), size) for step, size in zip(array.strides, array.shape, strict=True) if size > 1)
    reach = array.itemsize
    for step, size in axes:
        if step < reach:
            return bool(array.size)
        reach = step * (size - 1) + reach
    return False


def _memory(array: Array) -> tuple[Any, ...]:
    """An array as the tuple that `kernels.memory` describes."""
    return (array.__array_interface__["data"][0], array.dtype.type(0), *array.strides)


_NO_POSITIONS = np.empty((0, 0, 0, 0), np.float32)
_NO_BASIS = np.empty((0, 0))
_NO_COEFFICIENTS = np.empty((0, 2, 0))
_NO_MATRIX = np.empty((0, 3, 3))


def _scale(grid: Grid, in_shape: tuple[int, int], units: str, displacement: bool) -> NDArray[np.float64]:
    """The (2, 4) from the grid's numbers to input pixels that `kernels.positions` describes."""
    scale = np.zeros((2, 4))
    if isinstance(grid, MatrixGrid):
        return scale
    for axis, (size, length) in enumerate(zip(in_shape[::-1], grid.shape[::-1], strict=True)):
        scale[axis, :2] = input_axis(size, grid.align_corners) if units == "normalised" else (1.0, 0.0)
        if displacement:
            scale[axis, 2 + axis], scale[axis, 1] = displacement_axis(size, length, grid.align_corners)
    return scale


def _source(grid: Grid, in_shape: tuple[int, int], scale: NDArray[np.float64]) -> tuple[Any, ...]:
    """The grid as the tuple that `kernels.positions` describes."""
    from stn_numba.kernels.positions import AFFINE, BASIS, DENSE, HOMOGRAPHY

    dense, matrix, coefficients = _NO_POSITIONS, _NO_MATRIX, _NO_COEFFICIENTS
    basis: Floats = _NO_BASIS
    if isinstance(grid, MatrixGrid):
        matrix = pixel_matrix(grid.values, in_shape, grid.shape, grid.align_corners)
        kind = AFFINE if is_affine(matrix) else HOMOGRAPHY
    elif isinstance(grid, BasisGrid):
        kind, basis = BASIS, _NO_BASIS if isinstance(grid.basis, BasisRows) else grid.basis  # else see `_parts`
        coefficients = np.ascontiguousarray(grid.values, np.float64)
    else:
        kind, dense = DENSE, grid.dense()
        dense = dense.astype(dense.dtype.newbyteorder("="), copy=False)
    return kind, *_memory(dense), matrix, basis, coefficients, scale, grid.shape[1]


def _parts(call: _Call) -> Iterator[tuple[slice, _Call]]:
    """Blocks of output rows, each with the call that reads it: several where a basis is worked out block by block.

    Those run on one thread: threads that wait for work between blocks take more from the evaluation than they give.
    """
    if not _is_streamed(call.grid):
        yield slice(0, call.grid.shape[0]), call
        return
    for rows, grid in cast(BasisGrid, call.grid).parts():
        yield rows, call._replace(grid=grid, source=_source(grid, call.image.shape[1:3], call.scale), num_threads=1)


def _is_streamed(grid: Grid) -> bool:
    return isinstance(grid, BasisGrid) and isinstance(grid.basis, BasisRows)


def _tasks(call: _Call) -> int:
    """Into how many tasks the output rows are cut; set by the shape alone."""
    batch, h, w, channels = call.size
    return max(1, min(batch * h, batch * h * w * channels // _PIXELS_A_TASK, _MOST_TASKS))


def _read(call: _Call, out: Array) -> None:
    """Fill `out` (N, h, w, C)."""
    if not call.runs:
        _forward(call, out)
    for run in call.runs:
        readings = (functools.partial(_forward, part) for _, part in _sub_calls(call, run))
        sub_samples.average(readings, run.readings, out[_outputs(call, run)], call.working.dtype)


def _sub_calls(call: _Call, run: sub_samples.Run) -> Iterator[tuple[sub_samples.Offset, _Call]]:
    """The calls that read one sub-sample each of the output pixels of a run."""
    image = call.image[run.grids] if all(call.steps) else call.image
    for offset, grid in sub_samples.grids(call.grid, run):
        source = _source(grid, image.shape[1:3], sub_samples.shifted_scale(call.scale, offset))
        batch = len(grid) if call.steps[1] else call.batch
        yield offset, call._replace(image=image, grid=grid, source=source, batch=batch, runs=[])


def _outputs(call: _Call, run: sub_samples.Run) -> slice:
    """Which outputs a run writes: one grid may serve them all."""
    return run.grids if call.steps[1] else slice(None)


def _forward(call: _Call, out: Array) -> None:
    from stn_numba.kernels import forward, threads

    if not out.size:
        return
    image, rule = _memory(call.image), call.rule(call.image)
    for rows, part in _parts(call):
        tasks = _tasks(part)
        form = threads.choose(forward.sample_serial, forward.sample_parallel, tasks, part.num_threads)
        form(tasks, image, part.source, rule, part.steps, part.size, part.working, _memory(out[:, rows]))


def _backward(call: _Call, d_out: Array) -> Iterator[tuple[sub_samples.Run, sub_samples.Offset, _Call, Array]]:
    """Run, offset and call of each sub-sample, with its share of the gradient by the output."""
    for run in call.runs:
        share = d_out[_outputs(call, run)] / run.readings
        for offset, part in _sub_calls(call, run):
            yield run, offset, part, share


def _gradients(call: _Call, d_out: Array, by_image: bool, by_grid: bool) -> tuple[Array | None, Array | None]:
    """The gradients by image and grid, as asked for."""
    d_image = _empty_gradient(call) if by_image else None
    if not call.runs:
        return d_image, _add_gradients(call, d_out, d_image, by_grid)
    grid, values = call.grid, call.grid.values
    d_grid = np.zeros(_grid_gradient_shape(grid), values.dtype if _is_dense(grid) else np.float64) if by_grid else None
    for run, offset, part, share in _backward(call, d_out):
        view = None if d_image is None else d_image[run.grids] if all(call.steps) else d_image
        d_part = _add_gradients(part, share, view, by_grid)
        if d_grid is not None and d_part is not None:
            d_grid[run.grids] += sub_samples.pull_back(grid, run, offset, d_part)
    return d_image, None if d_grid is None else d_grid.astype(values.dtype, copy=False)


def _empty_gradient(call: _Call) -> Array:
    """Zeros for the gradient by the image, as a channels-last view."""
    return _channels_last(np.zeros(_laid_out(call.image.shape, call.layout), call.image.dtype), call.layout)


def _is_dense(grid: Grid) -> bool:
    return not isinstance(grid, MatrixGrid | BasisGrid)


def _grid_gradient_shape(grid: Grid) -> tuple[int, ...]:
    return (len(grid), *grid.shape, 2) if _is_dense(grid) else grid.values.shape


def _add_gradients(call: _Call, d_out: Array, d_image: Array | None, by_grid: bool) -> Array | None:
    """Add to the gradient by the image, if there is one, and return the gradient by the grid, if asked for."""
    parts = [_part_gradients(part, d_out[:, rows], d_image, by_grid) for rows, part in _parts(call)]
    if not by_grid:
        return None
    return functools.reduce(np.add, parts) if parts else np.zeros(_grid_gradient_shape(call.grid), call.grid.values.dtype)


def _part_gradients(call: _Call, d_out: Array, d_image: Array | None, by_grid: bool) -> Array | None:
    images = 0 if d_image is None else len(d_image)
    small = d_out.size < 4 * _PIXELS_A_TASK
    bands = 1 if small or images >= _IMAGE_BANDS else min(_IMAGE_BANDS, call.image.shape[1])
    together = d_image is not None and by_grid and bands == 1 and (call.steps[0] == 1 or call.batch == 1)
    d_grid = None
    if d_image is not None:
        d_grid = _run_gradient(call, d_out, d_image, together, images, bands)
    if by_grid and not together:
        blocks = max(1, min(call.size[1], _tasks(call) // max(call.batch, 1)))
        d_grid = _run_gradient(call, d_out, None, True, call.batch, blocks)
    return d_grid


def _run_gradient(call: _Call, d_out: Array, d_image: Array | None, by_grid: bool, groups: int, pieces: int) -> Array | None:
    """One run of the kernel: `groups` images (or outputs, for the grid alone), each cut into so many pieces."""
    from stn_numba.kernels import gradient, threads

    batch, h, w, _ = call.size
    dense, values = _is_dense(call.grid), call.grid.values
    d_dense = np.zeros((batch * h, w, 2) if dense and by_grid else (0, 0, 2), values.dtype if dense else np.float32)
    partials = np.zeros((batch * pieces, 0 if dense or not len(values) else values[0].size))
    if d_out.size and (d_image is not None or call.kernel != "nearest"):
        tasks = 1 if d_out.size < 4 * _PIXELS_A_TASK else groups * pieces
        form = threads.choose(gradient.gradient_serial, gradient.gradient_parallel, tasks, call.num_threads)
        form(
            groups * pieces,
            pieces,
            d_image is not None,
            by_grid and call.kernel != "nearest",
            _memory(call.image),
            call.source,
            call.rule(call.image),
            call.steps,
            call.size,
            call.working,
            _memory(d_out),
            _memory(call.image if d_image is None else d_image),
            d_dense,
            partials,
        )
    if not by_grid:
        return None
    rows = d_dense.reshape(batch, h, w, 2) if dense else partials.reshape(batch, pieces, *values.shape[1:]).sum(axis=1)
    d_grid = rows if len(values) == batch else rows.sum(axis=0, keepdims=True)
    if isinstance(call.grid, MatrixGrid):
        d_grid = pixel_matrix_vjp(d_grid, call.image.shape[1:3], call.grid.shape, call.grid.align_corners)
    return d_grid.astype(values.dtype, copy=False)
