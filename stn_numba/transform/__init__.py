"""Transforms: the contract that plugins fulfill, the registry that finds them, and the validation of what they return.

Plugins import the classes of this module and `stn_numba.grid`, nothing else.
"""

from stn_numba.transform.base import Transform
from stn_numba.transform.lattice import LatticeTransform
from stn_numba.transform.linear import LinearTransform
from stn_numba.transform.matrix import MatrixTransform

__all__ = ["LatticeTransform", "LinearTransform", "MatrixTransform", "Transform"]
