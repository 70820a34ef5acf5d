"""
Shrink without false patterns
=============================

Rings get finer toward the edge. An image of a sixth of the size cannot show them; without antialiasing it shows others instead.
"""

import matplotlib.pyplot as plt
import numpy as np

import stn_numba as stn

y, x = np.mgrid[-1:1:480j, -1:1:480j]
rings = (0.5 + 0.5 * np.cos(110 * (x * x + y * y))).astype(np.float32)

# %%
# ``antialias=True`` averages over as many pixels as each output pixel covers. It works for every transform, and its gradients
# are exact.
identity = [1, 0, 0, 0, 1, 0]
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
axes[0].imshow(rings, cmap="gray")
axes[0].set_title("480 x 480")
for axis, antialias in zip(axes[1:], (False, True), strict=True):
    axis.imshow(stn.warp(rings, identity, shape=(80, 80), antialias=antialias), cmap="gray", vmin=0, vmax=1)
    axis.set_title(f"80 x 80, antialias={antialias}")
for axis in axes:
    axis.set_axis_off()
