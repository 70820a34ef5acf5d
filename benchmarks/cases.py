"""What is measured, against whom, and what is required."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.problem import GRADIENTS, Problem, make_problem

DIGITS = (256, 28, 28, 1)
PHOTOS = (32, 224, 224, 3)
FEATURES = (32, 56, 56, 64)
VIDEO = (1, 1080, 1920, 3)
SCAN = (1, 4096, 4096, 1)
GRAY_VIDEO = (1, 1080, 1920, 1)
DIGIT = (1, 28, 28, 1)
ICON = (1, 64, 64, 3)
PHOTO = (1, 224, 224, 3)
_, THETA, BOTH = GRADIENTS


@dataclass(frozen=True)
class Case:
    """A problem, made when its turn comes, and the ratios (rival's time / ours) required of it."""

    name: str
    make: Callable[[], Problem]
    rivals: tuple[str, ...]
    at_least: dict[str, float] = field(default_factory=dict)


def _case(
    what: str, size: tuple[int, int, int, int], at_least: dict[str, float], more: tuple[str, ...] = (), **rest: Any
) -> Case:
    """The rivals are those with a requirement, and `more`."""
    sizes = "x".join(map(str, size[1:] if rest.get("single") else size))
    to = " to {}x{}".format(*rest["shape"]) if "shape" in rest else ""
    name = f"{what}, {sizes}{to}" + (f" {rest['dtype']}" if "dtype" in rest else "")
    return Case(name, lambda: make_problem(size, **rest), (*at_least, *more), at_least)


FORWARD = [
    _case("affine", DIGITS, {"torch": 5}, ("OpenCV", "onnxruntime")),
    _case("affine", PHOTOS, {"torch": 4, "OpenCV": 1.4}, ("kornia", "onnxruntime")),
    _case("affine", VIDEO, {"torch": 6, "OpenCV": 1.3}, ("kornia", "onnxruntime", "SciPy", "scikit-image")),
    _case("affine", FEATURES, {"torch": 3}, ("onnxruntime",), shape=(28, 28)),
    _case("affine", SCAN, {"torch": 8, "OpenCV": 1.2}),
    _case("affine", VIDEO, {"OpenCV": 1.3}, dtype="uint8"),
    _case("projective", VIDEO, {"OpenCV": 1.2}, ("kornia",), transform="projective"),
    _case("tps, 16 points", PHOTOS, {"kornia": 25}, transform="tps"),
    _case("dense grid", PHOTOS, {"torch": 1.3, "OpenCV": 1.1}, ("onnxruntime",), transform="tps", dense=True),
    _case("affine bicubic", PHOTOS, {"torch": 2, "OpenCV": 1.0}, kernel="bicubic"),
]

ONE_IMAGE = [
    _case("one image", DIGIT, {"OpenCV": 0.33}, single=True, dtype="uint8"),
    _case("one image", DIGIT, {"OpenCV": 0.33}, single=True),
    _case("one image", ICON, {"OpenCV": 0.8}, single=True, dtype="uint8"),
    _case("one image", ICON, {"OpenCV": 0.8}, single=True),
    _case("one image", PHOTO, {"OpenCV": 1.2}, single=True, dtype="uint8"),
    _case("one image", PHOTO, {"OpenCV": 1.2}, single=True),
]

NEAREST = [
    _case("affine nearest", GRAY_VIDEO, {"OpenCV": 1.0}, kernel="nearest", dtype="uint8"),
    _case("affine nearest", VIDEO, {"OpenCV": 1.0}, kernel="nearest", dtype="uint8"),
    _case("affine nearest, labels", GRAY_VIDEO, {"OpenCV": 1.0}, kernel="nearest", dtype="int32"),
    _case("dense grid nearest, channels first", VIDEO, {"torch": 1.0}, kernel="nearest", dense=True, layout="NCHW"),
]

OPTIONS = [
    _case("affine, reflecting edges", PHOTOS, {}, ("torch", "OpenCV"), padding="reflect101"),
    _case("affine, channels first", PHOTOS, {}, ("torch",), layout="NCHW"),
    _case("affine into a given array", VIDEO, {}, ("OpenCV",), into_given=True),
]

BACKWARD = [
    _case("forward and backward", DIGITS, {"torch": 4}, gradient=BOTH),
    _case("forward and backward", PHOTOS, {"torch": 4}, gradient=BOTH),
    _case("forward and backward", FEATURES, {"torch": 3}, gradient=BOTH),
    _case("forward and backward", VIDEO, {"torch": 5}, gradient=BOTH),
    _case("forward and backward, dense grid", VIDEO, {"torch": 3}, gradient=BOTH, dense=True),
    _case("forward and d_theta", DIGITS, {}, ("torch",), gradient=THETA),
    _case("forward and d_theta", PHOTOS, {}, ("torch",), gradient=THETA),
    _case("forward and d_theta", FEATURES, {}, ("torch",), gradient=THETA),
    _case("forward and d_theta", VIDEO, {}, ("torch",), gradient=THETA),
]

CASES = [*FORWARD, *ONE_IMAGE, *NEAREST, *OPTIONS, *BACKWARD]
