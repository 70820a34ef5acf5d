"""Choose how a transform is read."""

from __future__ import annotations

from stn_numba.registration.models.base import Model
from stn_numba.registration.models.lattice import LatticeModel
from stn_numba.registration.models.linear import LinearModel
from stn_numba.registration.models.matrix import MatrixModel
from stn_numba.registration.models.positions import PositionsModel
from stn_numba.registration.models.volumes.lattice import VolumeLatticeModel
from stn_numba.registration.models.volumes.matrix import VolumeMatrixModel
from stn_numba.registration.models.volumes.positions import VolumePositionsModel
from stn_numba.transform.base import Transform
from stn_numba.transform.lattice import LatticeTransform
from stn_numba.transform.linear import LinearTransform
from stn_numba.transform.matrix import MatrixTransform

__all__ = ["model_of"]

_BASIS_BYTES = 2**28  # of basis functions, that are kept at most


def model_of(transform: Transform, pixels: int = 0) -> Model:
    """Return the fastest model for a transform and images of some pixels, or volumes."""
    if transform.ndim == 3:
        return _of_volumes(transform)
    if isinstance(transform, MatrixTransform):
        return MatrixModel(transform)
    if isinstance(transform, LatticeTransform) and LatticeModel.can_read(transform):
        return LatticeModel(transform)
    small = 2 * transform.n_params * pixels <= _BASIS_BYTES
    if isinstance(transform, LinearTransform) and transform.maps_point_sets() and small:
        return LinearModel(transform)
    return PositionsModel(transform)


def _of_volumes(transform: Transform) -> Model:
    """The fastest model for volumes."""
    if isinstance(transform, MatrixTransform):
        return VolumeMatrixModel(transform)
    if isinstance(transform, LatticeTransform) and VolumeLatticeModel.can_read(transform):
        return VolumeLatticeModel(transform)
    return VolumePositionsModel(transform)
