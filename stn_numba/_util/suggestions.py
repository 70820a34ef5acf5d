"""What other libraries call our options, for the "did you mean" of error messages.

The names are not accepted: `reflect` means one thing in OpenCV and SciPy and another in NumPy and torch. They only lead on
to the name that does the same here. Names without a counterpart are left out, so that a hint is never wrong.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["hint", "same_name"]

_ALIKE = 0.8  # how much of two names must agree to take one for a misspelling of the other

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
        ("internearest", "internearestexact", "nearestexact", "nearestneighbor", "nearestneighbor", 0), "'nearest'"
    ),
    **dict.fromkeys(("linear", "trilinear", "interlinear", "interlinearexact", 1), "'bilinear'"),
    **dict.fromkeys(("cubic", "tricubic", "intercubic", 2), "'bicubic'"),
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
    **dict.fromkeys(
        ("similarity", "euclidean", "rigid", "similaritytransform", "euclideantransform", "rotation", "translation", "scaling"),
        "'affine', of which it is a special case",
    ),
}

_BY_ARGUMENT: Mapping[str, Mapping[str | int, str]] = {
    "padding": _PADDINGS,
    "kernel": _KERNELS,
    "layout": _LAYOUTS,
    "transform": _TRANSFORMS,
    "units": dict.fromkeys(("pixel", "px"), "'pixels'"),
}


def hint(value: Any, argument: str, options: Iterable[str]) -> str:
    """Return ``"; did you mean ...?"`` for a value that is none of the options, or nothing where that is a guess.

    Examples
    --------
    >>> hint("BORDER_REPLICATE", "padding", ("zeros", "border"))
    "; did you mean 'border'?"
    >>> hint("bicubc", "kernel", ("bilinear", "bicubic"))
    "; did you mean 'bicubic'?"
    >>> hint("something", "kernel", ("bilinear", "bicubic"))
    ''
    """
    options = list(options)
    meant = _meant(value.name if isinstance(value, enum.Enum) else value, _BY_ARGUMENT.get(argument, {}), options)
    return f"; did you mean {meant}?" if meant else ""


def _meant(value: Any, others: Mapping[str | int, str], options: list[str]) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return others.get(value, "")
    if not isinstance(value, str) or len(value) > 60:
        return ""
    plain = same_name(value)
    own = next((option for option in options if same_name(option) == plain), None)
    if own is not None:
        return repr(own)
    if plain in others:
        return others[plain]
    near = difflib.get_close_matches(value, options, 1, _ALIKE) or difflib.get_close_matches(plain, options, 1, _ALIKE)
    return repr(near[0]) if near else ""


def same_name(name: str) -> str:
    """Return a name without upper case, punctuation and the prefix of OpenCV, for comparison.

    Examples
    --------
    >>> same_name("cv2.BORDER_REFLECT_101")
    'borderreflect101'
    """
    return "".join(filter(str.isalnum, name.lower().removeprefix("cv2.")))
