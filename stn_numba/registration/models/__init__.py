"""Sums over pixels for each kind of transform, which normal equations are made of.

`matrix`
    Homographies: all pairs at once, positions computed from the matrix.
`positions`
    Any other transform, pair by pair, by derivatives of positions.
"""

from stn_numba.registration.models.base import Model, Sums
from stn_numba.registration.models.matrix import MatrixModel
from stn_numba.registration.models.positions import PositionsModel
from stn_numba.transform.base import Transform
from stn_numba.transform.matrix import MatrixTransform

__all__ = ["Model", "Sums", "model_of"]


def model_of(transform: Transform) -> Model:
    """Return the fastest model for a transform."""
    return MatrixModel(transform) if isinstance(transform, MatrixTransform) else PositionsModel(transform)
