"""For deployments: compile kernels ahead of time, and check an installation."""

from stn_numba.deploy.doctor import doctor
from stn_numba.deploy.warmup import WarmupStep, warmup

__all__ = ["WarmupStep", "doctor", "warmup"]
