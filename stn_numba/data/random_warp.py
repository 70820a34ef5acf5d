"""Random warps for data augmentation, with any transform."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_option, as_size
from stn_numba.grid import as_floats
from stn_numba.nn.arrays import Floats
from stn_numba.sampler.padding import PADDINGS
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, identity_of
from stn_numba.warp import warp

__all__ = ["RandomWarp"]


class RandomWarp:
    """Warp each image by random parameters, theta = identity + spread * N(0, 1). Pass it to `fit` as ``augment``.

    Parameters
    ----------
    transform : str or Transform, default "affine"
        A registered name, or a `Transform`.
    spread : float or (P,) array, default 0.1
        Standard deviation of the parameters, one for all or one for each. Coordinates are normalized: 0.1 moves the border by
        about a twentieth of the image's size.
    options : dict, optional
        Options of a transform given by name.
    shape : (int, int), optional
        (h, w) of the output. By default that of the images.
    padding : str, default "zeros"
        As in `stn_numba.sample`.

    Raises
    ------
    TypeError, ValueError
        If `spread` is negative, not finite or has the wrong shape, or another option does not fit.

    Examples
    --------
    >>> shifts = RandomWarp("affine", spread=[0, 0, 0.1, 0, 0, 0.1])
    >>> shifts(np.ones((2, 28, 28, 1), np.float32), np.random.default_rng(0)).shape
    (2, 28, 28, 1)
    """

    def __init__(
        self,
        transform: str | Transform = "affine",
        spread: ArrayLike = 0.1,
        *,
        options: dict[str, Any] | None = None,
        shape: tuple[int, int] | None = None,
        padding: str = "zeros",
    ) -> None:
        self.transform = as_transform(transform, options)
        self.name, self.options = (transform if isinstance(transform, str) else None), dict(options or {})
        self.identity, self.spread = identity_of(self.transform), np.asarray(spread, np.float64)
        if self.spread.ndim:
            as_floats(spread, "spread", self.identity.shape)
        if not (np.isfinite(self.spread).all() and (self.spread >= 0).all()):
            raise ValueError(f"spread: expected finite numbers of at least 0, got {spread!r}")
        self.shape, self.padding = None if shape is None else as_size(shape, "shape"), as_option(padding, "padding", PADDINGS)

    def __repr__(self) -> str:
        transform = self.name if self.name is not None else self.transform
        given = {
            "options": self.options or None,
            "shape": self.shape,
            "padding": None if self.padding == "zeros" else self.padding,
        }
        more = "".join(f", {name}={value!r}" for name, value in given.items() if value is not None)
        return f"RandomWarp({transform!r}, spread={self.spread.tolist()!r}{more})"

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return random parameters (count, P)."""
        theta: NDArray[np.float64] = self.identity + self.spread * rng.standard_normal((count, len(self.identity)))
        return theta

    def __call__(self, images: Floats, rng: np.random.Generator) -> Floats:
        """Warp images (N, H, W, C), each by its own parameters; return (N, h, w, C)."""
        if not isinstance(images, np.ndarray) or images.ndim != 4:
            raise ValueError(f"images: expected (N, H, W, C), got {np.shape(images)}")
        theta = self.draw(len(images), rng)
        if images.dtype == np.float32:
            theta = theta.astype(np.float32)
        out: Floats = warp(images, theta, self.transform, shape=self.shape, padding=self.padding)
        return out
