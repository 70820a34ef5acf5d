"""Look at what a spatial transformer does in a notebook, with sliders: `stn_numba.explore`. Needs the extra ``notebook``."""

from stn_numba.notebook.explore import explore

__all__ = ["explore"]
