"""Nothing outside the arrays is touched: each array lies between pages that may not be read or written."""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, itertools, mmap, sys
import numpy as np
import stn_numba as stn

libc = ctypes.CDLL(None, use_errno=True)
held = []


def fenced(array, at_the_end):
    '''A copy that ends where a forbidden page starts, or starts where one ends.'''
    page, size = mmap.PAGESIZE, max(array.nbytes, 1)
    inner = -(-size // page) * page
    region = mmap.mmap(-1, inner + 2 * page)
    held.append(region)
    address = ctypes.addressof(ctypes.c_char.from_buffer(region))
    for fence in (address, address + page + inner):
        assert libc.mprotect(ctypes.c_void_p(fence), page, 0) == 0
    start = page + (inner - size if at_the_end else 0)
    result = np.frombuffer(region, array.dtype, array.size, start - start % array.itemsize).reshape(array.shape)
    result[...] = array
    return result


if sys.argv[1] == "planted":
    array = fenced(np.zeros(4), True)
    ctypes.string_at(array.ctypes.data, 33)
    print("not reached")
    sys.exit()

rng = np.random.default_rng(0)
far = [np.nan, np.inf, -np.inf, 1e38, -1.0, 1.0, 0.999999, -0.999999, 1.0000001]
dtypes, channels = ("float32", "float64", "uint8", "int16"), map(int, sys.argv[2].split(","))
for dtype, C, layout, end in itertools.product(dtypes, channels, ("NHWC", "NCHW"), (True, False)):
    for H, W, w in ((1, 1, 3), (3, 5, 17), (4, 2, 9)):
        shape = (2, H, W, C) if layout == "NHWC" else (2, C, H, W)
        image = fenced((rng.uniform(0, 100, shape)).astype(dtype), end)
        points = rng.uniform(-1.3, 1.3, (2, 4, w, 2))
        points.reshape(-1)[: len(far)] = far
        points = fenced(points, end)
        out = fenced(np.zeros((2, 4, w, C) if layout == "NHWC" else (2, C, 4, w), dtype), end)
        turned = stn.get_transform("affine").forward([[0.7, -0.9, 0.1, 0.9, 0.7, 0]] * 2, (4, w))[0]
        for kernel, padding, fill in (
            ("bilinear", "zeros", None), ("bilinear", "border", 2.0), ("bicubic", "zeros", None),
            ("bicubic", "reflection", None), ("nearest", "wrap", None), ("lanczos3", "border", None),
            ("bilinear", "constant", 1.0),
        ):
            if kernel not in sys.argv[3]:
                continue
            options = {"kernel": kernel, "padding": padding, "fill": fill, "layout": layout}
            for grid in (points, turned):
                stn.sample(image, grid, out=out, **options)
                if out.dtype.kind == "f":
                    stn.sample_vjp(image, grid, **options)[1](out)
print("nothing was touched")
"""


def run(*arguments):
    return subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="pages are fenced by Linux' mprotect")
@pytest.mark.parametrize(
    ("channels", "kernels"),
    [
        ("1,2,4,5,16", "nearest bilinear bicubic lanczos3"),
        ("3", "nearest bilinear"),
        ("3", "bicubic lanczos3"),
    ],
)
def test_no_access_leaves_the_arrays(channels, kernels):
    done = run("all", channels, kernels)
    assert (done.returncode, done.stdout) == (0, "nothing was touched\n"), done.stderr[-2000:]


@pytest.mark.skipif(sys.platform != "linux", reason="pages are fenced by Linux' mprotect")
def test_a_planted_stray_access_is_caught():
    done = run("planted")
    assert done.returncode < 0
    assert "not reached" not in done.stdout
