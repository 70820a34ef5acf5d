"""Check your own transforms and layers: their gradients, and the plugin contract."""

from stn_numba.testing.parametrize import parametrize_checks
from stn_numba.testing.transforms import CHECKS, check_transform
from stn_numba.testing.vjp import check_vjp

__all__ = ["CHECKS", "check_transform", "check_vjp", "parametrize_checks"]
