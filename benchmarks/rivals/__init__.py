"""Other libraries; each module says in ``contestants(problem)`` how a user of it would solve the problem best.

Modules are named after the library with an underscore, so that none hides the library itself.
"""

from __future__ import annotations

import importlib

from benchmarks.contestant import Contestant
from benchmarks.problem import Problem

MODULES = {
    "torch": "torch_",
    "OpenCV": "opencv_",
    "kornia": "kornia_",
    "onnxruntime": "onnxruntime_",
    "SciPy": "scipy_",
    "scikit-image": "scikit_image_",
}


def contestants(library: str, problem: Problem) -> list[Contestant]:
    return importlib.import_module(f"{__name__}.{MODULES[library]}").contestants(problem)
