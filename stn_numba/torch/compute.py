"""Sample tensors with NumPy: forward and backward, for the operators and for autograd.

`numbers` are the parameters theta (N, P) of a transform, or positions (N, h, w, 2) where there is no transform. For
volumes layouts and shapes have an axis more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stn_numba.grid import Grid, Shape
from stn_numba.sampler import sample, sample_gradients
from stn_numba.threads import get_num_threads, limit_threads
from stn_numba.torch.options import Options
from stn_numba.transform.checked import make_grid, transform_for_image
from stn_numba.warp import warp

__all__ = ["Made", "gradients", "read"]

Array = NDArray[Any]


class Made(NamedTuple):
    """A grid, or positions, and the function that converts gradients by the grid to gradients by theta."""

    grid: Grid | Array
    to_theta: Callable[[Any], Array] | None


def read(image: Tensor, numbers: Tensor, shape: Shape, options: Options) -> tuple[Tensor, Made | None]:
    """Return the output, contiguous in the layout of the options, and what it was made from if that took long to make."""
    transform, given = options.transform, options.sampling._asdict()
    if transform is None or not transform.has_grid_values():
        made = _make(image, numbers, shape, options)
        return torch.from_numpy(_limited(sample, _array(image), made.grid, **given)), made
    return torch.from_numpy(_limited(warp, _array(image), _array(numbers), transform, shape, **given)), None


def gradients(
    image: Tensor,
    numbers: Tensor,
    shape: Shape,
    d_out: Tensor,
    options: Options,
    by_image: bool,
    by_numbers: bool,
    made: Made | None = None,
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients by image and numbers; None for one that is not wanted."""
    grid, to_theta = made or _make(image, numbers, shape, options)
    wanted = {"by_image": by_image, "by_grid": by_numbers}
    arrays = _array(image), grid, _array(d_out)
    d_image, d_grid = _limited(sample_gradients, *arrays, **wanted, **options.sampling._asdict())
    if d_grid is not None and to_theta is not None:
        d_grid = to_theta(d_grid)
    return _tensor(d_image), _tensor(d_grid)


def _make(image: Tensor, numbers: Tensor, shape: Shape, options: Options) -> Made:
    """Return the grid for an output of `shape`."""
    if options.transform is None:
        return Made(_array(numbers), None)
    layout, align_corners = options.sampling.layout, options.sampling.align_corners
    in_shape = tuple(image.shape[layout.find(axis)] for axis in "DHW" if axis in layout)
    bound = transform_for_image(options.transform, in_shape, align_corners)
    return Made(*make_grid(bound, _array(numbers), shape, align_corners))


def _limited(function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """Call a function on as many threads as PyTorch may use, if these are fewer: its data loaders' workers use one."""
    threads = torch.get_num_threads()
    if threads >= get_num_threads():
        return function(*arrays, **options)
    with limit_threads(threads):
        return function(*arrays, **options)


def _array(tensor: Tensor) -> Array:
    """Return the numbers of a tensor, without a copy unless they are conjugates or negatives that are yet to be computed."""
    array: Array = tensor.numpy(force=True)
    return array


def _tensor(array: Array | None) -> Tensor | None:
    return None if array is None else torch.from_numpy(np.ascontiguousarray(array))
