"""Losses."""

from __future__ import annotations

import math

from stn_numba.kernels.compiler import jit


@jit.kernel
def softmax_cross_entropy(logits, labels, smoothing, d_logits, total):
    """Write the sum of the losses to total (1,), float64, and the gradient of their mean to d_logits (N, classes).

    `logits` is (N, classes), `labels` (N,) int64; sums are float64.
    """
    N, classes = logits.shape
    whole, share, rest = 0.0, smoothing / classes, 1 - smoothing
    for n in range(N):
        highest = logits[n, 0]
        for c in range(classes):
            highest = max(highest, logits[n, c])
        powers = 0.0
        for c in range(classes):
            power = math.exp(float(logits[n, c] - highest))
            d_logits[n, c] = power
            powers += power
        log_powers = math.log(powers)
        for c in range(classes):
            target = share + rest if c == labels[n] else share
            whole -= target * (float(logits[n, c] - highest) - log_powers)
            d_logits[n, c] = (d_logits[n, c] / powers - target) / N
    total[0] = whole
