"""
Align two photos
================

The second photo is darker and taken from another side. :func:`stn_numba.register` finds the transform between them, and whether
it is right.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread

import stn_numba as stn
from stn_numba.plot import registration_figure

with get_sample_data("grace_hopper.jpg") as file:
    moving = np.ascontiguousarray(imread(file)[:480:2, 20:500:2].mean(axis=-1, dtype=np.float32))
seen = [0.95, 0.12, 0.05, -0.1, 1.05, -0.04, 0.06, -0.05]
fixed = 0.6 * stn.warp(moving, seen, "projective", kernel="bicubic", padding="border") + 10

# %%
# No start, no settings:
result = stn.register(moving, fixed, "projective")
result.success, result.theta.round(3)

# %%
figure, axes = plt.subplots(2, 3, figsize=(9, 6.4), layout="constrained")
axes = registration_figure(fixed, moving, result.warp(moving, fill=np.nan), axes=axes)
