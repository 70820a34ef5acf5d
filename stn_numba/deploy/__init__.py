"""For deployments: compile what is needed beforehand, and check that an installation is sound."""

from stn_numba.deploy.doctor import doctor
from stn_numba.deploy.warmup import Warmed, warmup

__all__ = ["Warmed", "doctor", "warmup"]
