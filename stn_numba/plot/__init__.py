"""Figures of what a spatial transformer attends to, of learning curves, and of registration. Needs matplotlib (extra ``plot``).

All functions draw on matplotlib Axes and return them. They do not use pyplot, so they need no display. Save a figure with
``axes.figure.savefig("figure.png")``.
"""

from __future__ import annotations

from stn_numba.plot.attention import attention_figure
from stn_numba.plot.curves import learning_curves
from stn_numba.plot.misread import misread_figure
from stn_numba.plot.region import draw_region, region_outline
from stn_numba.plot.registration import registration_figure

__all__ = ["attention_figure", "draw_region", "learning_curves", "misread_figure", "region_outline", "registration_figure"]
