"""Register the frames of a stack: to one reference, or each to the one before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_int, as_option
from stn_numba.grid import base_points
from stn_numba.registration.api import as_start, registrable
from stn_numba.registration.coarse_lattice import find
from stn_numba.registration.progress import Done, report_progress
from stn_numba.registration.pyramid.normalize import locally_normalized
from stn_numba.registration.pyramid.planes import Planes, as_stack
from stn_numba.registration.report import as_registration
from stn_numba.registration.result import Registration
from stn_numba.registration.run import Found, joined
from stn_numba.registration.settings import Settings
from stn_numba.threads import limit_threads
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import identity_of
from stn_numba.transform.points import apply_each
from stn_numba.warp import warp

__all__ = ["register_stack"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

_BATCH = {2: 16, 3: 2}  # images, and volumes, at a time: their pyramids are in memory together
_POINTS = {2: base_points((9, 9)), 3: base_points((5, 5, 5))}
_SHOWN = 0.99  # of a pixel, that it counts
_ROUNDS = 2  # of registering to the mean of the registered frames


def register_stack(
    frames: ArrayLike,
    reference: str | int = "first",
    transform: str | Transform = "translation",
    *,
    options: Mapping[str, Any] | None = None,
    kernel: str = "cubic",
    measure: str = "correlation",
    robust: str | None = None,
    normalize: str | None = None,
    masks: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    search: bool | str = "auto",
    penalty: float = 0.0,
    min_correlation: float = 0.8,
    min_overlap: float = 0.25,
    max_iterations: int = 50,
    align_corners: bool = True,
    seed: int = 0,
    num_threads: int | None = None,
    progress: bool | Callable[[int, int], Any] = False,
) -> Registration:
    """Find the parameters that align the frames of a stack.

    Parameters
    ----------
    frames : array_like, (N, H, W) or (N, H, W, C)
        Real numbers; volumes (N, D, H, W) or (N, D, H, W, C) if the transform has ``ndim=3``.
    reference : {"first", "previous", "mean"} or int, default "first"
        What each frame is registered to: the first frame, or the frame of this number; the frame before it, for drift that
        leaves the first frame behind (steps are then composed, so all thetas belong to the first frame; a step that fails
        counts as none); or the mean of all frames, which is computed again from the registered ones (if the mean is so blurred
        that no frame resembles it, the first frame takes its place).
    transform : str or Transform, default "translation"
        As for `register`.
    masks : array_like of bool, (H, W) or (N, H, W), optional
        True where pixels count: one mask for all frames, or one for each.
    options, kernel, measure, robust, normalize, initial, search, penalty, min_correlation, min_overlap, max_iterations
        As for `register`; `initial` may have N rows.
    align_corners, seed, num_threads
        As for `register`.
    progress : bool or callable, default False
        True shows a bar of tqdm, on a terminal or in a notebook. A function is called as ``progress(done, count)`` after each
        batch of frames; `count` is N, with ``reference="mean"`` 2 N because each frame is registered twice.

    Returns
    -------
    Registration
        N rows of theta, which map positions of the reference to positions of the frame. ``result.warp(frames)`` is the
        aligned stack.

    Raises
    ------
    TypeError, ValueError
        As `register`.

    Examples
    --------
    >>> y, x = np.mgrid[:48, :48]
    >>> frames = [np.exp(-((x - 20 - k) ** 2 + (y - 24) ** 2) / 60.0) for k in range(3)]
    >>> result = register_stack(frames, transform="translation")
    >>> result.apply([[20, 24]], "pixels").round(2)[:, 0].tolist()
    [[20.0, 24.0], [21.0, 24.0], [22.0, 24.0]]
    """
    settings = Settings.checked(locals())
    made = registrable(transform, options)
    settings.expect_axes(made.ndim)
    planes = as_stack(frames, masks, made.ndim)
    reference = _reference(reference, len(planes))
    made = made.for_image(planes.shape, settings.align_corners)
    start = as_start(initial, made, len(planes))
    total = len(planes) * (_ROUNDS if reference == "mean" else 1)
    threads = contextlib.nullcontext() if num_threads is None else limit_threads(num_threads)
    with report_progress(progress, total) as done, threads:
        if settings.normalize:
            planes = locally_normalized(planes)
        if reference == "mean":
            found = _to_mean(planes, made, start, settings, done)
        else:
            found = _to_frames(planes, reference, made, start, settings, done)
        if reference == "previous":
            found.theta = _accumulated(made, np.where(found.success[:, None], found.theta, identity_of(made)))
    return as_registration(found, planes, planes, made, settings, single=False)


def _reference(reference: Any, count: int) -> str | int:
    if isinstance(reference, str):
        chosen = as_option(reference, "reference", ("first", "previous", "mean"))
        return 0 if chosen == "first" else chosen
    number = as_int(reference, "reference")
    if not -count <= number < count:
        raise ValueError(f"reference: expected a frame from 0 to {count - 1}, got {number}")
    return number % count


def _to_frames(
    planes: Planes, reference: str | int, transform: Transform, start: Array, settings: Settings, done: Done
) -> Found:
    """Register frames to one of them, or each to the one before."""
    fixed = partial(_before, planes) if reference == "previous" else partial(_same, planes.take(np.array([reference])))
    return _in_batches(planes, fixed, transform, start, settings, done)


def _to_mean(planes: Planes, transform: Transform, start: Array, settings: Settings, done: Done) -> Found:
    """Register all frames to their mean, or to the first one if none resembles it; then to the mean of the registered ones."""
    first = planes.take(np.array([0]))
    if settings.measure == "squares":  # frames with the same units have a mean
        planes = planes.with_units_of(first)
    theta, resembled = start, True
    for _ in range(_ROUNDS):
        fixed = _mean(planes, transform, theta, settings) if resembled else first
        found = _in_batches(planes, partial(_same, fixed), transform, theta, settings, done)
        theta, resembled = np.where(found.success[:, None], found.theta, theta), bool(found.success.any())
    return found


def _before(planes: Planes, rows: Rows) -> Planes:
    return planes.take(np.maximum(rows - 1, 0))


def _same(image: Planes, rows: Rows) -> Planes:
    return image


def _in_batches(
    planes: Planes,
    fixed: Callable[[Rows], Planes],
    transform: Transform,
    start: Array,
    settings: Settings,
    done: Done,
) -> Found:
    """Register batches of frames to what ``fixed(rows)`` returns: an image for each frame, or one for all."""
    parts, together = [], _BATCH[transform.ndim]
    for first in range(0, len(planes), together):
        rows = np.arange(first, min(first + together, len(planes)))
        parts.append(find(planes.take(rows), fixed(rows), transform, start[rows], settings))
        done(len(rows))
    return joined(parts)


def _mean(planes: Planes, transform: Transform, theta: Array, settings: Settings) -> Planes:
    """The mean of the frames as theta reads them; pixels that no frame shows have no weight."""
    total, weight = np.zeros(planes.values.shape[1:]), np.zeros(planes.shape)
    layout = "NCHW" if len(planes.shape) == 2 else "NCDHW"
    for row, image in enumerate(planes.values):
        shown = np.ones(planes.shape, np.float32) if planes.weight is None else planes.weight[row]
        covered = warp(shown, theta[row], transform, align_corners=settings.align_corners) > _SHOWN
        total += warp(image, theta[row], transform, layout=layout, align_corners=settings.align_corners) * covered
        weight += covered
    return planes.average(total, weight)


def _accumulated(transform: Transform, steps: Array) -> Array:
    """Parameters from the first frame to each frame, from those between neighbors, by fitting them to points."""
    start = points = _POINTS[transform.ndim]
    result = [steps[0]]
    for step in steps[1:]:
        points = np.asarray(apply_each(transform, step[None], points))[0]
        result.append(transform.fit_points(start, points)[0])
    return np.array(result)
