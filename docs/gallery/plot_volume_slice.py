"""
A slice through a volume
========================

A scan has thick slices. :func:`stn_numba.resample` reads it on any other grid in space, here a plane at an angle.
"""

import matplotlib.pyplot as plt
import numpy as np

import stn_numba as stn

# %%
# A ball with a smaller one inside, on 24 slices of 3 mm:
scan = stn.ImageGeometry((24, 96, 96), spacing=(0.75, 0.75, 3.0))
index = np.stack(np.meshgrid(np.arange(96), np.arange(96), np.arange(24), indexing="ij"), axis=-1)
x, y, z = np.moveaxis(index * np.array([0.75, 0.75, 3.0]) - 36, -1, 0)
volume = 0.5 * (x * x + y * y + z * z < 30**2) + 0.5 * ((x - 8) ** 2 + (y + 5) ** 2 + (z - 6) ** 2 < 12**2)
volume = np.ascontiguousarray(volume.T, dtype=np.float32)

# %%
# The plane turns about the y axis. Its direction has the axes of its rows, columns and normal as columns.
figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
for axis, degrees in zip(axes, (0, 30, 60, 90), strict=True):
    angle = np.deg2rad(degrees)
    direction = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    origin = np.array([36, 36, 36]) - direction @ [36, 36, 0]
    plane = stn.ImageGeometry((1, 145, 145), spacing=0.5, origin=origin, direction=direction)
    axis.imshow(stn.resample(volume, scan, plane)[0], cmap="gray", vmin=0, vmax=1)
    axis.set_title(f"{degrees} degrees")
    axis.set_axis_off()
