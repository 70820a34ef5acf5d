"""Sample between inaccessible pages: ``python -m tests.sampler.robustness.guarded_calls CHANNELS KERNELS``, with commas."""

from __future__ import annotations

import itertools
import sys

import numpy as np

import stn_numba as stn
from tests.fuzz.guarded import guarded

FAR = [np.nan, np.inf, -np.inf, 1e38, -1.0, 1.0, 0.999999, -0.999999, 1.0000001]
READINGS = (  # kernel, padding, fill
    ("bilinear", "zeros", None),
    ("bilinear", "border", 2.0),
    ("bilinear", "constant", 1.0),
    ("bicubic", "zeros", None),
    ("bicubic", "reflection", None),
    ("nearest", "wrap", None),
    ("lanczos3", "border", None),
)


def main(channels, kernels):
    rng = np.random.default_rng(0)
    cases = itertools.product(("float32", "float64", "uint8", "int16"), channels, ("NHWC", "NCHW"), (True, False))
    for (dtype, C, layout, at_end), (H, W, w) in itertools.product(cases, ((1, 1, 3), (3, 5, 17), (4, 2, 9))):
        nchw = layout == "NCHW"
        image = rng.uniform(0, 100, (2, C, H, W) if nchw else (2, H, W, C)).astype(dtype)
        points = rng.uniform(-1.3, 1.3, (2, 4, w, 2))
        points.reshape(-1)[: len(FAR)] = FAR
        out = np.zeros((2, C, 4, w) if nchw else (2, 4, w, C), dtype)
        image, points, out = (guarded(array, at_end=at_end) for array in (image, points, out))
        turned = stn.get_transform("affine").forward([[0.7, -0.9, 0.1, 0.9, 0.7, 0]] * 2, (4, w))[0]
        for (kernel, padding, fill), grid in itertools.product(READINGS, (points, turned)):
            if kernel in kernels:
                call(image, grid, out, {"kernel": kernel, "padding": padding, "fill": fill, "layout": layout})


def call(image, grid, out, options):
    stn.sample(image, grid, out=out, **options)
    if out.dtype.kind == "f":
        stn.sample_vjp(image, grid, **options)[1](out)


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1].split(",")], sys.argv[2].split(","))
    print("no stray access")
