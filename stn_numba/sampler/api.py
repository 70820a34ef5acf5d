"""`sample` and `sample_vjp`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arrays import as_array
from stn_numba.grid import Grid
from stn_numba.sampler import gradient_plans, plans
from stn_numba.sampler.backward import gradients
from stn_numba.sampler.checked_call import Call, check_call, check_out
from stn_numba.sampler.fill import as_fill, fill_parts
from stn_numba.sampler.forward import read
from stn_numba.sampler.interpolation import PiecewisePolynomial, is_nearest
from stn_numba.sampler.layout import caller_layout, channels_last, laid_out

__all__ = ["sample", "sample_vjp"]

Array = NDArray[Any]
SampleBackprop = Callable[..., tuple[Array | None, Array | None]]


def sample(
    image: ArrayLike,
    grid: Grid | ArrayLike,
    *,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str | None = None,
    fill: ArrayLike | None = None,
    align_corners: bool | None = None,
    units: str = "normalized",
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
        uint16, int16 or int32; complex64 and complex128 as pairs; with ``kernel="nearest"`` any dtype but objects. Copied are
        only float16, which is widened to float32, and numbers of foreign byte order. N may be 1 to serve every grid.
    grid
        A `Grid`, as a transform's ``forward`` gives it, or positions (N, h, w, 2). N may be 1 to serve every image.
    kernel
        ``"nearest"`` (ties to even), ``"bilinear"``, ``"bicubic"``, ``"lanczos3"``, ``"cubic_b_spline"``, ``"mitchell"``, or a
        `stn_numba.sampler.interpolation.PiecewisePolynomial`.
    padding
        What taps beyond the edge read: ``"zeros"``, ``"border"``, ``"symmetric"``, ``"reflect101"``, ``"reflection"`` (one of
        the two before, by align_corners), ``"wrap"``, or ``"constant"`` for `fill`. By default ``"constant"`` if you give a
        `fill`, else ``"zeros"``. See `stn_numba.sampler.padding`.
    fill
        A number, or one for each channel, that the image's dtype can hold (complex for a complex image). Taps beyond the
        edge read it. If you also give a padding other than ``"constant"``, taps read as that padding says, and `fill` is the
        output wherever a position lies beyond the outer edges of the image.
    align_corners
        The convention of plain positions, True unless said otherwise. A `Grid` knows its own.
    units
        Of plain positions: ``"normalized"``, or ``"pixels"`` (0 is the center of the first pixel).
    displacement
        Whether plain positions are displacements from the output pixel's own place.
    antialias
        Whether to average where the grid minifies: over q_y x q_x places in each output pixel's cell, as many as it takes to
        come no farther apart than input pixels, and at most 16 x 16; at the cost of as many readings. See
        `sampler.antialias`. The gradient takes the factors as constant. ``"nearest"`` takes the most frequent value of the
        cell instead, of several the smallest.
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
        If the dtype of image or `out` is not offered, or `fill` is not made of numbers.
    ValueError
        If shapes do not fit, an option is unknown, the image's dtype cannot hold `fill`, or `align_corners` contradicts the
        grid.

    Examples
    --------
    >>> image = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> float(sample(image, np.zeros((1, 1, 1, 2))).item())
    1.5
    """
    options = kernel, padding, align_corners, units, displacement, antialias, layout, num_threads
    planned = fill is None and out is None and antialias is False
    key = plans.key_of(image, grid, *options) if planned else None
    plan = plans.find(key)
    if plan is not None:
        return plan.read(image, plans.numbers_of(grid))
    if isinstance(image, Grid):
        raise TypeError(f"image: expected an array, got {image!r}; the order is sample(image, grid)")
    return _sample(as_array(image, "image"), grid, fill, out, options, key)


def _sample(
    image: Array,
    grid: Grid | ArrayLike,
    fill: ArrayLike | None,
    out: Array | None,
    options: tuple[Any, ...],
    key: Any,
) -> Array:
    """As `sample`; a plan is kept for the next call of the same key, unless it is None."""
    kernel, padding, *others = options
    layout = others[-2]
    if image.dtype == np.bool_ and not is_nearest(kernel):
        raise TypeError(f'image: bool can be read with kernel="nearest" only, got kernel={kernel!r}')
    filling = as_fill(fill, image.dtype)
    if is_nearest(kernel):
        call = check_call(image, grid, kernel, padding, filling, *others)
        out = check_out(out, call, image)
        read(call, out)
        return caller_layout(out, layout)
    parts = zip(_numbers(image), fill_parts(filling, image.dtype), strict=True)
    calls = [check_call(part, grid, kernel, padding, value, *others) for part, value in parts]
    out = check_out(out, calls[0], image)
    if calls[0].image.dtype == image.dtype:
        plans.keep(key, calls[0], out)
    for call, place in zip(calls, _numbers(out), strict=True):
        read(call, place)
        if out.dtype == np.float16:
            with np.errstate(over="ignore"):
                out[...] = place
    return caller_layout(out, layout)


def sample_vjp(
    image: ArrayLike,
    grid: Grid | ArrayLike,
    *,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str | None = None,
    fill: ArrayLike | None = None,
    align_corners: bool | None = None,
    units: str = "normalized",
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
        (N, 2, B) for a `BasisGrid`; a transform's backprop takes it as it is. For a grid of matrices between pixels it is the
        gradient by these matrices, (N, 2, 3) or (N, 3, 3) as they were given. It reads image and grid again: leave both
        unchanged until it has been called.

    Raises
    ------
    TypeError, ValueError
        As `sample`, if the image is not float32 or float64, and for `antialias` with ``"nearest"``.

    Examples
    --------
    >>> image = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> out, backprop = sample_vjp(image, np.zeros((1, 1, 1, 2)))
    >>> d_image, d_grid = backprop(np.ones_like(out))
    >>> d_image.ravel().tolist(), d_grid.ravel().tolist()
    ([0.25, 0.25, 0.25, 0.25], [0.5, 1.0])
    """
    options = kernel, padding, align_corners, units, displacement, antialias, layout, num_threads
    key = plans.key_of(image, grid, *options, "gradients") if fill is None and antialias is False else None
    plan = plans.find(key)
    checked = functools.partial(_differentiable, image, grid, fill, options)
    if plan is None:
        call = checked()
        out = check_out(None, call, call.image)
        read(call, out)
        plan = plans.keep(key, call, out)
        return caller_layout(out, layout), _backprop(image, grid, layout, plan, lambda: call)
    return plan.read(image, plans.numbers_of(grid)), _backprop(image, grid, layout, plan, checked)


def _differentiable(image: ArrayLike, grid: Grid | ArrayLike, fill: ArrayLike | None, options: tuple[Any, ...]) -> Call:
    """Check the arguments of `sample_vjp`."""
    kernel, padding, *others = options
    antialias = others[3]
    image = as_array(image, "image")
    if image.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise TypeError(f"image: gradients need float32 or float64, got {image.dtype}")
    if antialias and is_nearest(kernel):
        raise ValueError("antialias: the most frequent of several pixels has no gradient; take another kernel than 'nearest'")
    return check_call(image, grid, kernel, padding, as_fill(fill, image.dtype), *others)


def _backprop(
    x: ArrayLike, source: Grid | ArrayLike, layout: str, plan: plans.Plan | None, checked: Callable[[], Call]
) -> SampleBackprop:
    """Return the `backprop` of a call; `checked` returns the checked call, and is called only when it is needed."""

    def backprop(d_out: ArrayLike, *, image: bool = True, grid: bool = True) -> tuple[Array | None, Array | None]:
        wanted = bool(image), bool(grid)
        planned = gradient_plans.find(plan, d_out, *wanted)
        if planned is not None:
            return planned.give(x, source, d_out)
        call = checked()
        d_out, expected = as_array(d_out, "d_out"), laid_out(call.size, layout)
        if d_out.shape != expected:
            raise ValueError(f"d_out: expected {expected}, got {d_out.shape}")
        if d_out.dtype.kind not in "fiu":
            raise TypeError(f"d_out: expected real numbers, got dtype {d_out.dtype}")
        d_out = channels_last(np.asarray(d_out, call.image.dtype), layout)
        d_image, d_grid = gradients(call, d_out, *wanted)
        gradient_plans.keep(plan, call, *wanted)
        return d_image if d_image is None or layout == "NHWC" else d_image.transpose(0, 3, 1, 2), d_grid

    return backprop


def _numbers(array: Array) -> list[Array]:
    """An array as those of a dtype that kernels know: views, but for float16, which is widened to a new one."""
    if array.dtype.kind == "c":
        return [array.real, array.imag]
    if array.dtype == np.bool_:
        return [array.view(np.uint8)]
    return [array.astype(np.float32) if array.dtype.newbyteorder("=") == np.float16 else array]
