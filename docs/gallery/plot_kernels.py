"""
Interpolation kernels
=====================

What lies between the pixels is a matter of taste: the same 12 x 16 pixels, enlarged by six kernels.
"""

import matplotlib.pyplot as plt
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread

import stn_numba as stn

with get_sample_data("grace_hopper.jpg") as file:
    photo = imread(file)
eye = photo[165:213:4, 215:279:4].copy()  # 12 x 16 pixels

# %%
# A resize is the identity, to another shape. Without ``align_corners`` the outer edges stay in place.
figure, axes = plt.subplots(2, 3, figsize=(9, 4.8), layout="constrained")
for axis, kernel in zip(axes.flat, ("nearest", "bilinear", "bicubic", "lanczos3", "mitchell", "cubic_b_spline"), strict=True):
    large = stn.warp(eye, [1, 0, 0, 0, 1, 0], shape=(240, 320), kernel=kernel, padding="border", align_corners=False)
    axis.imshow(large)
    axis.set_title(kernel)
    axis.set_axis_off()
