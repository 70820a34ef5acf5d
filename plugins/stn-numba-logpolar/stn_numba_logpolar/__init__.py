"""A log-polar transform for stn-numba."""

from stn_numba_logpolar.logpolar import LogPolar

__all__ = ["LogPolar"]
