"""
A transform of your own
=======================

Write where each output position reads the input; warps, gradients, training and registration follow. This one swirls.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread

import stn_numba as stn
from stn_numba.testing import check_transform


class Swirl(stn.Transform):
    """Turn about the center by angle * exp(-fall r^2)."""

    n_params = 2

    def identity(self):
        """Return no angle."""
        return np.array([0.0, 1.0])

    def apply(self, theta, points):
        """Return where each output position reads."""
        theta, points = np.asarray(theta), np.asarray(points)
        x, y = points[..., 0], points[..., 1]
        angle = theta[:, :1] * np.exp(-theta[:, 1:] * (x * x + y * y))
        return np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y], axis=-1)


# %%
# The check knows everything that a transform must do:
check_transform(Swirl, picklable=False)

# %%
with get_sample_data("grace_hopper.jpg") as file:
    photo = imread(file)[60:460:2, 60:460:2].copy()
figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
for axis, angle in zip(axes, (0, 1, 2, 4), strict=True):
    axis.imshow(stn.warp(photo, [angle, 3.0], Swirl(), padding="border"))
    axis.set_title(f"angle {angle}")
    axis.set_axis_off()
