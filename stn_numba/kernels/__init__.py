"""Numba loops over plain arrays: no checks and no allocation of results; callers see to both."""

from __future__ import annotations

from stn_numba.threads import limits

limits.numba_ceiling()  # Numba, imported next, refuses a number of threads without saying who asked for it
