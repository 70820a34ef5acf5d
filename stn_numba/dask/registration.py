"""Register the images of a stack to one of them, lazily."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_int
from stn_numba.dask.inputs import as_dask
from stn_numba.dask.warp import warp
from stn_numba.grid import Shape
from stn_numba.registration.api import register as register_pair
from stn_numba.registration.api import registrable
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import n_params_of

__all__ = ["LazyRegistration", "register"]

_FIGURES = ("success", "correlation", "detail_correlation", "overlap")


@dataclass(frozen=True)
class LazyRegistration:
    """What `register` finds; all arrays are computed together, frame by frame.

    Attributes
    ----------
    theta : dask.array.Array, (N, P)
        Parameters that map positions of the reference to positions of the frame.
    success : dask.array.Array of bool, (N,)
        Whether they are right.
    correlation, detail_correlation, overlap : dask.array.Array, (N,)
        As of `stn_numba.Registration`.
    transform : Transform
        The transform that theta belongs to.
    shape : tuple of int
        Of the reference.
    align_corners : bool
        Convention of theta.
    """

    theta: da.Array
    success: da.Array
    correlation: da.Array
    detail_correlation: da.Array
    overlap: da.Array
    transform: Transform
    shape: Shape
    align_corners: bool

    def warp(self, frames: Any, **options: Any) -> Any:
        """Return the frames as the reference sees them, lazily: `stn_numba.dask.warp` with this theta.

        Parameters
        ----------
        frames : dask.array.Array, xarray.DataArray or array_like, (N, H, W) or (N, H, W, C)
            The frames that were registered, or others of their size.
        **options
            As for `stn_numba.dask.warp`.
        """
        gray = len(frames.shape) == len(self.shape) + 1
        images = as_dask(frames)[..., None] if gray else frames
        result = warp(
            images, self.theta, self.transform, **{"shape": self.shape, "align_corners": self.align_corners, **options}
        )
        if not gray:
            return result
        result = result[..., 0]
        return frames.copy(data=result) if hasattr(frames, "dims") and frames.shape == result.shape else result


def register(
    frames: Any,
    reference: str | int | ArrayLike = "first",
    transform: str | Transform = "translation",
    *,
    options: Mapping[str, Any] | None = None,
    align_corners: bool = True,
    num_threads: int = 1,
    **settings: Any,
) -> LazyRegistration:
    """Find the parameters that align each frame of a stack to a reference, lazily.

    Parameters
    ----------
    frames : dask.array.Array, xarray.DataArray or array_like, (N, H, W) or (N, H, W, C)
        Chunked along the first axis; chunks along other axes are joined. Volumes have a D before H.
    reference : "first", int or array_like, default "first"
        The first frame, the frame of a number, or an image (H, W) or (H, W, C).
    transform, options, align_corners
        As for `stn_numba.register`.
    num_threads : int, default 1
        Threads for each frame: Dask computes as many chunks at a time as it has threads.
    **settings
        Other options of `stn_numba.register`, such as `robust`. They are the same for all frames.

    Returns
    -------
    LazyRegistration
        For each frame what ``stn_numba.register(frame, reference)`` finds.

    Raises
    ------
    TypeError, ValueError
        If arguments do not fit; what `stn_numba.register` finds in pixels and settings is raised when frames are computed.

    Examples
    --------
    >>> y, x = np.mgrid[:48, :48]
    >>> frames = np.stack([np.exp(-((x - 20 - k) ** 2 + (y - 24) ** 2) / 60.0) for k in range(3)])
    >>> found = register(da.from_array(frames, chunks=(1, 48, 48)))
    >>> (found.theta[:, 0].compute() * 47 / 2).round(1).tolist()
    [0.0, 1.0, 2.0]
    """
    frames = as_dask(frames)
    made = registrable(transform, options)
    if frames.ndim not in (made.ndim + 1, made.ndim + 2):
        raise ValueError(f"frames: expected {made.ndim + 1} or {made.ndim + 2} axes, got {frames.shape}")
    shape = frames.shape[1 : made.ndim + 1]
    made = made.for_image(shape, align_corners)
    frames = frames.rechunk({axis: -1 for axis in range(1, frames.ndim)})
    fixed = _reference(frames, reference)
    count = n_params_of(made)
    known = {"align_corners": align_corners, "num_threads": as_int(num_threads, "num_threads", least=1), **settings}
    found = da.blockwise(
        _registered, "np", frames, "n" + "abcd"[: frames.ndim - 1], fixed, "ABCD"[: fixed.ndim],
        new_axes={"p": count + len(_FIGURES)}, dtype=np.float64, concatenate=True, transform=made, settings=known,
        meta=np.empty((0, 0)),
    )  # fmt: skip
    success, correlation, detail, overlap = (found[:, count + k] for k in range(len(_FIGURES)))
    return LazyRegistration(
        found[:, :count], success.astype(bool), correlation, detail, overlap, made, fixed.shape[: made.ndim], align_corners
    )


def _reference(frames: da.Array, reference: Any) -> da.Array:
    """The image to which frames are registered, in one chunk."""
    if isinstance(reference, str):
        if reference != "first":
            raise ValueError(f"reference: expected 'first', the number of a frame or an image, got {reference!r:.60}")
        reference = 0
    if isinstance(reference, int | np.integer):
        number = as_int(reference, "reference")
        if not -len(frames) <= number < len(frames):
            raise ValueError(f"reference: expected a frame from 0 to {len(frames) - 1}, got {number}")
        return frames[number]
    fixed = as_dask(reference)
    if fixed.ndim != frames.ndim - 1:
        raise ValueError(f"reference: expected an image with {frames.ndim - 1} axes, as a frame has, got {fixed.shape}")
    return fixed.rechunk(-1)


def _registered(
    frames: NDArray[Any], fixed: NDArray[Any], *, transform: Transform, settings: dict[str, Any]
) -> NDArray[np.float64]:
    """Parameters and figures of merit of some frames, side by side."""
    rows = []
    for frame in frames:
        found = register_pair(frame, fixed, transform, **settings)
        rows.append([*found.theta[0], *(float(getattr(found, name)) for name in _FIGURES)])
    return np.array(rows, np.float64).reshape(len(frames), -1)
