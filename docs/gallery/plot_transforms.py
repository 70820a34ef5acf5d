"""
A photo through many transforms
===============================

Every transform is a name and some numbers: :func:`stn_numba.warp` does the rest.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread

import stn_numba as stn

# %%
# The photo is Grace Hopper's, which comes with matplotlib. Lines make visible how it bends.
with get_sample_data("grace_hopper.jpg") as file:
    photo = imread(file)[60:460:2, 60:460:2].copy()
photo[::25] = photo[:, ::25] = 255

# %%
# A spline and a lattice move control points: first the x of all, then the y.
spline = stn.get_transform("tps", control_points=(3, 3))
bent = spline.identity()
bent[[4, 13]] += 0.35

lattice = stn.get_transform("bspline", control_points=(6, 6))
waves = np.random.default_rng(0).normal(0, 0.1, lattice.n_params)

warps = {
    "rotation": ("rotation", [0.5]),
    "similarity": ("similarity", [-0.3, 1.3, 0.1, 0.0]),
    "affine": ("affine", [1, 0.4, 0, 0.1, 1.2, 0]),
    "projective": ("projective", [1, 0, 0, 0, 1, 0, 0.5, 0.2]),
    "tps": (spline, bent),
    "bspline": (lattice, waves),
    "radial": ("radial", [-0.3, 0.1, 0, 0, 0]),
}

# %%
# The output says where to read: outside of the photo is black.
figure, axes = plt.subplots(2, 4, figsize=(10, 5.4), layout="constrained")
axes.flat[0].imshow(photo)
axes.flat[0].set_title("the photo")
for axis, (name, (transform, theta)) in zip(axes.flat[1:], warps.items(), strict=True):
    axis.imshow(stn.warp(photo, theta, transform))
    axis.set_title(name)
for axis in axes.flat:
    axis.set_axis_off()
