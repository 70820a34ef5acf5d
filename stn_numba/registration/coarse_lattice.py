"""Register lattices of many control points, such as flows, on a coarser lattice of the same kind.

Normal equations are dense, and images do not tell the displacement of each pixel on its own.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Shape
from stn_numba.registration.pyramid.planes import Planes
from stn_numba.registration.run import Found
from stn_numba.registration.run import find as find_as_given
from stn_numba.registration.settings import Settings
from stn_numba.transform.base import Transform
from stn_numba.transform.lattice import LatticeTransform

__all__ = ["CoarseLattice", "find", "is_large"]

Array = NDArray[np.float64]

_LARGE = 3000  # parameters
_PIXELS = 16  # from one coarse control point to the next
_MOST = {2: 20, 3: 8}  # coarse control points along an axis, of images and of volumes
_LEAST_PENALTY = 3e-4  # for places where the images show nothing
_DAMPING = 1e-9  # of control points that displace no position of an axis


class CoarseLattice(LatticeTransform):
    """The same kind of lattice with fewer control points.

    Parameters
    ----------
    full : LatticeTransform
    shape : (int, int) or (int, int, int)
        (h, w) of the image that it displaces, or (d, h, w) of the volume.
    """

    def __init__(self, full: LatticeTransform, shape: Shape) -> None:
        self.full = full
        most = _MOST[len(shape)]
        self.lattice = tuple(_coarse(full, size, count, most) for size, count in zip(shape, full.lattice, strict=True))

    def axis_weights(self, x: NDArray[np.float64], count: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Those of the full lattice."""
        return self.full.axis_weights(x, count)

    def refined(self, theta: Array) -> Array:
        """Return parameters (N, P) of the full lattice that displace points as these do, by least squares along each axis."""
        return _resampled(self, self.full, theta)

    def coarsened(self, theta: Array) -> Array:
        """Return parameters that displace points as these of the full lattice do, as nearly as possible."""
        return _resampled(self.full, self, theta)


def is_large(transform: Transform) -> bool:
    """Whether a transform is registered on a coarser lattice."""
    return isinstance(transform, LatticeTransform) and transform.n_params > _LARGE and transform.maps_point_sets()


def find(moving: Planes, fixed: Planes, transform: Transform, initial: Array, settings: Settings) -> Found:
    """Register N pairs, as `registration.run.find`; large lattices on a coarser one."""
    if not (isinstance(transform, LatticeTransform) and is_large(transform)):
        return find_as_given(moving, fixed, transform, initial, settings)
    coarse = CoarseLattice(transform, fixed.shape)
    settings = dataclasses.replace(settings, search=False, penalty=max(settings.penalty, _LEAST_PENALTY))
    found = find_as_given(moving, fixed, coarse, coarse.coarsened(initial), settings)
    found.theta = coarse.refined(found.theta)
    return found


def _coarse(full: LatticeTransform, size: int, count: int, most: int) -> int:
    """Control points along an axis of some pixels."""
    reach = int(full.axis_weights(np.zeros(1), count)[1].shape[1])
    return min(count, max(reach, min(size // _PIXELS, most)))


def _resampled(source: LatticeTransform, target: LatticeTransform, theta: Array) -> Array:
    """Parameters of another lattice that displace points alike."""
    matrices = [_along_axis(source, target, counts) for counts in zip(source.lattice, target.lattice, strict=True)]
    control = theta.reshape(len(theta), source.ndim, *source.lattice)
    *planes, down, across = matrices
    control = down @ control @ across.T
    for matrix in planes:  # of volumes
        control = np.einsum("ab,ndb...->nda...", matrix, control)
    return np.ascontiguousarray(control).reshape(len(theta), -1)


def _along_axis(source: LatticeTransform, target: LatticeTransform, counts: tuple[int, int]) -> Array:
    """(counts[1], counts[0]): the least squares along an axis, at twice as many positions as there are control points."""
    from scipy.sparse import csr_array, eye_array
    from scipy.sparse.linalg import splu

    x, matrices = np.linspace(-1, 1, 2 * max(counts) + 1), []
    for transform, count in zip((source, target), counts, strict=True):
        control, weights = transform.axis_control(x, count)
        starts = np.arange(len(x) + 1) * weights.shape[1]
        matrices.append(csr_array((weights.ravel(), control.ravel(), starts), shape=(len(x), count)))
    before, after = matrices
    system = (after.T @ after + _DAMPING * eye_array(counts[1])).tocsc()
    solution: Array = splu(system).solve((after.T @ before).toarray())
    return solution
