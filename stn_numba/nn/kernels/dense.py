"""Fully connected layers and rectifiers, all of a run in one call; products of matrices go to BLAS.

Serial only: callers hand parts of the batch to threads of their own.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels import jit


@jit.serial
def forward(x, weights, biases, rectified, outputs):
    """Outputs (N, units) of each layer, for x (N, D); `rectified` says of each whether a rectifier follows."""
    for k in range(len(weights)):
        y, bias, rectify = outputs[k], biases[k], rectified[k]
        if k == 0:
            np.dot(x, weights[k], y)
        else:
            np.dot(outputs[k - 1], weights[k], y)
        zero = y.dtype.type(0)
        for n in range(y.shape[0]):
            row = y[n]
            for u in range(row.shape[0]):
                value = row[u] + bias[u]
                row[u] = zero if rectify and value <= zero else value  # what is not a number stays


@jit.serial
def backward(x, weights, rectified, outputs, dy, slopes, d_weights, d_biases, dx, wanted):
    """Gradients by weights, biases and, if `wanted`, by x; `slopes` (N, units) of each layer are scratch."""
    for k in range(len(weights) - 1, -1, -1):
        slope, y, d_bias, rectify = slopes[k], outputs[k], d_biases[k], rectified[k]
        if k == len(weights) - 1:
            slope[:] = dy
        d_bias[:] = 0
        zero = y.dtype.type(0)
        for n in range(y.shape[0]):
            row, value = slope[n], y[n]
            for u in range(row.shape[0]):
                row[u] = zero if rectify and value[u] <= zero else row[u]
                d_bias[u] += row[u]
        if k > 0:
            np.dot(outputs[k - 1].T, slope, d_weights[k])
            np.dot(slope, weights[k].T, slopes[k - 1])
        else:
            np.dot(x.T, slope, d_weights[k])
            if wanted:
                np.dot(slope, weights[k].T, dx)
