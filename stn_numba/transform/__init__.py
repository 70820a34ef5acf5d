"""Transforms: the contract that plugins fulfill, the registry that finds them, and checks of what they return.

Plugins import the classes of this module and `stn_numba.grid`, nothing else.
"""

from stn_numba.transform.base import LinearTransform, MatrixTransform, Transform

__all__ = ["LinearTransform", "MatrixTransform", "Transform"]
