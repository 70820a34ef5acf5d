"""
Find a motion by gradient descent
=================================

The gradient of the sampled image by the transform's parameters is what lets a network learn where to look. Here it finds an
angle and a shift without any network.
"""

import matplotlib.pyplot as plt
import numpy as np

import stn_numba as stn

y, x = np.mgrid[-1:1:48j, -1:1:48j]
image = np.exp(-8 * ((x - 0.2) ** 2 + 3 * (y + 0.1) ** 2)) + 0.5 * np.exp(-9 * ((x + 0.4) ** 2 + (y - 0.3) ** 2))
rigid = stn.get_transform("rigid")
target = stn.warp(image, [0.5, 0.15, -0.1], rigid)

# %%
# :func:`stn_numba.sample_vjp` returns the output and the function that takes gradients back to the grid; ``forward`` of the
# transform returns the grid and the function that takes them back to theta.
theta = rigid.identity()[None]
losses, shown = [], {}
for step in range(400):
    grid, theta_backprop = rigid.forward(theta, image.shape)
    out, backprop = stn.sample_vjp(image[None, ..., None], grid)
    difference = out[0, ..., 0] - target
    losses.append(np.mean(difference**2))
    if step in (0, 20, 60, 399):
        shown[step] = difference
    _, d_grid = backprop((2 * difference / difference.size)[None, ..., None], image=False)
    theta -= theta_backprop(d_grid)
theta.round(3)

# %%
# What is left of the difference, and the loss:
figure, axes = plt.subplots(1, 5, figsize=(11, 2.4), layout="constrained")
for axis, (step, difference) in zip(axes, shown.items(), strict=False):
    axis.imshow(difference, cmap="RdBu", vmin=-0.8, vmax=0.8)
    axis.set_title(f"step {step}")
    axis.set_axis_off()
axes[-1].semilogy(losses)
axes[-1].set_title("loss")
