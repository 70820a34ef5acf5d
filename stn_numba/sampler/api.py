"""`sample`, `sample_vjp` and `sample_gradients`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba._util.arrays import as_array
from stn_numba.grid import Grid
from stn_numba.sampler import gradient_plans, plans
from stn_numba.sampler.backward import gradients
from stn_numba.sampler.call import Call, Options, check_call
from stn_numba.sampler.fill import as_fill, fill_parts
from stn_numba.sampler.forward import read
from stn_numba.sampler.interpolation import PiecewisePolynomial, is_nearest
from stn_numba.sampler.layout import caller_layout, caller_shape, channels_last, real_parts
from stn_numba.sampler.output import check_out

__all__ = ["sample", "sample_gradients", "sample_vjp"]

Array = NDArray[Any]
SampleBackprop = Callable[..., tuple[Array | None, Array | None]]

_ANTIALIAS = Options._fields.index("antialias")


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
    """Sample an image at the positions of a grid (equation 5 of arXiv 1506.02025, with any kernel).

    Parameters
    ----------
    image : array_like, (N, H, W, C)
        With ``layout="NCHW"`` (N, C, H, W). Volumes (N, D, H, W, C) have an axis more. N may be 1 to serve every grid. Dtypes:
        float32, float64, uint8, int8, uint16, int16, int32, float16, complex64, complex128; with ``kernel="nearest"`` any
        dtype except objects. Arrays with any strides are read without a copy; only float16, which is widened to float32, and
        foreign byte orders are copied.
    grid : Grid or array_like, (N, h, w, 2)
        Where each output pixel reads the image: what a transform's ``forward`` returns, or positions (x, y). N may be 1 to
        serve every image. For volumes (N, d, h, w, 3), positions (x, y, z).
    kernel : str or PiecewisePolynomial, default "bilinear"
        ``"nearest"`` (ties to even), ``"bilinear"`` or ``"linear"``, ``"bicubic"`` or ``"cubic"``, ``"lanczos3"``,
        ``"cubic_b_spline"``, ``"mitchell"``, or a `stn_numba.sampler.interpolation.PiecewisePolynomial`.
    padding : str, optional
        What the image continues as beyond its edges: ``"zeros"``, ``"border"``, ``"symmetric"``, ``"reflect101"``,
        ``"reflection"`` (``"reflect101"`` with `align_corners`, else ``"symmetric"``), ``"wrap"``, or ``"constant"``, which is
        `fill`. By default ``"constant"`` if you pass a `fill`, else ``"zeros"``. See `stn_numba.sampler.padding`.
    fill : array_like, optional
        A number, or one per channel, that the image's dtype can hold (complex for a complex image). The image continues as
        `fill` beyond its edges. If you also pass a padding other than ``"constant"``, the image continues as that padding
        says, and outputs at positions beyond the outer edges of the image are set to `fill`.
    align_corners : bool, optional
        Convention of plain positions, see `stn_numba.grid`; True by default. A `Grid` knows its own.
    units : {"normalized", "pixels"}, default "normalized"
        Of plain positions; pixel 0 is the center of the first pixel.
    displacement : bool, default False
        Whether plain positions are displacements relative to the output pixel.
    antialias : bool, default False
        Whether to average over several positions per output pixel where the grid minifies: q_y x q_x of them, at most 16 x 16,
        so that they are no farther apart than input pixels. The time grows accordingly. See `stn_numba.sampler.antialias`.
        Gradients treat q_y and q_x as constant. ``"nearest"`` takes the most frequent value instead of the mean, the smallest
        one in case of a tie. Volumes are read at q_z x q_y x q_x positions.
    layout : {"NHWC", "NCHW"}, default "NHWC"
        Of image and output; ``"NDHWC"`` or ``"NCDHW"`` for volumes, where the default is ``"NDHWC"``.
    out : ndarray, optional
        Array to write to, of the output's shape and the image's dtype; it must not overlap the image.
    num_threads : int, optional
        Maximum number of threads; `stn_numba.get_num_threads()` by default. Results are identical for any number.

    Returns
    -------
    ndarray, (N, h, w, C)
        With ``layout="NCHW"`` (N, C, h, w). Of the image's dtype; integers are rounded half to even and clipped to their
        range.

    Raises
    ------
    TypeError
        If the dtype of `image` or `out` is not supported, or `fill` is not a number.
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
    key = plans.key_of(image, grid, *options) if fill is None and antialias is False else None
    plan = plans.find(key)
    if plan is not None and plan.accepts(out, image, grid):
        return plan.read(image, grid, out)
    if isinstance(image, Grid):
        raise TypeError(f"image: expected an array, got {image!r}; the order is sample(image, grid)")
    return _sample(as_array(image, "image"), grid, Options(*options), fill, out, key if plan is None else None)


def _sample(
    image: Array, grid: Grid | ArrayLike, options: Options, fill: ArrayLike | None, out: Array | None, key: Any
) -> Array:
    """As `sample`, without a plan; add one for `key` unless it is None."""
    nearest = is_nearest(options.kernel)
    if image.dtype == np.bool_ and not nearest:
        raise TypeError(f'image: bool can be read with kernel="nearest" only, got kernel={options.kernel!r}')
    filling = as_fill(fill, image.dtype)
    images, fills = ([image], [filling]) if nearest else (real_parts(image), fill_parts(filling, image.dtype))
    calls = [check_call(part, grid, options, value) for part, value in zip(images, fills, strict=True)]
    out = check_out(out, calls[0], image)
    if calls[0].image.dtype == image.dtype:
        plans.add(key, calls[0])
    for call, target in zip(calls, [out] if nearest else real_parts(out), strict=True):
        read(call, target)
        if out.dtype == np.float16 and target is not out:
            with np.errstate(over="ignore"):
                out[...] = target
    return caller_layout(out, options.layout)


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
    """Sample an image as `sample` does, and return the function that computes gradients.

    They are equations 6 and 7 of arXiv 1506.02025, corrected: see docs/mathematics.md.

    Parameters
    ----------
    image : array_like, (N, H, W, C)
        float32 or float64.
    grid, kernel, padding, fill, align_corners, units, displacement, antialias, layout, num_threads
        As for `sample`; `antialias` is not available with ``"nearest"``.

    Returns
    -------
    out : ndarray, (N, h, w, C)
        As `sample` returns it.
    backprop : callable
        ``backprop(d_out, *, image=True, grid=True) -> (d_image, d_grid)``. Pass False for a gradient that you do not need; it
        is then None. `d_grid` has the shape of the grid's `values`: (N, h, w, 2) for plain positions, (N, 3, 3) for a
        `MatrixGrid`, (N, 2, B) for a `BasisGrid`, and (N, 2, 3) or (N, 3, 3) for a grid of matrices between pixels, as you
        passed them. Pass it to a transform's backprop. `backprop` reads image and grid again: do not modify them before you
        call it.

    Raises
    ------
    TypeError
        As `sample`, and if the image is not float32 or float64.
    ValueError
        As `sample`, and for `antialias` with ``"nearest"``.

    Examples
    --------
    >>> image = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> out, backprop = sample_vjp(image, np.zeros((1, 1, 1, 2)))
    >>> d_image, d_grid = backprop(np.ones_like(out))
    >>> d_image.ravel().tolist(), d_grid.ravel().tolist()
    ([0.25, 0.25, 0.25, 0.25], [0.5, 1.0])
    """
    options = kernel, padding, align_corners, units, displacement, antialias, layout, num_threads
    key, plan, checked = _prepared(image, grid, options, fill)
    if plan is None:
        call = checked()
        out = check_out(None, call, call.image)
        read(call, out)
        plan = plans.add(key, call)
        return caller_layout(out, layout), _backprop(image, grid, layout, plan, lambda: call)
    return plan.read(image, grid), _backprop(image, grid, layout, plan, checked)


def sample_gradients(
    image: ArrayLike,
    grid: Grid | ArrayLike,
    d_out: ArrayLike,
    *,
    by_image: bool = True,
    by_grid: bool = True,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str | None = None,
    fill: ArrayLike | None = None,
    align_corners: bool | None = None,
    units: str = "normalized",
    displacement: bool = False,
    antialias: bool = False,
    layout: str = "NHWC",
    num_threads: int | None = None,
) -> tuple[Array | None, Array | None]:
    """Return the gradients of `sample`, without sampling first: what the function that `sample_vjp` returns computes.

    For frameworks that call forward and backward apart from each other, as PyTorch does.

    Parameters
    ----------
    image : array_like, (N, H, W, C)
        float32 or float64.
    grid, kernel, padding, fill, align_corners, units, displacement, antialias, layout, num_threads
        As for `sample_vjp`.
    d_out : array_like, (N, h, w, C)
        Gradient by the output.
    by_image, by_grid : bool, default True
        Pass False for a gradient that you do not need; it is then None.

    Returns
    -------
    d_image : ndarray, (N, H, W, C), or None
        Gradient by the image.
    d_grid : ndarray or None
        Gradient by the grid's `values`, see `sample_vjp`.

    Raises
    ------
    TypeError, ValueError
        As `sample_vjp`, and if `d_out` does not hold real numbers or has another shape than the output.

    Examples
    --------
    >>> image = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> d_image, d_grid = sample_gradients(image, np.zeros((1, 1, 1, 2)), np.ones((1, 1, 1, 1)))
    >>> d_image.ravel().tolist(), d_grid.ravel().tolist()
    ([0.25, 0.25, 0.25, 0.25], [0.5, 1.0])
    """
    options = kernel, padding, align_corners, units, displacement, antialias, layout, num_threads
    key, plan, checked = _prepared(image, grid, options, fill)
    if plan is None:
        call = checked()
        plan, checked = plans.add(key, call), lambda: call
    return _backprop(image, grid, layout, plan, checked)(d_out, image=by_image, grid=by_grid)


def _prepared(
    image: ArrayLike, grid: Grid | ArrayLike, options: tuple[Any, ...], fill: ArrayLike | None
) -> tuple[Any, plans.Plan | None, Callable[[], Call]]:
    """The key and the plan of a call with gradients, if there is one, and the function that validates the call."""
    planned = fill is None and options[_ANTIALIAS] is False
    key = plans.key_of(image, grid, *options, "gradients") if planned else None
    return key, plans.find(key), functools.partial(_differentiable, image, grid, options, fill)


def _differentiable(image: ArrayLike, grid: Grid | ArrayLike, options: tuple[Any, ...], fill: ArrayLike | None) -> Call:
    """Validate the arguments of a call with gradients."""
    chosen, image = Options(*options), as_array(image, "image")
    if image.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise TypeError(f"image: gradients need float32 or float64, got {image.dtype}")
    if is_nearest(chosen.kernel) and as_bool(chosen.antialias, "antialias"):
        raise ValueError("antialias: the most frequent of several pixels has no gradient; take another kernel than 'nearest'")
    return check_call(image, grid, chosen, as_fill(fill, image.dtype))


def _backprop(
    x: ArrayLike, positions: Grid | ArrayLike, layout: str, plan: plans.Plan | None, checked: Callable[[], Call]
) -> SampleBackprop:
    """Return the `backprop` of a call; `checked` returns the validated call, if it is needed."""

    def backprop(d_out: ArrayLike, *, image: bool = True, grid: bool = True) -> tuple[Array | None, Array | None]:
        wanted = bool(image), bool(grid)
        planned = gradient_plans.find(plan, d_out, *wanted)
        if planned is not None:
            return planned.gradients(x, positions, d_out)
        call = checked()
        d_out, expected = as_array(d_out, "d_out"), caller_shape(call.out_shape, layout)
        if d_out.shape != expected:
            raise ValueError(f"d_out: expected {expected}, got {d_out.shape}")
        if d_out.dtype.kind not in "fiu":
            raise TypeError(f"d_out: expected real numbers, got dtype {d_out.dtype}")
        d_out = channels_last(np.asarray(d_out, call.image.dtype), layout)
        d_image, d_grid = gradients(call, d_out, *wanted)
        gradient_plans.add(plan, call, *wanted)
        return None if d_image is None else caller_layout(d_image, layout), d_grid

    return backprop
