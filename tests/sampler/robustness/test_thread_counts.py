"""The same bits for 1, 2 and more threads than cores: every kernel, forward and both gradients, cut into several tasks."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import itertools
import numpy as np
import numba
from tests.sampler.examples import KINDS, random_grid, random_image
import stn_numba as stn
from stn_numba.sampler.interpolation import PiecewisePolynomial

assert numba.config.NUMBA_NUM_THREADS == 5
box = PiecewisePolynomial([-0.5, 0.5], [[1.0]])
kernels = ("nearest", "bilinear", "bicubic", "lanczos3", box)
layouts = itertools.cycle(((3, "NHWC", np.float32), (1, "NHWC", np.float32), (3, "NCHW", np.float64)))
paddings = itertools.cycle(("zeros", "border", "reflection", "wrap", "constant", "symmetric"))
batches = itertools.cycle(((1, 1), (3, 3), (1, 3), (3, 1)))
count = 0
for kernel, kind in itertools.product(kernels, KINDS):
    padding, (images, grids), (C, layout, dtype) = next(paddings), next(batches), next(layouts)
    image = random_image(images, 61, 70, C, dtype=dtype)
    image = image.transpose(0, 3, 1, 2) if layout == "NCHW" else image
    grid, expected = random_grid(kind, grids, (121, 143)), None
    for threads in (1, 2, 5):
        options = {"kernel": kernel, "padding": padding, "layout": layout, "num_threads": threads}
        out, backprop = stn.sample_vjp(image, grid, **options)
        results = [array.tobytes() for array in (out, *backprop(random_image(*out.shape, dtype=dtype, seed=5)))]
        expected = expected or results
        assert results == expected, (kernel, kind, C, layout, dtype, padding, threads)
        count += 1
print(count, "results")
"""


def test_every_kernel_gives_the_same_bits_for_any_number_of_threads():
    environment = {**os.environ, "NUMBA_NUM_THREADS": "5"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=Path(__file__).parents[3],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "60 results\n"), done.stderr[-2000:]
