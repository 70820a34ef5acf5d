"""The experiments of the source on distorted MNIST (arXiv 1506.02025, section 4.1 and appendix), cell by cell."""

from __future__ import annotations

from stn_numba.paper.cells import CELLS, Cell, find_cells
from stn_numba.paper.reproduce import reproduce

__all__ = ["CELLS", "Cell", "find_cells", "reproduce"]
