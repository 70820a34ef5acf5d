"""Find the transform between two images."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.registration.coarse_lattice import find, is_large
from stn_numba.registration.pyramid.normalize import locally_normalized
from stn_numba.registration.pyramid.planes import as_planes
from stn_numba.registration.report import as_registration
from stn_numba.registration.result import Registration
from stn_numba.registration.settings import Settings
from stn_numba.threads import limit_threads
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, identity_of, n_params_of
from stn_numba.transform.parameters import as_numbers

__all__ = ["as_start", "register", "registrable"]

_MOST_PARAMETERS = 4000


def register(
    moving: ArrayLike,
    fixed: ArrayLike,
    transform: str | Transform = "affine",
    *,
    options: Mapping[str, Any] | None = None,
    kernel: str = "cubic",
    measure: str = "correlation",
    robust: str | None = None,
    normalize: str | None = None,
    moving_mask: ArrayLike | None = None,
    fixed_mask: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    search: bool | str = "auto",
    penalty: float = 0.0,
    min_correlation: float = 0.8,
    min_overlap: float = 0.25,
    max_iterations: int = 50,
    align_corners: bool = True,
    seed: int = 0,
    num_threads: int | None = None,
) -> Registration:
    """Find the parameters of a transform that maps one image to another.

    The result maps positions of `fixed` to positions of `moving`, so ``warp(moving, result.theta, transform)`` looks like
    `fixed`. Any transform will do, also one of your own. Levenberg and Marquardt's method maximizes the correlation of the
    images from coarse to fine, as ECC does; gain and bias between the images do not matter.

    Parameters
    ----------
    moving, fixed : array_like, (H, W) or (H, W, C)
        Images of real numbers, of any sizes, with the same number of channels. Pixels that are NaN or infinite do not count.
        Volumes (D, H, W) or (D, H, W, C) if the transform has ``ndim=3``.
    transform : str or Transform, default "affine"
        A registered name or a `Transform`.
    options : dict, optional
        Options of a transform given by name, such as ``{"control_points": (4, 4)}``, or ``{"ndim": 3}`` for volumes.
    kernel : {"cubic", "bilinear"}, default "cubic"
        How the finest level reads `moving`: by cubic splines, or between the four nearest pixels, which is faster and accurate
        to about a hundredth of a pixel.
    measure : {"correlation", "squares"}, default "correlation"
        Whether gain and bias between the images are fitted, for each channel, or are 1 and 0.
    robust : {"huber", "tukey"}, optional
        Give little weight to pixels with large residuals (Huber), or none (Tukey): for parts that differ, or are covered.
    normalize : {"local"}, optional
        Subtract from each pixel the mean of its neighborhood, and divide by its deviation: for uneven lighting.
    moving_mask, fixed_mask : array_like of bool, (H, W) or (D, H, W), optional
        True where pixels count.
    initial : array_like, (P,), optional
        Parameters to start from; by default the identity.
    search : bool or "auto", default "auto"
        Whether to try some thousand starts: "auto" does if the first attempt fails. It takes about 50 ms for homographies and
        linear transforms; others, which map positions pair by pair, try some hundred, in about a second. There is no search
        for volumes: "auto" is False, and True is an error.
    penalty : float, default 0.0
        Weight of the bending energy of the map, which keeps flexible transforms smooth; 0.001 is a good first try.
    min_correlation : float, default 0.8
        Least `Registration.detail_correlation` of a success. Small images in noise as strong as their contrast need about 0.6.
    min_overlap : float, default 0.25
        Least `Registration.overlap` of a success.
    max_iterations : int, default 50
        Steps on each level of the pyramid at most.
    align_corners : bool, default True
        Convention of theta: whether -1 and +1 are the centers (True) or the outer edges (False) of the first and last pixels.
    seed : int, default 0
        Of the random starts: the same seed finds the same result.
    num_threads : int, optional
        Threads to use at most. The result does not depend on it.

    Returns
    -------
    Registration
        theta (1, P), whether it is right (`success`), and more. A failure raises no error.

    Raises
    ------
    TypeError, ValueError
        If an image, a mask or an option does not fit; the message names it.
    PluginError
        If the transform raises an error.

    References
    ----------
    Evangelidis and Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization", PAMI 2008.

    Examples
    --------
    >>> y, x = np.mgrid[-1:1:64j, -1:1:64j]
    >>> def scene(x, y):
    ...     return np.sin(5 * x + 2 * y) + np.cos(4 * y - 3 * x * y)
    >>> result = register(scene(x, y), 3 * scene(x + 0.1, y - 0.05) + 7)
    >>> result.success
    True
    >>> np.allclose(result.theta, [[1, 0, 0.1, 0, 1, -0.05]], atol=0.002)
    True
    >>> result.gain.round(1).tolist()
    [[3.0]]
    """
    settings = Settings.checked(locals())
    made = registrable(transform, options)
    settings.expect_axes(made.ndim)
    first = as_planes(moving, moving_mask, "moving", made.ndim)
    second = as_planes(fixed, fixed_mask, "fixed", made.ndim)
    if first.values.shape[1] != second.values.shape[1]:
        raise ValueError(
            f"moving: expected as many channels as fixed has, {second.values.shape[1]}, got {first.values.shape[1]}"
        )
    made = made.for_image(first.shape, settings.align_corners)
    start = as_start(initial, made, 1)
    with contextlib.nullcontext() if num_threads is None else limit_threads(num_threads):
        if settings.normalize:
            first, second = locally_normalized(first), locally_normalized(second)
        found = find(first, second, made, start, settings)
    return as_registration(found, first, second, made, settings, single=True)


def registrable(transform: str | Transform, options: Mapping[str, Any] | None) -> Transform:
    """Return the transform, if it does not have too many parameters for dense normal equations.

    Raises
    ------
    ValueError
        If it has.
    """
    made = as_transform(transform, options)
    if n_params_of(made) > _MOST_PARAMETERS and not is_large(made):
        raise ValueError(f"transform: expected at most {_MOST_PARAMETERS} parameters, got {made.n_params}")
    return made


def as_start(initial: ArrayLike | None, transform: Transform, count: int) -> NDArray[np.float64]:
    """Return where to start, (count, P): `initial`, (P,), (1, P) or (count, P), or the identity.

    Raises
    ------
    TypeError, ValueError
        If `initial` has another shape or is not finite.
    """
    given = identity_of(transform) if initial is None else as_numbers(initial, transform.n_params)
    rows = given[None] if given.ndim == 1 else given
    if rows.ndim != 2 or rows.shape[1] != transform.n_params or len(rows) not in (1, count):
        raise ValueError(f"initial: expected ({transform.n_params},) or ({count}, {transform.n_params}), got {given.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("initial: expected finite numbers, got NaN or infinity")
    return np.array(np.broadcast_to(rows, (count, rows.shape[1])), np.float64)
