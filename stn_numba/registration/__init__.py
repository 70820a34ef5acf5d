"""Registration: find the transform between two images, with any transform.

`register` finds it for a pair, `register_stack` for the frames of a stack; both return a `Registration`.
"""

from stn_numba.registration.api import register
from stn_numba.registration.result import LevelReport, Registration
from stn_numba.registration.stack import register_stack

__all__ = ["LevelReport", "Registration", "register", "register_stack"]
