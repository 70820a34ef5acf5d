"""Compile kernels before the first request, into the cache on disk."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stn_numba.grid import MatrixGrid, base_points
from stn_numba.sampler import IMAGE_DTYPES, sample, sample_vjp
from stn_numba.server.networks import USES, network_calls

__all__ = ["Warmed", "warmup"]

FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class Warmed:
    """What was compiled at one step.

    Attributes
    ----------
    name
        Kernel and dtype.
    seconds
        How long it took.
    source
        ``"compiled"``, ``"cache"`` (read from disk), or ``"shared"`` with a step before it.
    """

    name: str
    seconds: float
    source: str


def warmup(
    *,
    dtypes: Sequence[str] = ("float32", "uint8"),
    gradients: Sequence[str] = ("float32",),
    kernels: Sequence[str] = ("bilinear",),
    positions: Sequence[str] = ("float32",),
    antialias: bool = False,
    networks: str = "predict",
    models: Sequence[str | os.PathLike[str]] = (),
) -> Iterator[Warmed]:
    """Compile what a deployment needs, serial and parallel forms, and yield each step as it is done.

    Parameters
    ----------
    dtypes
        Of images that are sampled.
    gradients
        Of images whose gradients are asked for, float32 or float64.
    kernels
        Interpolation kernels. All share their machine code, so one is enough.
    positions
        float32 serves transforms that give matrices or basis functions, and plain positions in float32; float64 plain
        positions in float64.
    antialias
        Whether images of `dtypes` are read with ``antialias=True``, which reads whole numbers into floats.
    networks
        What networks are to do: ``"none"``, ``"predict"`` or ``"train"``, which includes prediction.
    models
        Files of models. Kernels of layers are compiled for a network's sizes, so give those that are deployed; without any,
        ``stn_numba.models.st_cnn()`` stands in for them.

    Raises
    ------
    ValueError
        If a dtype, kernel or use of networks is not offered, or a file holds no model.

    Examples
    --------
    >>> [step.name for step in warmup(dtypes=[], gradients=[], networks="none")]
    []
    """
    _check("dtypes", dtypes, IMAGE_DTYPES)
    _check("gradients", gradients, FLOATS)
    _check("positions", positions, FLOATS)
    _check("networks", [networks], USES)
    calls = [*_calls(dtypes, gradients, kernels, positions), *(_antialiased(dtypes, kernels) if antialias else ())]
    return _steps([*calls, *network_calls(networks, models)])


def _steps(calls: list[tuple[str, Callable[[], Any]]]) -> Iterator[Warmed]:
    from stn_numba.kernels import inspection

    known = inspection.compiled()
    for name, call in calls:
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        new = inspection.compiled() - known
        yield Warmed(name, seconds, _source(new))
        known |= new
        for _, taken in inspection.compile_parallel():
            new = inspection.compiled() - known
            yield Warmed(f"{name}, parallel", taken, _source(new))
            known |= new


def _source(new: set[Any]) -> str:
    if not new:
        return "shared"
    return "cache" if all(kernel.from_cache for kernel in new) else "compiled"


def _calls(
    dtypes: Sequence[str], gradients: Sequence[str], kernels: Sequence[str], positions: Sequence[str]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, call) of small calls that need all that was asked for."""
    for place in positions:
        where = "" if place == "float32" else f", {place} positions"
        grid = np.zeros((1, 1, 1, 2), place)
        for kernel in kernels:
            for dtype in dtypes:
                image = np.ones((1, 2, 2, 1), dtype)
                yield f"sample {dtype} {kernel}{where}", _bound(sample, image, grid, kernel)
            for dtype in gradients:
                image = np.ones((1, 2, 2, 1), dtype)
                for part in ("image", "grid"):
                    yield f"gradient by the {part} {dtype} {kernel}{where}", _bound(_gradient, image, grid, kernel, part)
    if dtypes or gradients:
        yield "matrices of pixels", _matrices


def _matrices() -> None:
    """What grids given by matrices need before they are read, whatever the image."""
    for align_corners in (True, False):
        MatrixGrid(np.eye(3)[None], (1, 1), align_corners=align_corners).pixel_matrix((1, 1))


def _antialiased(dtypes: Sequence[str], kernels: Sequence[str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The same for grids that minify: by a matrix, and by positions in float64, which those of other transforms become."""
    corners = {"a matrix": MatrixGrid(np.eye(3)[None], (2, 2)), "positions": base_points((2, 2)).reshape(1, 2, 2, 2)}
    read = functools.partial(sample, antialias=True)
    for kernel in kernels:
        for dtype in dtypes:
            image = np.ones((1, 4, 4, 1), dtype)
            for name, grid in corners.items():
                yield f"antialias {dtype} {kernel} by {name}", _bound(read, image, grid, kernel)


def _bound(function: Callable[..., Any], image: Any, grid: Any, kernel: str, *more: Any) -> Callable[[], Any]:
    return lambda: function(image, grid, *more, kernel=kernel, num_threads=1)


def _gradient(image: Any, grid: Any, part: str, **options: Any) -> None:
    out, backprop = sample_vjp(image, grid, **options)
    backprop(np.ones_like(out), image=part == "image", grid=part == "grid")


def _check(name: str, values: Sequence[str], choices: Sequence[str]) -> None:
    for value in values:
        if value not in choices:
            raise ValueError(f"{name}: expected some of {', '.join(choices)}, got {value!r}")
