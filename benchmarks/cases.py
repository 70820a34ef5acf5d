"""What is measured, and how many times as fast as a library we are to be at least."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.problem import Problem, make_problem

BATCH, VIDEO, DIGITS, FEATURES = (32, 224, 224, 3), (1, 1080, 1920, 3), (256, 28, 28, 1), (32, 56, 56, 64)
BOTH = "image and theta"


@dataclass(frozen=True)
class Case:
    """A problem, made when its turn comes, and the ratios required: incumbent's time by ours."""

    name: str
    problem: Callable[[], Problem]
    at_least: dict[str, float]
    others: tuple[str, ...] = field(default=())


def _case(name, at_least, size, *, others=(), **options) -> Case:
    return Case(name, lambda: make_problem(size, **options), at_least, others)


CASES = [
    _case("affine 256x28x28x1", {"torch": 4.0}, DIGITS, others=("OpenCV",)),
    _case("affine 32x224x224x3", {"torch": 3.5, "OpenCV": 1.1}, BATCH),
    _case("affine 1x1080x1920x3", {"torch": 6.0, "OpenCV": 1.1}, VIDEO),
    _case("affine 32x56x56x64 to 28x28", {"torch": 2.0}, FEATURES, shape=(28, 28)),
    _case("affine 1x4096x4096x1", {"torch": 4.0, "OpenCV": 1.2}, (1, 4096, 4096, 1)),
    _case("affine 1x1080x1920x3 uint8", {"OpenCV": 0.9}, VIDEO, dtype="uint8"),
    _case("projective 1x1080x1920x3", {"OpenCV": 1.1}, VIDEO, transform="projective"),
    _case("tps, 16 points, 32x224x224x3", {"kornia": 25.0}, BATCH, transform="tps"),
    _case("dense grid 32x224x224x3", {"torch": 1.3, "OpenCV": 1.1}, BATCH, dense=True),
    _case("bicubic affine 32x224x224x3", {"torch": 2.0, "OpenCV": 1.0}, BATCH, kernel="bicubic"),
    _case("forward and backward 256x28x28x1", {"torch": 3.0}, DIGITS, gradient=BOTH),
    _case("forward and backward 32x224x224x3", {"torch": 3.0}, BATCH, gradient=BOTH),
    _case("forward and backward 32x56x56x64", {"torch": 3.0}, FEATURES, gradient=BOTH),
    _case("forward and backward 1x1080x1920x3", {"torch": 4.0}, VIDEO, gradient=BOTH),
    _case("forward and d_theta 32x224x224x3", {}, BATCH, gradient="theta", others=("torch",)),
]
