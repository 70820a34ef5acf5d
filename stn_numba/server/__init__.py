"""For deployments: compile what is needed beforehand, and check that an installation is sound."""

from stn_numba.server.doctor import doctor
from stn_numba.server.warmup import Warmed, warmup

__all__ = ["Warmed", "doctor", "warmup"]
