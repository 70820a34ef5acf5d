"""Random warps and chunks."""

import numpy as np
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.sampler.interpolation import PiecewisePolynomial
from stn_numba.sampler.padding import PADDINGS
from stn_numba.transform.bounded import bounded
from stn_numba.transform.compose import compose

UNEVEN = PiecewisePolynomial(np.array([-1.0, 0.0, 2.0]), np.array([[1.0, -0.5], [1.0, 1.0]]))  # k(-d) != k(d)
KERNELS = ("nearest", "bilinear", "cubic", "lanczos3", "cubic_b_spline", UNEVEN)
DTYPES = ("float32", "float64", "uint8", "int16", "float16", "complex64", ">f4")
TRANSFORMS = {
    "affine": lambda: stn.get_transform("affine"),
    "projective": lambda: stn.get_transform("projective"),
    "rotation": lambda: stn.get_transform("rotation"),
    "tps": lambda: stn.get_transform("tps", control_points=(3, 3)),
    "streamed tps": lambda: streamed(stn.get_transform("tps", control_points=(3, 4))),
    "polynomial": lambda: stn.get_transform("polynomial", degree=3),
    "bspline": lambda: stn.get_transform("bspline", control_points=(5, 4)),
    "flow": lambda: stn.get_transform("flow", shape=(6, 5)),
    "radial": lambda: stn.get_transform("radial"),
    "bounded bspline": lambda: bounded(stn.get_transform("bspline", control_points=(4, 4)), -0.2, 0.2),
    "composed": lambda: compose("radial", stn.get_transform("tps", control_points=(2, 2))),
}
VOLUMES = {
    "affine": lambda: stn.get_transform("affine", ndim=3),
    "projective": lambda: stn.get_transform("projective", ndim=3),
    "tps": lambda: stn.get_transform("tps", control_points=(2, 2, 2)),
    "streamed tps": lambda: streamed(stn.get_transform("tps", control_points=(2, 2, 2))),
    "bspline": lambda: stn.get_transform("bspline", control_points=(4, 4, 5)),
    "flow": lambda: stn.get_transform("flow", shape=(2, 3, 4)),
}


def streamed(transform):
    """A transform whose basis is computed at each use, as that of a large output."""
    transform.max_cached_bytes = 0
    return transform


def thetas(transform, count, rng, strength):
    """Rows of theta around the identity; some move far outside."""
    return transform.identity() + strength * rng.standard_normal((count, transform.n_params))


def image(shape, dtype, rng):
    """Random pixels; floats have zeros of both signs and some that are not finite."""
    kind = np.dtype(dtype).kind
    if kind in "iu":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    values = rng.standard_normal(shape)
    values[rng.random(shape) < 0.05] = 0.0
    values[rng.random(shape) < 0.01] = rng.choice([np.nan, np.inf])
    return (values + 1j * rng.standard_normal(shape) if kind == "c" else values).astype(dtype)


@st.composite
def calls(draw, axes=2):
    """(image, chunks of the image, theta, transform, options) of a warp."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    most = 40 if axes == 2 else 9
    sizes, shape = (tuple(draw(st.integers(1, most)) for _ in range(axes)) for _ in range(2))
    name = draw(st.sampled_from([*(TRANSFORMS if axes == 2 else VOLUMES)]))
    transform = (TRANSFORMS if axes == 2 else VOLUMES)[name]()
    images, channels, rows = draw(st.sampled_from([(1, 1, 1), (1, 3, 1), (3, 1, 3), (2, 4, 1), (1, 2, 3), (3, 3, 3)]))
    dtype, kernel = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(KERNELS))
    first = draw(st.booleans())
    options = {"kernel": kernel, "padding": draw(st.sampled_from((None, *PADDINGS))), "layout": "NCHW" if first else "NHWC"}
    if axes == 3:
        options["layout"] = options["layout"].replace("HW", "DHW")
    options["align_corners"] = draw(st.booleans())
    if draw(st.booleans()) and not (kernel is UNEVEN and options["padding"] in (None, "constant")):
        options["fill"] = draw(st.sampled_from([5, [*range(channels)]]))
    full = (images, channels, *sizes) if first else (images, *sizes, channels)
    chunks = tuple(draw(st.integers(1, max(1, size))) for size in full)
    options["chunks"] = tuple(draw(st.integers(max(1, size // 4), size)) for size in shape)
    theta = thetas(transform, rows, rng, draw(st.sampled_from([0.0, 0.03, 0.3, 1.0, 30.0])))
    theta = theta.astype(draw(st.sampled_from([np.float64, np.float32])))
    return image(full, dtype, rng), chunks, theta, transform, {**options, "shape": shape}
