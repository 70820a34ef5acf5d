"""Figures: where a spatial transformer looks, and how training went. Needs matplotlib (extra ``plot``).

Everything is drawn on matplotlib's objects and returned; pyplot and its global state are not touched, so figures can be
made without a display. Save one by ``axes.figure.savefig("figure.png")``.
"""

from __future__ import annotations

from stn_numba.plot.attention import attention_figure
from stn_numba.plot.curves import learning_curves
from stn_numba.plot.region import draw_region, region_outline

__all__ = ["attention_figure", "draw_region", "learning_curves", "region_outline"]
