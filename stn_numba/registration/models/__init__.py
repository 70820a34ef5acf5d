"""Sums over pixels for each kind of transform, which normal equations are made of.

`matrix`
    Homographies: all pairs at once, positions computed from the matrix.
`linear`
    Transforms that are linear in theta, by basis functions.
`lattice`
    Displacements of a lattice, by the control points next to each pixel.
`positions`
    Any other transform, pair by pair, by derivatives of positions.
`volumes`
    The same for transforms of volumes.
"""

from stn_numba.registration.models.base import Model, Sums, shown_values
from stn_numba.registration.models.choose import model_of
from stn_numba.registration.models.positions import PositionsModel

__all__ = ["Model", "PositionsModel", "Sums", "model_of", "shown_values"]
