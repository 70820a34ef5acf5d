"""Suggest the right option in error messages: misspellings, and the names that other libraries use.

Other libraries' names are not accepted as aliases, since `reflect` means one thing in OpenCV and SciPy and another in NumPy and
torch. Names without an exact counterpart here are left out, so a suggestion is never wrong.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["did_you_mean"]

_SIMILARITY = 0.8  # of a misspelling to the right name, as difflib measures it

_PADDINGS: Mapping[str | int, str] = {
    **dict.fromkeys(("zero", "black", "zeropad"), "'zeros'"),
    **dict.fromkeys(("borderconstant", "const", "gridconstant", "fill", 0), "'constant'"),
    **dict.fromkeys(("replicate", "edge", "nearest", "clamp", "clip", "repeat", "borderreplicate", 1), "'border'"),
    **dict.fromkeys(("borderreflect", "gridmirror", 2), "'symmetric'"),
    **dict.fromkeys(("borderwrap", "gridwrap", "circular", "periodic", "tile", 3), "'wrap'"),
    **dict.fromkeys(("mirror", "borderreflect101", "borderdefault", "default", 4), "'reflect101'"),
    "reflect": "'symmetric' (reflect in OpenCV and SciPy, which repeats the edge pixel) or 'reflect101' "
    "(reflect in NumPy, scikit-image and torch, which does not)",
}

_KERNELS: Mapping[str | int, str] = {
    **dict.fromkeys(
        ("internearest", "internearestexact", "nearestexact", "nearestneighbor", "nearestneighbour", 0), "'nearest'"
    ),
    **dict.fromkeys(("trilinear", "interlinear", "interlinearexact", 1), "'bilinear'"),
    **dict.fromkeys(("tricubic", "intercubic", 2), "'bicubic'"),
    3: "'bicubic' (order 3 in scikit-image), or antialias=True (INTER_AREA in OpenCV)",
    **dict.fromkeys(("area", "interarea", "box"), "'bilinear' with antialias=True"),
    **dict.fromkeys(("lanczos", "lanczos4", "interlanczos4", 4), "'lanczos3'"),
    **dict.fromkeys(("bspline", "cubicspline"), "'cubic_b_spline'"),
    "mitchellnetravali": "'mitchell'",
    **dict.fromkeys(("catmullrom", "catrom"), "stn_numba.sampler.interpolation.bicubic(-0.5)"),
}

_LAYOUTS: Mapping[str | int, str] = {
    **dict.fromkeys(("channelslast", "hwc", "bhwc"), "'NHWC'"),
    **dict.fromkeys(("channelsfirst", "chw", "bchw"), "'NCHW'"),
}

_TRANSFORMS: Mapping[str | int, str] = {
    **dict.fromkeys(("homography", "perspective", "projection", "projectivetransform", "perspectivetransform"), "'projective'"),
    **dict.fromkeys(("thinplatespline", "thinplatesplines", "thinplate", "thinplatesplinetransform", "spline"), "'tps'"),
    **dict.fromkeys(("affinetransform", "affine2d"), "'affine'"),
    **dict.fromkeys(("similaritytransform", "similarity2d"), "'similarity'"),
    **dict.fromkeys(("euclidean", "euclideantransform", "rigidtransform", "rigidbody"), "'rigid'"),
    **dict.fromkeys(("shift", "translate", "translationtransform"), "'translation'"),
    **dict.fromkeys(("scaling", "scale", "zoom"), "'attention'"),
    **dict.fromkeys(("freeform", "freeformdeformation", "ffd", "bsplinetransform"), "'bspline'"),
    **dict.fromkeys(("opticalflow", "displacement", "displacementfield", "deformationfield"), "'flow'"),
    **dict.fromkeys(("distortion", "lens", "lensdistortion", "undistort"), "'radial'"),
}

_BY_ARGUMENT: Mapping[str, Mapping[str | int, str]] = {
    "padding": _PADDINGS,
    "kernel": _KERNELS,
    "layout": _LAYOUTS,
    "transform": _TRANSFORMS,
    "units": dict.fromkeys(("pixel", "px"), "'pixels'"),
}


def did_you_mean(value: Any, argument: str, options: Iterable[str]) -> str:
    """Return ``"; did you mean ...?"`` for an invalid value of an argument, or an empty string if nothing is close enough.

    Examples
    --------
    >>> did_you_mean("BORDER_REPLICATE", "padding", ("zeros", "border"))
    "; did you mean 'border'?"
    >>> did_you_mean("bicubc", "kernel", ("bilinear", "bicubic"))
    "; did you mean 'bicubic'?"
    >>> did_you_mean("something", "kernel", ("bilinear", "bicubic"))
    ''
    """
    options = list(options)
    meant = _closest(value.name if isinstance(value, enum.Enum) else value, _BY_ARGUMENT.get(argument, {}), options)
    return f"; did you mean {meant}?" if meant else ""


def _closest(value: Any, others: Mapping[str | int, str], options: list[str]) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return others.get(value, "")
    if not isinstance(value, str) or len(value) > 60:
        return ""
    plain = _simplified(value)
    own = next((option for option in options if _simplified(option) == plain), None)
    if own is not None:
        return repr(own)
    if plain in others:
        return others[plain]
    near = difflib.get_close_matches(value, options, 1, _SIMILARITY) or difflib.get_close_matches(
        plain, options, 1, _SIMILARITY
    )
    return repr(near[0]) if near else ""


def _simplified(name: str) -> str:
    """Return a name in lower case without punctuation and the prefix ``cv2.``, for comparison.

    Examples
    --------
    >>> _simplified("cv2.BORDER_REFLECT_101")
    'borderreflect101'
    """
    return "".join(filter(str.isalnum, name.lower().removeprefix("cv2.")))
