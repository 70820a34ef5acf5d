"""The paper's distortions of MNIST digits (arXiv 1506.02025, section 4.1 and appendix A.4).

======  ======  ===========================================================================================
name    canvas  what happens to a digit of 28 x 28
======  ======  ===========================================================================================
R       28, 28  rotated by -90 to 90 degrees
RTS     42, 42  rotated by -45 to 45 degrees, scaled by 0.7 to 1.2, placed at random
P       42, 42  projective: scaled by 0.75 to 1, then the canvas's corners moved by N(0, 5 pixels)
E       28, 28  elastic: scaled by 0.75 to 1, then 4 x 4 spline points moved by N(0, 1.5 pixels)
T       60, 60  placed at random
TC      60, 60  placed at random, with clutter: six pieces of 6 x 6 pixels from other digits
======  ======  ===========================================================================================

The paper does not give the canvas of R, P and E. Rotated and elastic digits fit into 28 x 28. Projective ones would often be
cut off there, so P has the canvas of RTS, and the moving corners of "the image" are those of the canvas: if they were those of
the digit's own frame, the digits would be harder to read than the errors of the paper's networks allow.
"""

from __future__ import annotations

from collections.abc import Callable

from stn_numba.data.distortions.base import Distortion
from stn_numba.data.distortions.clutter import Clutter
from stn_numba.data.distortions.elastic import Elastic
from stn_numba.data.distortions.projective import Projective
from stn_numba.data.distortions.similarity import Rotation, RotationTranslationScale, Translation

__all__ = ["DISTORTIONS", "Distortion", "get_distortion"]

_MAKERS: dict[str, Callable[[], Distortion]] = {
    maker.name: maker for maker in (Rotation, RotationTranslationScale, Projective, Elastic, Translation, Clutter)
}

DISTORTIONS = tuple(_MAKERS)
"""The names that `get_distortion` accepts."""


def get_distortion(name: str) -> Distortion:
    """Return one of the paper's distortions by its name in the paper.

    Parameters
    ----------
    name : str
        One of `DISTORTIONS`: R, RTS, P, E, T, TC. Case does not matter.

    Returns
    -------
    Distortion
        ``distort(images (N, 28, 28, 1), rng) -> (N, h, w, 1)``, random at every call. It can be passed to `fit` as ``augment``.

    Raises
    ------
    ValueError
        If there is no such distortion.

    Examples
    --------
    >>> import numpy as np
    >>> distort = get_distortion("RTS")
    >>> distort.canvas
    (42, 42)
    >>> distort(np.zeros((5, 28, 28, 1), np.float32), np.random.default_rng(0)).shape
    (5, 42, 42, 1)
    """
    maker = _MAKERS.get(str(name).upper())
    if maker is None:
        raise ValueError(f"name: expected one of {', '.join(DISTORTIONS)}, got {name!r}")
    return maker()
